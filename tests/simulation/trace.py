"""What happened in a run, in order: to be read by people, and hashed to compare runs."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Trace:
    """Lines of a run. Times are virtual seconds since its beginning."""

    now: Callable[[], float] = lambda: 0.0
    entries: list[tuple[float, str, str, dict[str, Any]]] = field(default_factory=list)
    on_line: Callable[[str], None] | None = None

    def note(self, what: str, /, *, who: str = "", **facts: Any) -> None:
        """Write a line."""
        entry = (self.now(), who, what, facts)
        self.entries.append(entry)
        if self.on_line is not None:
            self.on_line(_line(entry))

    def lines(self, last: int | None = None) -> list[str]:
        """Return the lines, or the *last* ones."""
        last = None if last is None else min(last, len(self.entries))
        chosen = self.entries if last is None else self.entries[len(self.entries) - last :]
        return [_line(entry) for entry in chosen]

    def digest(self) -> str:
        """Return a hash of every line."""
        whole = hashlib.sha256()
        for line in self.lines():
            whole.update(line.encode())
            whole.update(b"\n")
        return whole.hexdigest()


def _line(entry: tuple[float, str, str, dict[str, Any]]) -> str:
    at_s, who, what, facts = entry
    told = " ".join(f"{name}={value}" for name, value in sorted(facts.items()))
    return f"{at_s:11.6f} {who:<10} {what} {told}".rstrip()
