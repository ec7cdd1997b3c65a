"""One call of the API, before it is sent: what, where to, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

import msgspec

T = TypeVar("T")

_NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request.

    Attributes:
        answer: What it is answered with; ``bytes``: as it comes.
        body: Members without a value (``None``) are left out.
        is_change: Of what is there: ``None`` is a value, and only ``UNSET`` is left out.
        is_control: It has a ``request_id``.
        repeatable: To carry it out twice is the same as once.
        token: In place of the API key.
        wait_s: How long the platform may think before it answers.
    """

    answer: type[T]
    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    is_change: bool = False
    is_control: bool = False
    repeatable: bool = False
    token: str | None = field(default=None, repr=False)

    @property
    def wait_s(self) -> float:
        return float(self.query.get("wait") or 0)

    def encoded(self) -> bytes | None:
        """Return the body as it is sent."""
        if self.content is not None or self.body is None:
            return self.content
        absent = msgspec.UNSET if self.is_change else None
        given = {name: value for name, value in self.body.items() if value is not absent}
        return msgspec.json.encode(given)

    def parameters(self) -> dict[str, str]:
        """Return the query as it is sent."""
        return {name: _text(value) for name, value in self.query.items() if value is not None}


def path_of(template: str, *ids: str) -> str:
    """Return *template* with *ids* in place of its ``{}``.

    Raises:
        ValueError: One is empty or would lead to another address.
    """
    for one in ids:
        if not one or one in {".", ".."}:
            raise ValueError(f"{one!r} is no id")
    return template.format(*(quote(one, safe="") for one in ids))


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat()
        case _:
            return str(value)
