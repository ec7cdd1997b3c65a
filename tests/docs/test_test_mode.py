"""docs/partners/test-mode.md names what there is."""

import re
from pathlib import Path

from core.sandbox.cast import CAST
from core.sandbox.states import Act

PAGE = (Path(__file__).parents[2] / "docs" / "partners" / "test-mode.md").read_text()


def test_the_page_names_every_charger_and_every_helper() -> None:
    assert re.findall(r"^\| `(SIM-[A-Z]+)`", PAGE, re.MULTILINE) == list(CAST)
    named = re.findall(r"^\| `([a-z_]+)`", PAGE, re.MULTILINE)
    assert named == [act.value for act in Act]
