"""Whether every event of every acknowledged transaction came to each endpoint of its partner."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks import databases
from benchmarks.ledger import SHOWN, Ledger
from benchmarks.receipts import Heard

OF_A_START: Final = ("session.started",)
OF_A_STOP: Final = ("session.ended", "order.finalized")
TYPES: Final = (*OF_A_START, *OF_A_STOP)
BEFORE_S: Final = 5.0
"""What was taken for so long before a kill, and comes again, comes again because of it."""

_TYPES: Final = ", ".join(f"'{type_}'" for type_ in TYPES)
_EVENTS: Final = (
    "SELECT e.id, e.type, e.partner_id, s.number FROM events e "  # noqa: S608 - our own constants
    f"JOIN sessions s ON s.id = e.session_id WHERE e.type IN ({_TYPES})"
)
_ENDPOINTS: Final = "SELECT partner_id, url FROM webhook_endpoints"
_WAITING: Final = "SELECT count(*) FROM deliveries WHERE status = 'due'"
_UNDELIVERED: Final = (
    "SELECT status, count(*) FROM deliveries WHERE status <> 'delivered' GROUP BY status"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """A death of the server. Instants are of the machine's monotonic clock.

    Attributes:
        taken: Webhooks that were answered with 2xx by then.
        served_s: When the next process served.
    """

    taken: int
    at_s: float
    served_s: float


async def waiting(url: str) -> int:
    """Return how many deliveries are still to be made."""
    [(count,)] = await databases.rows(url, _WAITING)
    return int(count)


async def judge(url: str, ledger: Ledger, heard: Heard, kills: Sequence[Kill]) -> dict[str, Any]:
    """Return what was lost and what came again, of all that should have come.

    Of *ledger* each acknowledged start and stop must have its events. Each event of these types
    must have been answered with 2xx by each endpoint of its partner.
    """
    endpoints: defaultdict[str, list[int]] = defaultdict(list)
    for partner_id, address in await databases.rows(url, _ENDPOINTS):
        endpoints[partner_id].append(int(address.rpartition("/")[2]))
    events = await databases.rows(url, _EVENTS)
    stored = {(type_, number) for _, type_, _, number in events}
    lost = [
        f"{type_} of transaction {number}: no event"
        for types, numbers in ((OF_A_START, ledger.starts), (OF_A_STOP, ledger.stops))
        for number in numbers
        for type_ in types
        if (type_, number) not in stored
    ]
    lost += [
        f"{type_} {event_id} at endpoint {endpoint}"
        for event_id, type_, partner_id, _ in events
        for endpoint in endpoints[partner_id]
        if not heard.has(endpoint, event_id)
    ]
    expected = sum(len(endpoints[partner_id]) for _, _, partner_id, _ in events)
    undelivered = await databases.rows(url, _UNDELIVERED)
    return {
        "webhooks": expected,
        "events": len(events),
        "lost": len(lost),
        "lost_rows": lost[:SHOWN],
        "undelivered": sum(count for _, count in undelivered),
        "undelivered_rows": [f"{count} {status}" for status, count in undelivered],
        **await databases.counts(url),
        **_again(heard.repeated_s, kills, of=expected),
    }


def _again(repeated_s: Iterable[float], kills: Sequence[Kill], *, of: int) -> dict[str, Any]:
    """Return how many attempts came after a 2xx, by the kill that they are due to."""
    began_s = [kill.at_s - BEFORE_S for kill in kills]
    by_kill = [0] * len(kills)
    without = 0
    for taken_s in repeated_s:
        last = bisect_right(began_s, taken_s) - 1
        if last >= 0 and taken_s <= kills[last].served_s:
            by_kill[last] += 1
        else:
            without += 1
    doubled = sum(by_kill) + without
    return {
        "doubled": doubled,
        "doubled_percent": doubled / max(of, 1) * 100,
        "doubled_without_kill": without,
        "doubled_a_kill": sum(by_kill) / max(len(kills), 1),
        "doubled_by_kill": by_kill,
    }
