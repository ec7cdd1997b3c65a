"""The generated pages of the documentation are those of the code."""

import re
from pathlib import Path

import pytest

from core.kernel.errors import CATALOGUE
from partner_api.docs_pages import DIRECTORY, PAGES, write


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_current(name: str) -> None:
    committed = (DIRECTORY / name).read_text(encoding="utf-8")
    assert committed == PAGES[name](), "run: python -m partner_api.docs_pages"


def test_the_pages_are_written_where_they_belong(tmp_path: Path) -> None:
    write(tmp_path)
    assert sorted(page.name for page in tmp_path.iterdir()) == sorted(PAGES)


def test_the_guide_speaks_of_what_exists() -> None:
    guide = (DIRECTORY / "first-charge.md").read_text(encoding="utf-8")
    reference = PAGES["reference.md"]()
    for path in set(re.findall(r"/v1/[a-z_]+", guide)):
        assert path in reference, path
    for code in re.findall(r"`\d{3} (\w+)`", guide):
        assert code in CATALOGUE
    for link in re.findall(r"\]\((\w[\w.-]*)\)", guide):
        assert (DIRECTORY / link).is_file()
