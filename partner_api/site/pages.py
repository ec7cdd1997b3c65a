"""What pages there are, in the order of the navigation."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

PACKED: Final = Path(__file__).parent / "content"
"""Where a wheel has the texts; a checkout has them where they are written."""

_CHECKOUT: Final = Path(__file__).parents[2]
_TITLE: Final = re.compile(r"^# (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the navigation: its address below ``/docs`` and its name there.

    *file* is the text it is made from; pages without one are made from the code.
    """

    slug: str
    name: str
    file: str | None = None


GUIDES: Final = "Guides"

_SECTIONS: Final[Sequence[tuple[str, Sequence[Page]]]] = (
    (
        "Begin",
        (
            Page("", "Overview"),
            Page("quick-start", "Quick start", "quick-start.md"),
            Page("joining", "Joining", "joining.md"),
            Page("test-mode", "Test mode", "test-mode.md"),
            Page("first-charge", "First charge", "first-charge.md"),
            Page("python", "Python client", "python.md"),
            Page("collection", "API collection", "collection.md"),
        ),
    ),
    (
        GUIDES,
        (
            Page("idempotency", "Idempotency", "idempotency.md"),
            Page("webhooks", "Webhooks", "webhooks.md"),
            Page("late-starts", "Late starts", "late-starts.md"),
            Page("reconciling", "After an outage", "reconciling.md"),
            Page("stations", "Stations and status", "stations.md"),
            Page("limits", "Limits", "limits.md"),
            Page("conduct", "Conduct", "conduct.md"),
            Page("request-signing", "Request signing", "request-signing.md"),
            Page("request-log", "Request log", "request-log.md"),
        ),
    ),
    (
        "Reference",
        (
            Page("reference", "API reference"),
            Page("events", "Event types"),
            Page("errors", "Errors"),
            Page("changelog", "Changelog", "CHANGELOG.md"),
        ),
    ),
)

MADE: Final[Mapping[str, str]] = {"errors.md": "errors", "reference.md": "reference"}
"""Texts of the repository that are made from the code, as the pages here are."""


@cache
def sections() -> Sequence[tuple[str, Sequence[Page]]]:
    """Return the navigation: the pages that there are.

    A text that has no place in it stands behind the guides.
    """
    files = {path.name for path in _partners().glob("*.md")} | {"CHANGELOG.md"}
    placed = {page.file for _, pages in _SECTIONS for page in pages} | MADE.keys()
    others = [_unplaced(file) for file in sorted(files - placed)]
    return [
        (
            name,
            [page for page in pages if page.file is None or page.file in files]
            + (others if name == GUIDES else []),
        )
        for name, pages in _SECTIONS
    ]


def every_page() -> list[Page]:
    """Return all pages in the order of the navigation."""
    return [page for _, pages in sections() for page in pages]


def slug_of(file: str) -> str | None:
    """Return where the page that is made from *file* is, if there is one."""
    if file in MADE:
        return MADE[file]
    return next((page.slug for page in every_page() if page.file == file), None)


def text_of(file: str) -> str:
    """Return the text that a page is made from."""
    path = _root() / file if file == "CHANGELOG.md" else _partners() / file
    return path.read_text(encoding="utf-8")


def _unplaced(file: str) -> Page:
    found = _TITLE.search(text_of(file))
    slug = file.removesuffix(".md")
    return Page(slug, found[1] if found else slug, file)


def _root() -> Path:
    return PACKED if PACKED.is_dir() else _CHECKOUT


def _partners() -> Path:
    return PACKED / "partners" if PACKED.is_dir() else _CHECKOUT / "docs" / "partners"
