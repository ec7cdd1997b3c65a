"""What every page of the documentation looks like."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final

from partner_api.site.markdown import Heading
from partner_api.site.pages import every_page, sections

STATIC: Final = Path(__file__).parent / "static"
ASSETS: Final = {
    "style.css": "text/css; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "logo.svg": "image/svg+xml",
}
_MINIMUM: Final = 3
"""Headings from which on a page has a list of them."""

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No request leaves for anywhere else, nothing inline is run."""

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Voltgate</title>
<link rel="stylesheet" href="{style}">
<link rel="icon" href="{logo}" type="image/svg+xml">
<script src="{script}" defer></script>
</head>
<body>
<a class="skip" href="#site-main">To the text</a>
<header>
<a class="brand" href="/docs"><img src="{logo}" alt="" width="22" height="22">Voltgate <span>for \
partners</span></a>
<div class="search" hidden><input id="site-search" type="search" \
aria-label="Search the documentation" autocomplete="off" spellcheck="false">\
<ul id="site-found" hidden></ul></div>
<a class="raw" href="/openapi.json">OpenAPI</a>
</header>
<input type="checkbox" id="site-menu" aria-label="Show the list of pages">
<label for="site-menu">Menu</label>
<div class="columns">
<nav class="pages" aria-label="Pages">
{navigation}</nav>
<main id="site-main">
<article>
{body}</article>
{neighbours}</main>
{contents}</div>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Document:
    """A page as it is sent; *tag* is its entity tag."""

    body: bytes
    tag: str
    title: str
    headings: Sequence[Heading]

    @classmethod
    def of(cls, html: str, *, title: str, headings: Sequence[Heading]) -> "Document":
        body = html.encode()
        return cls(body, f'"{sha256(body).hexdigest()[:32]}"', title, headings)


def page(
    slug: str, title: str, body: str, headings: Sequence[Heading] = (), *, below: str | None = None
) -> Document:
    """Return a page.

    Args:
        below: The page of the navigation that it belongs to, if it is none itself.
    """
    current = slug if below is None else below
    html = _PAGE.format(
        title=escape(title),
        style=asset("style.css"),
        script=asset("docs.js"),
        logo=asset("logo.svg"),
        navigation=_navigation(current),
        body=body,
        neighbours=_neighbours(slug),
        contents=_contents(headings),
    )
    return Document.of(html, title=title, headings=headings)


@cache
def asset(name: str) -> str:
    """Return the address of a file that never changes there."""
    digest = sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/docs/assets/{digest}/{name}"


def address(slug: str) -> str:
    """Return the address of a page."""
    return f"/docs/{slug}" if slug else "/docs"


def _navigation(current: str) -> str:
    parts = []
    for name, pages in sections():
        parts.append(f"<h2>{escape(name)}</h2>\n<ul>\n")
        for one in pages:
            here = ' aria-current="page"' if one.slug == current else ""
            parts.append(f'<li><a href="{address(one.slug)}"{here}>{escape(one.name)}</a></li>\n')
        parts.append("</ul>\n")
    return "".join(parts)


def _neighbours(slug: str) -> str:
    pages = every_page()
    here = next((n for n, one in enumerate(pages) if one.slug == slug), None)
    if here is None:
        return ""
    parts = []
    if here > 0:
        one = pages[here - 1]
        parts.append(f'<a rel="prev" href="{address(one.slug)}">{escape(one.name)}</a>')
    if here + 1 < len(pages):
        one = pages[here + 1]
        parts.append(f'<a rel="next" href="{address(one.slug)}">{escape(one.name)}</a>')
    return f'<nav class="neighbours" aria-label="Next pages">{"".join(parts)}</nav>\n'


def _contents(headings: Sequence[Heading]) -> str:
    shown = [heading for heading in headings if heading.level in {2, 3}]
    if len(shown) < _MINIMUM:
        return ""
    items = "".join(
        f'<li class="l{one.level}"><a href="#{one.anchor}">{escape(one.text)}</a></li>\n'
        for one in shown
    )
    return (
        '<nav class="contents" aria-label="On this page">\n<h2>On this page</h2>\n'
        f"<ul>\n{items}</ul>\n</nav>\n"
    )
