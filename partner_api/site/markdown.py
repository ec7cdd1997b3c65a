"""Markdown as HTML: headings with anchors, coloured code, tables that scroll, links of the site."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any, Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from pygments import lex
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Literal, Name, Number, Operator, Punctuation, String
from pygments.util import ClassNotFound

from partner_api.site.pages import slug_of

_LINK: Final = re.compile(r"(?P<file>[\w./-]+\.md)(?P<anchor>#[\w-]+)?", re.ASCII)
_CLASSES: Final = (
    (Comment, "c"),
    (Keyword.Constant, "n"),
    (Keyword, "k"),
    (String, "s"),
    (Number, "n"),
    (Name.Tag, "t"),
    (Name.Attribute, "t"),
    (Name.Function, "f"),
    (Name.Class, "f"),
    (Name.Builtin, "k"),
    (Name.Variable, "v"),
    (Literal, "n"),
)
_PLAIN: Final = (Operator, Punctuation)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a page; *level* 1 is its title."""

    level: int
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text as HTML, with what its navigation is made from."""

    html: str
    headings: Sequence[Heading]

    @property
    def title(self) -> str:
        """The first heading."""
        return self.headings[0].text if self.headings else ""


def render(text: str) -> Rendered:
    """Return Markdown of our own as HTML; what HTML is in it stays."""
    parser = _parser()
    tokens = parser.parse(text)
    headings: list[Heading] = []
    taken: dict[str, int] = {}
    for n, token in enumerate(tokens):
        if token.type == "heading_open":
            plain = _plain(tokens[n + 1])
            anchor = _unique(anchor_of(plain), taken)
            token.attrSet("id", anchor)
            headings.append(Heading(int(token.tag[1]), anchor, plain))
            _add_anchor(tokens[n + 1], anchor, token.tag)
    html = parser.renderer.render(tokens, parser.options, {})
    return Rendered(_without_dead_links(html), headings)


def inline(text: str) -> str:
    """Return one line of Markdown (of the code's own texts) as HTML."""
    return _without_dead_links(str(_strict().renderInline(text)))


def paragraphs(text: str) -> str:
    """Return Markdown of the code's own texts as HTML; HTML in it is shown as text."""
    return _without_dead_links(str(_strict().render(text)))


def anchor_of(text: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def code(text: str, language: str) -> str:
    """Return a block of code as HTML, with a class for each kind of word."""
    return (
        f'<div class="code"><pre tabindex="0"><code>{_coloured(text.rstrip(), language)}'
        "</code></pre></div>\n"
    )


def _coloured(text: str, language: str) -> str:
    try:
        lexer = get_lexer_by_name({"sh": "bash"}.get(language, language or "text"), stripnl=False)
    except ClassNotFound:
        return escape(text, quote=False)
    parts = []
    for kind, value in lex(text, lexer):
        shown = escape(value, quote=False)
        name = None
        if kind not in _PLAIN:
            name = next((name for known, name in _CLASSES if kind in known), None)
        parts.append(shown if name is None else f'<span class="{name}">{shown}</span>')
    return "".join(parts).rstrip("\n")


@cache
def _parser() -> MarkdownIt:
    return _with_rules(MarkdownIt("commonmark", {"html": True}).enable("table"))


@cache
def _strict() -> MarkdownIt:
    return _with_rules(MarkdownIt("commonmark", {"html": False}).enable("table"))


def _with_rules(parser: MarkdownIt) -> MarkdownIt:
    rules: dict[str, Callable[..., str]] = {
        "fence": _fence,
        "code_block": _fence,
        "table_open": lambda *_: '<div class="table" tabindex="0"><table>\n',
        "table_close": lambda *_: "</table></div>\n",
    }
    for name, rule in rules.items():
        parser.renderer.rules[name] = rule  # type: ignore[attr-defined]
    parser.core.ruler.push("links", _lead_links)
    return parser


def _lead_links(state: StateCore) -> None:
    for token in state.tokens:
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", _address(str(child.attrGet("href"))))


def _fence(tokens: Sequence[Token], n: int, *_: Any) -> str:
    words = tokens[n].info.split()
    return code(tokens[n].content, words[0] if words else "text")


def _add_anchor(heading: Token, anchor: str, tag: str) -> None:
    if tag == "h1":
        return
    link = Token("html_inline", "", 0)
    link.content = f' <a class="anchor" href="#{anchor}" aria-label="Link to this section">#</a>'
    heading.children = [*(heading.children or ()), link]


def _plain(heading: Token) -> str:
    children = heading.children or ()
    return "".join(child.content for child in children if child.type in {"text", "code_inline"})


def _unique(anchor: str, taken: dict[str, int]) -> str:
    count = taken[anchor] = taken.get(anchor, -1) + 1
    return anchor if count == 0 else f"{anchor}-{count}"


_DEAD: Final = "dead:"
_DEAD_LINK: Final = re.compile(rf'<a href="{_DEAD}">(.*?)</a>', re.DOTALL)


def _address(href: str) -> str:
    """Return where a link of a text leads on the site; links of the repository alone are dead."""
    if href.startswith(("#", "/")) or urlsplit(href).scheme:
        return href
    found = _LINK.fullmatch(href)
    file = found["file"].removeprefix("docs/partners/") if found else ""
    slug = slug_of(file) if found else None
    if slug is None:
        return _DEAD
    return f"/docs/{slug}{found['anchor'] or ''}" if found else _DEAD


def _without_dead_links(html: str) -> str:
    return _DEAD_LINK.sub(r"\1", html)
