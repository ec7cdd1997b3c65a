"""What the pages of applicants look like: the style of the documentation, no script."""

from html import escape
from typing import Final

from fastapi.responses import HTMLResponse

from partner_api.site.layout import asset

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
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
</head>
<body>
<header>
<a class="brand" href="/docs"><img src="{logo}" alt="" width="22" height="22">Voltgate <span>for \
partners</span></a>
</header>
<main class="alone">
<article>
<h1>{title}</h1>
{body}</article>
</main>
</body>
</html>
"""


def page(title: str, body: str, *, status: int = 200) -> HTMLResponse:
    """Return a page; *body* is HTML, what came from outside escaped in it."""
    html = _PAGE.format(
        title=escape(title), body=body, style=asset("style.css"), logo=asset("logo.svg")
    )
    return HTMLResponse(html, status, {"Content-Security-Policy": _POLICY})


def paragraph(text: str) -> str:
    """Return *text* as a paragraph."""
    return f"<p>{escape(text)}</p>\n"
