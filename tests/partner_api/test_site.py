"""``/docs``: every page, every link, nothing from outside, nothing that a visitor can inject."""

import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest

from core.kernel.error_help import HELP
from core.kernel.errors import CATALOGUE
from core.kernel.settings import Settings
from core.webhooks.types import EventType
from partner_api import openapi
from partner_api.app import ROUTERS, PartnerApp
from partner_api.site import pages
from partner_api.site.build import Site
from partner_api.site.layout import ASSETS, POLICY
from partner_api.site.markdown import inline, paragraphs, render
from partner_api.site.reference import by_tag
from tests.partner_api.scenes import client_of

DOCUMENT = openapi.document(ROUTERS, public_url="http://api.test")
TEXTS = Path(__file__).parents[2] / "docs" / "partners"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
async def visitor(app: PartnerApp) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(app) as client:
        client.headers["Accept"] = "text/html,*/*;q=0.8"
        yield client


class Seen(HTMLParser):
    """What a page refers to, which anchors it has, and whether its tags are balanced."""

    VOID = frozenset({"meta", "link", "img", "input", "br", "hr"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: list[str] = []
        self.inline: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        self.loaded += [given[n] for n in ("src",) if n in given]
        self.loaded += [given["href"]] if tag == "link" else []
        self.inline += [f"{tag} {name}" for name in given if name == "style" or name[:2] == "on"]
        self.inline += ["style"] if tag == "style" or (tag == "script" and not given) else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"p", "li"} and self.open[-1] != tag:
            return
        assert self.open.pop() == tag, tag


async def test_every_page_is_there_and_every_link_and_anchor_resolves(
    visitor: httpx2.AsyncClient,
) -> None:
    found: dict[str, Seen] = {}
    waiting = ["/docs"]
    wanted: set[tuple[str, str, str]] = set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        answer = await visitor.get(path)
        assert answer.status_code == 200, path
        if not answer.headers["content-type"].startswith("text/html"):
            found[path] = Seen("")
            continue
        seen = found[path] = Seen(answer.text)
        assert seen.open == []
        assert seen.inline == []
        assert len(seen.ids) == len(set(seen.ids)), path
        for target in [*seen.links, *seen.loaded]:
            there = urlsplit(urljoin(f"http://api.test{path}", target))
            if there.netloc != "api.test":
                assert target in seen.links
                continue
            wanted.add((path, there.path, there.fragment))
            waiting.append(there.path)
    broken = [
        (path, to, anchor) for path, to, anchor in wanted if anchor and anchor not in found[to].ids
    ]
    assert broken == []
    site = Site(DOCUMENT)
    assert set(site.addresses) <= set(found)


async def test_every_code_has_its_page_with_cause_and_remedy(visitor: httpx2.AsyncClient) -> None:
    assert [code for code in CATALOGUE if code not in HELP] == [], "add it to error_help.py"
    for code, kind in CATALOGUE.items():
        answer = await visitor.get(f"/docs/errors/{code}")
        assert answer.status_code == 200
        for text in (f"<code>{code}</code>", kind.title, "Why it happens", "What to do"):
            assert text in answer.text
        assert paragraphs(HELP[code].cause) in answer.text
        assert paragraphs(HELP[code].remedy) in answer.text
        assert len(HELP[code].cause) > 20
        assert len(HELP[code].remedy) > 20


async def test_a_program_may_have_a_code_as_json(visitor: httpx2.AsyncClient) -> None:
    accept = {"Accept": "application/json"}
    answer = await visitor.get("/docs/errors/connector_busy", headers=accept)
    assert answer.json()["retryable"] is True
    assert answer.json()["remedy"] == HELP["connector_busy"].remedy
    assert answer.headers["Vary"] == "Accept"


async def test_every_call_and_every_event_is_described(visitor: httpx2.AsyncClient) -> None:
    for tag, operations in by_tag(DOCUMENT).items():
        page = (await visitor.get(f"/docs/reference/{tag.replace(' ', '-')}")).text
        for method, path, operation in operations:
            assert f'id="{operation["operationId"]}"' in page
            assert f"{method}</span> <code>{path}</code>" in page
    events = (await visitor.get("/docs/events")).text
    assert [type_ for type_ in EventType if f"<code>{type_}</code>" not in events] == []


async def test_what_a_page_may_load_is_strict(visitor: httpx2.AsyncClient) -> None:
    for path, status in (("/docs", 200), ("/docs/errors/not_found", 200), ("/docs/nothing", 404)):
        answer = await visitor.get(path)
        assert answer.status_code == status
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "unsafe" not in POLICY
    assert set(re.findall(r"'(\w+)'", POLICY)) == {"none", "self"}
    api = await visitor.get("/v1/partner")
    assert api.headers["Content-Security-Policy"].startswith("default-src 'none'; frame-anc")


@pytest.mark.parametrize(
    "path",
    [
        f"/docs/errors/{HOSTILE}",
        f"/docs/{HOSTILE}",
        "/docs/errors/%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E",
        "/docs/../pyproject.toml",
        "/docs/..%2f..%2fpyproject.toml",
        "/docs/%2e%2e/%2e%2e/etc/passwd",
        "/docs//etc/passwd",
        "/docs/webhooks.md",
        "/docs/webhooks%00",
        "/docs/assets/x/style.css",
        "/docs/assets/x/..%2froutes.py",
        "/docs/assets/../routes.py",
        "/docs/reference/../../CHANGELOG.md",
        "/docs/\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        "/docs/" + "a" * 5000,
    ],
)
async def test_hostile_addresses_find_nothing(visitor: httpx2.AsyncClient, path: str) -> None:
    answer = await visitor.get(path)
    assert answer.status_code == 404
    assert HOSTILE not in answer.text
    assert "onerror" not in answer.text
    assert "root:" not in answer.text
    if "/docs/" in str(answer.request.url):
        assert "There is no such page" in answer.text
        assert answer.headers["Cache-Control"] == "no-store"


async def test_what_has_not_changed_is_not_sent_again(visitor: httpx2.AsyncClient) -> None:
    first = await visitor.get("/docs/webhooks")
    again = await visitor.get("/docs/webhooks", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "max-age" in again.headers["Cache-Control"]
    head = await visitor.head("/docs/webhooks")
    assert (head.status_code, head.headers["ETag"]) == (200, first.headers["ETag"])
    moved = await visitor.get("/docs/webhooks/")
    assert (moved.status_code, moved.headers["Location"]) == (308, "/docs/webhooks")
    refused = await visitor.post("/docs/webhooks")
    assert refused.status_code == 405


async def test_files_are_kept_for_ever_at_addresses_that_change(
    visitor: httpx2.AsyncClient,
) -> None:
    page = (await visitor.get("/docs")).text
    for name, kind in ASSETS.items():
        found = re.search(rf"/docs/assets/\w+/{re.escape(name)}", page)
        assert found, name
        answer = await visitor.get(found[0])
        assert answer.headers["Content-Type"] == kind
        assert "immutable" in answer.headers["Cache-Control"]
    style = (await visitor.get(re.findall(r"/docs/assets/\w+/style.css", page)[0])).text
    assert "@import" not in style
    assert "url(" not in style


async def test_the_search_knows_every_page_and_heading(visitor: httpx2.AsyncClient) -> None:
    rows = json.loads((await visitor.get("/docs/search.json")).text)
    addresses = {row[1] for row in rows}
    assert set(Site(DOCUMENT).addresses) <= addresses
    assert "/docs/webhooks#verifying" in addresses


async def test_examples_name_the_address_of_this_platform(
    visitor: httpx2.AsyncClient, settings: Settings
) -> None:
    page = (await visitor.get("/docs/reference/control")).text
    assert f"curl {settings.public_url}/v1/start_charge" in page


def test_every_text_of_the_repository_is_on_the_site() -> None:
    shown = {page.file for page in pages.every_page()} | pages.MADE.keys()
    assert {path.name for path in TEXTS.glob("*.md")} <= shown
    slugs = [page.slug for page in pages.every_page()]
    assert len(slugs) == len(set(slugs))


def test_markdown_becomes_safe_and_readable_html() -> None:
    rendered = render("# A `b` c\n\n## Same\n\n## Same\n\n|a|b|\n|-|-|\n|1|2|\n")
    assert [one.anchor for one in rendered.headings] == ["a-b-c", "same", "same-1"]
    assert '<div class="table"' in rendered.html
    assert HOSTILE not in paragraphs(HOSTILE)
    assert HOSTILE not in inline(HOSTILE)
    assert '<span class="s">' in render('```json\n{"a": "<b>"}\n```').html
    assert "&lt;b&gt;" in render('```json\n{"a": "<b>"}\n```').html
    assert "&lt;x&gt;" in render("```nothing-known\n<x>\n```").html
    links = render("[a](webhooks.md#verifying) [b](../operators/run.md) [c](nothing.md) [d](#e)")
    assert links.html.count("<a ") == 2
    assert 'href="/docs/webhooks#verifying"' in links.html
    assert "javascript" not in inline("[x](javascript:alert(1))").partition("href")[2]
