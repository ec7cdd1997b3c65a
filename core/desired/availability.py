"""Kind ``availability``: whether the charger, an EVSE or a connector is in service."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from core.audit.service import Actor
from core.chargers.facts import StatusReported
from core.chargers.models import Charger
from core.chargers.states import ConnectorStatus
from core.commands.commands import Command
from core.commands.configuration import ChangeAvailability
from core.desired import service as desired
from core.desired import store
from core.desired.kinds import KINDS, Kind
from core.desired.models import Desired
from core.kernel.db import Tx

NAME: Final = "availability"
CHARGER: Final = "charger"
MAX_NUMBER: Final = 1000

_SAYS_NOTHING: Final = frozenset({ConnectorStatus.FAULTED, ConnectorStatus.UNKNOWN})


def key_of(evse: int | None, connector: int | None) -> str:
    """Return the key of the wish for a place: ``charger``, ``1`` (an EVSE) or ``1.2``."""
    if not evse:
        return CHARGER
    return str(evse) if connector is None else f"{evse}.{connector}"


async def wish(
    tx: Tx,
    actor: Actor,
    charger: Charger,
    *,
    operative: bool,
    evse: int | None = None,
    connector: int | None = None,
) -> Desired:
    """Wish that a place is in service or out of it; without *evse* the charger as a whole.

    A connector in use goes out of service when its session has ended; the charger says
    ``Scheduled`` then.
    """
    if charger.ocpp_version == "1.6" and connector == 1:
        connector = None  # there an EVSE is its connector
    return await desired.want(
        tx,
        actor,
        charger,
        kind=NAME,
        key=key_of(evse, connector),
        wanted={"operative": operative, "evse": evse, "connector": connector},
    )


async def noticed(tx: Tx, facts: Sequence[StatusReported]) -> None:
    """Compare statuses that connectors report with what is wanted of them.

    The narrowest wish that covers one counts. One session more after a wish to go out of service
    is no drift, nor is a connector that is out of order.
    """
    telling = [fact for fact in facts if fact.status not in _SAYS_NOTHING]
    wishes: dict[str, dict[str, Desired]] = {}
    for row in await store.of_chargers(tx, {fact.charger_id for fact in telling}, kind=NAME):
        wishes.setdefault(row.charger_id, {})[row.key] = row
    for fact in telling:
        if fact.charger_id in wishes:
            await _notice(tx, wishes[fact.charger_id], fact)


async def _notice(tx: Tx, wishes: Mapping[str, Desired], fact: StatusReported) -> None:
    exact = key_of(fact.evse, fact.connector)
    places = dict.fromkeys((exact, key_of(fact.evse, None), CHARGER))
    found = next((wishes[key] for key in places if key in wishes), None)
    if found is None:
        return
    status = fact.status
    is_operative = status is not ConnectorStatus.UNAVAILABLE
    wanted = found.wanted["operative"]
    in_use = is_operative and status is not ConnectorStatus.AVAILABLE
    if in_use and not wanted:
        return
    if found.key == exact or (is_operative and not wanted):
        value = {"operative": is_operative}
        await desired.reported(tx, fact.charger_id, kind=NAME, key=found.key, value=value)


async def _command(_: Tx, row: Desired) -> Command | None:
    if not row.present:
        raise ValueError("availability cannot be taken away: wish for the other")
    return ChangeAvailability(**row.wanted)


def _parse(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return key and wish of ``{"operative": true, "evse": 1, "connector": 1}``."""
    if not set(body) <= {"operative", "evse", "connector"} or "operative" not in body:
        raise ValueError('availability is {"operative": true or false, "evse": ..., ...}')
    evse, connector = body.get("evse"), body.get("connector")
    numbers = [number for number in (evse, connector) if number is not None]
    if not isinstance(body["operative"], bool) or not all(map(_is_number, numbers)):
        raise ValueError(f"operative is true or false, evse and connector 1 to {MAX_NUMBER}")
    if connector is not None and evse is None:
        raise ValueError("a connector needs its evse")
    wanted = {"operative": body["operative"], "evse": evse, "connector": connector}
    return key_of(evse, connector), wanted


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_NUMBER


def _matches(wanted: dict[str, Any], reported: dict[str, Any]) -> bool:
    return bool(wanted["operative"] == reported.get("operative"))


AVAILABILITY: Final = KINDS.add(
    Kind(name=NAME, command=_command, matches=_matches, rank=30, parse=_parse)
)
