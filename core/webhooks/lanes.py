"""Who may be sent to next: a lane per endpoint, so that a slow one holds up only itself (I16)."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from core.webhooks.outbox import Claim

AHEAD: Final = 4
"""A proven endpoint's claims, as a multiple of its attempts under way: larger batches."""
SLOW_START: Final = 2


@dataclass(slots=True)
class _Lane:
    limit: int
    running: int = 0
    waiting: deque[Claim] = field(default_factory=deque)


class Lanes:
    """What is claimed and under way in this process, by endpoint; no waiting, no database.

    An endpoint starts with two attempts at a time; each success allows one more, up to
    *per_endpoint*; a failure brings it back to one.
    """

    def __init__(self, *, per_endpoint: int, overall: int) -> None:
        self._per_endpoint = per_endpoint
        self._overall = overall
        self._lanes: dict[str, _Lane] = {}
        self._limits: dict[str, int] = {}  # of endpoints with nothing under way
        self._running = 0

    @property
    def waiting(self) -> int:
        """How many claims have not begun."""
        return sum(len(lane.waiting) for lane in self._lanes.values())

    def room(self) -> int:
        """Return how many claims may still be held in all."""
        return max(0, self._overall * AHEAD - self._running - self.waiting)

    def room_of(self, endpoint_id: str, *, is_failing: bool) -> int:
        """Return how many deliveries of an endpoint may be claimed now."""
        lane = self._lanes.get(endpoint_id) or self._idle(endpoint_id)
        held = lane.running + len(lane.waiting)
        if is_failing:
            return max(0, 1 - held)
        if lane.limit < self._per_endpoint:
            return max(0, lane.limit - held)
        return 0 if len(lane.waiting) >= lane.limit else lane.limit * AHEAD - held

    def full(self) -> list[str]:
        """Return the endpoints that must not be claimed at this moment."""
        return [id_ for id_ in self._lanes if self.room_of(id_, is_failing=False) == 0]

    def add(self, claims: Sequence[Claim], *, is_failing: bool) -> None:
        """Put claims of one endpoint in its lane."""
        for claim in claims:
            lane = self._lanes.setdefault(claim.endpoint_id, self._idle(claim.endpoint_id))
            if is_failing:
                lane.limit = 1
            lane.waiting.append(claim)

    def begin(self, at_most: int) -> Iterator[Claim]:
        """Yield the claims that may begin, the endpoints in turn; each counts as running."""
        is_moving = True
        while is_moving:
            is_moving = False
            for endpoint_id, lane in list(self._lanes.items()):
                if self._running >= self._overall or at_most <= 0:
                    return
                if lane.waiting and lane.running < lane.limit:
                    self._lanes[endpoint_id] = self._lanes.pop(endpoint_id)  # to the end
                    lane.running += 1
                    self._running += 1
                    at_most -= 1
                    is_moving = True
                    yield lane.waiting.popleft()

    def end(self, claim: Claim, *, is_delivered: bool | None) -> None:
        """Count an attempt as ended; ``None``: it was not made."""
        lane = self._lanes[claim.endpoint_id]
        lane.running -= 1
        self._running -= 1
        if is_delivered is not None:
            lane.limit = min(lane.limit + 1, self._per_endpoint) if is_delivered else 1
        if not lane.running and not lane.waiting:
            self._limits[claim.endpoint_id] = lane.limit
            del self._lanes[claim.endpoint_id]

    def drain(self) -> list[Claim]:
        """Take out the claims that have not begun."""
        claims = [claim for lane in self._lanes.values() for claim in lane.waiting]
        self._lanes = {id_: lane for id_, lane in self._lanes.items() if lane.running}
        for lane in self._lanes.values():
            lane.waiting.clear()
        return claims

    def _idle(self, endpoint_id: str) -> _Lane:
        first = min(SLOW_START, self._per_endpoint)
        return _Lane(self._limits.get(endpoint_id, first))
