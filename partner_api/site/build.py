"""The whole site, a page at a time: each is made when it is first asked for, and kept."""

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final

from core.kernel.errors import CATALOGUE
from partner_api.site import catalogue, reference
from partner_api.site.layout import Document, address, page
from partner_api.site.markdown import anchor_of, render
from partner_api.site.pages import every_page, text_of

_OVERVIEW: Final = """\
# Charge through one API

Start a charge with one call, and hear what became of it by a signed webhook. What you read here is
served by the platform that you call, so it fits its version.

```sh
curl {base}/v1/start_charge \\
  -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\
  -d '{{"request_id": "app-1", "connector_id": "con_..."}}'
```

- **`202` at once**, and stored: repeat the call with the same `request_id` as often as you like,
  there is [one operation](idempotency.md) and one start.
- **Success is what the charger reports**, never that a command was accepted. It comes as a
  [webhook](webhooks.md), one final event for each operation.
- **Every failure says who can change it**: `platform`, `partner`, `charger`, `vehicle` or `driver`.
  Every [error](errors.md) has a code that never changes, and a page that says what to do.
- **Nothing is lost in an outage**: yours or ours. Events are numbered, kept, and sent for days.

## Where to begin

| You want to | Read |
|---|---|
| see a signed webhook, from nothing, in ten minutes | [Quick start](quick-start.md) |
| use it from Python | [Python client](python.md) |
| get a key | [Joining](joining.md), [Test mode](test-mode.md) |
| understand a charge from request to order | [First charge](first-charge.md) |
| receive webhooks | [Webhooks](webhooks.md) |
| know why a call was refused | [Errors](errors.md), [Request log](request-log.md) |
| look up a call | [API reference](reference.md) |
"""


class Site:
    """The pages for one OpenAPI document, by their address."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._makers = dict(self._addresses())
        self._made: dict[str, Document] = {}
        self._search: Document | None = None

    @property
    def addresses(self) -> list[str]:
        """Where there is a page."""
        return list(self._makers)

    def page(self, path: str) -> Document | None:
        """Return the page at *path* (``/docs/...``), or ``None``: there is none."""
        made = self._made.get(path)
        if made is None and (maker := self._makers.get(path)) is not None:
            made = self._made[path] = maker()
        return made

    @cached_property
    def missing(self) -> Document:
        """The page for an address without one."""
        body = (
            "<h1>There is no such page</h1>\n<p>Perhaps it was moved. The list of pages has all "
            'that there is; <a href="/docs">begin with the overview</a>.</p>\n'
        )
        return page("missing", "Not found", body)

    def search(self) -> Document:
        """Return what the search looks through: every heading with its address, as JSON."""
        if self._search is None:
            rows = []
            for path in self._makers:
                made = self.page(path)
                title = "" if made is None else made.title
                rows.append([title, path, ""])
                rows += [
                    [one.text, f"{path}#{one.anchor}", title]
                    for one in (() if made is None else made.headings)
                    if one.level in {2, 3} and path != "/docs/changelog"
                ]
            text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
            self._search = Document.of(text, title="", headings=())
        return self._search

    def _addresses(self) -> list[tuple[str, Callable[[], Document]]]:
        document = self._document
        found: list[tuple[str, Callable[[], Document]]] = []
        made = {
            "": self._overview,
            "reference": lambda: reference.index(document),
            "errors": catalogue.errors_index,
            "events": lambda: catalogue.events(document),
        }
        for one in every_page():
            maker = made.get(one.slug) or _of_text(one.slug, one.name, one.file or "")
            found.append((address(one.slug), maker))
        for tag in reference.by_tag(document):
            path = f"/docs/reference/{anchor_of(tag)}"
            found.append((path, lambda tag=tag: reference.tag_page(document, tag)))  # type: ignore[misc]
        for kind in CATALOGUE.values():
            path = f"/docs/errors/{kind.code}"
            found.append((path, lambda kind=kind: catalogue.error_page(document, kind)))  # type: ignore[misc]
        return found

    def _overview(self) -> Document:
        base = self._document["servers"][0]["url"]
        rendered = render(_OVERVIEW.format(base=base))
        return page("", "Overview", rendered.html, rendered.headings)


def _of_text(slug: str, name: str, file: str) -> Callable[[], Document]:
    def make() -> Document:
        rendered = render(text_of(file))
        return page(slug, rendered.title or name, rendered.html, rendered.headings)

    return make
