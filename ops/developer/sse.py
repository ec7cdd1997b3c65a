"""Server-sent events, read line by line (WHATWG HTML 9.2.6)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sent:
    """One event; *id* is the last one that was given."""

    id: str
    type: str
    data: str


def parse(lines: Iterable[str]) -> Iterator[Sent]:
    """Yield the events of *lines*; comments and events without data are left out."""
    id_, type_ = "", ""
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield Sent(id_, type_ or "message", "\n".join(data))
            type_, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            type_ = value
        elif name == "id" and "\0" not in value:
            id_ = value
