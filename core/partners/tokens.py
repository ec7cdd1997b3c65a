"""Buckets of tokens, counted in slots of time: the arithmetic, without clock and network.

A token that was taken comes back one window later. So no window ever sees more than the quota; a
bucket that is refilled all the time would let twice as much through in its first minute.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Bucket(StrEnum):
    """A kind of call that is counted by itself; the name is that in the RateLimit headers."""

    REQUESTS = "default"
    CONTROL = "control"
    STOPS = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long a token is away: *length_s*, and at most a slot longer."""

    length_s: float = 60.0
    slots: int = 20

    @property
    def slot_s(self) -> float:
        """How long a slot is: tokens that were taken within one come back together."""
        return self.length_s / self.slots

    def slot(self, at_s: float) -> int:
        """Return the slot of an instant."""
        return math.floor(at_s / self.slot_s)

    def first(self, at_s: float) -> int:
        """Return the oldest slot whose tokens are away at an instant."""
        return self.slot(at_s) - self.slots

    def wait_s(self, slot: int, at_s: float) -> int:
        """Return in how many whole seconds the tokens of *slot* are back."""
        return max(1, math.ceil((slot + self.slots + 1) * self.slot_s - at_s))


WINDOW: Final = Window()


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """How many tokens are away, and the slots of those that come back first and last."""

    count: int
    oldest: int | None
    newest: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What is left to a partner in a bucket; *reset_s*: until all of it is there again."""

    bucket: Bucket
    quota: int
    window_s: int
    remaining: int
    reset_s: int
    retry_after_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a call may go on: only if each of its buckets had a token; else none was taken."""

    allowed: bool
    allowances: tuple[Allowance, ...]

    @property
    def scarcest(self) -> Allowance:
        """The bucket to wait for longest."""
        empty = [one for one in self.allowances if one.remaining == 0]
        return max(empty or self.allowances, key=lambda one: one.retry_after_s)


class Counts:
    """Tokens taken, by slot and field; a field is a bucket of a partner."""

    def __init__(self) -> None:
        self._slots: defaultdict[int, dict[str, int]] = defaultdict(dict)

    def add(self, slot: int, field: str, count: int) -> None:
        fields = self._slots[slot]
        fields[field] = fields.get(field, 0) + count

    def raise_to(self, slot: int, fields: Mapping[str, int]) -> None:
        """Learn what others counted in a slot: at least so much; nothing is ever taken back."""
        known = self._slots[slot]
        for field, count in fields.items():
            known[field] = max(count, known.get(field, 0))

    def used(self, field: str, since: int) -> Used:
        """Return what is away of the tokens that were taken in slot *since* or later."""
        found = {
            slot: fields[field]
            for slot, fields in self._slots.items()
            if slot >= since and fields.get(field)
        }
        return Used(
            count=sum(found.values()),
            oldest=min(found, default=None),
            newest=max(found, default=None),
        )

    def at(self, slot: int, field: str) -> int:
        return self._slots.get(slot, {}).get(field, 0)

    def forget(self, before: int) -> None:
        """Drop the slots before *before*; memory is bounded by what one window sees."""
        for slot in [slot for slot in self._slots if slot < before]:
            del self._slots[slot]

    def take_all(self) -> "Counts":
        """Return what is counted, and begin anew."""
        taken = Counts()
        taken._slots, self._slots = self._slots, defaultdict(dict)
        return taken

    def add_all(self, other: "Counts") -> None:
        for slot, field, count in other:
            self.add(slot, field, count)

    def __iter__(self) -> Iterator[tuple[int, str, int]]:
        for slot, fields in list(self._slots.items()):
            for field, count in list(fields.items()):
                yield slot, field, count


def share(quota: int, known: int, nodes: int) -> int:
    """Return how many of the tokens that are left one of *nodes* may take without the others.

    *known*: taken while all nodes counted together. A partner of whom nothing is known may make
    at least one call at each node, however small its quota.
    """
    return max((quota - known) // nodes, 0 if known else 1)


def allowance(
    bucket: Bucket, quota: int, *, left: int, used: Used, window: Window, at_s: float
) -> Allowance:
    """Return what to tell a caller who may take *left* more tokens."""
    return Allowance(
        bucket=bucket,
        quota=quota,
        window_s=round(window.length_s),
        remaining=max(0, left),
        reset_s=0 if used.newest is None else window.wait_s(used.newest, at_s),
        retry_after_s=1 if used.oldest is None else window.wait_s(used.oldest, at_s),
    )
