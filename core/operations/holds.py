"""Use cases of holds: what operators have a charger keep free (OCPP 1.6 5.13, 2.0.1 block H).

Partners reserve connectors (``reservations``); a hold may also be for any connector, for one of a
type, or for a group of tokens.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers.models import Charger
from core.chargers.token_formats import KEY_CODE, KINDS, is_token
from core.commands import service as commands
from core.commands.commands import CancelReservation
from core.commands.models import CommandRow
from core.commands.reservation import Hold as HoldCommand
from core.commands.states import CommandStatus
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id
from core.kernel.times import rfc3339
from core.operations import hold_store as store
from core.operations.hold_models import Hold, HoldStatus
from core.operations.releasing import release

SHORTEST: Final = timedelta(seconds=10)
LONGEST: Final = timedelta(days=7)
CONNECTOR_TYPES: Final = (
    *("cCCS1", "cCCS2", "cG105", "cTesla", "cType1", "cType2", "s309-1P-16A", "s309-1P-32A"),
    *("s309-3P-16A", "s309-3P-32A", "sBS1361", "sCEE-7-7", "sType2", "sType3"),
    *("Other1PhMax16A", "Other1PhOver16A", "Other3Ph", "Pan", "wInductive", "wResonant"),
    *("Undetermined", "Unknown"),
)
"""OCPP 2.0.1 part 2, ConnectorEnumType."""
_BATCH: Final = 500
_MAX_REASON_CHARS: Final = 100
_ACCEPTED: Final = "Accepted"

NOT_SENT: Final = "not sent"
NO_ANSWER: Final = "no answer"
"""The charger may have it all the same, until something else is known:"""
REFUSED_LATE: Final = "no answer in time; refused later"
RELEASED_LATE: Final = "no answer in time; released later"
NOT_HELD: Final = "no answer in time; the charger does not have it"
USED_LATE: Final = "no answer in time; used all the same"


async def ask(
    tx: Tx,
    actor: Actor,
    charger: Charger,
    *,
    evse: int | None,
    connector_type: str | None,
    token: str,
    token_kind: str,
    group_token: str | None,
    group_kind: str,
    expires_at: datetime,
) -> tuple[Hold, HoldCommand]:
    """Return a new hold and the command that asks the charger for it.

    Raises:
        PlatformError: ``invalid_parameter``, ``expiry_out_of_range``; ``conflict`` where the
            charger's version cannot say it.
    """
    for name, text in (("id_token", token), ("group_token", group_token or token)):
        if not is_token(text):
            raise _invalid(name, "has 1 to 36 printable ASCII characters")
    for name, kind in (("id_token_kind", token_kind), ("group_token_kind", group_kind)):
        if kind not in KINDS:
            raise _invalid(name, f"is one of {', '.join(KINDS)}")
        if kind == KEY_CODE:
            raise _invalid(name, "cannot be a KeyCode: a charger would be told the code")
    if connector_type is not None and connector_type not in CONNECTOR_TYPES:
        raise _invalid("connector_type", f"is one of {', '.join(CONNECTOR_TYPES)}")
    if not SHORTEST <= expires_at - tx.now <= LONGEST:
        raise PlatformError(
            "expiry_out_of_range",
            "expires_at must be from 10 seconds to 7 days from now.",
            errors=[{"pointer": "/expires_at", "detail": "is out of range"}],
        )
    if charger.ocpp_version == "1.6":
        _check_16(connector_type, token, group_token)
    hold = await store.add(
        tx,
        id=new_id("hld"),
        charger_id=charger.id,
        evse=evse,
        connector_type=connector_type,
        token=token.upper(),
        token_kind=token_kind,
        group_token=None if group_token is None else group_token.upper(),
        group_kind=group_kind,
        expires_at=expires_at,
        requested_by=actor.name,
    )
    after = {"charger_id": charger.id, "evse": evse, "expires_at": rfc3339(expires_at)}
    await audit.record(tx, actor, "hold.requested", hold.id, after=after)
    return hold, HoldCommand(
        reservation=hold.reservation,
        evse=hold.evse,
        connector_type=hold.connector_type,
        token=hold.token,
        token_kind=hold.token_kind,
        group_token=hold.group_token,
        group_kind=hold.group_kind,
        expires_at=rfc3339(expires_at),
    )


def _check_16(connector_type: str | None, token: str, group_token: str | None) -> None:
    if connector_type is not None:
        raise PlatformError("conflict", "OCPP 1.6 reserves no connector by its type.")
    for name, text in (("id_token", token), ("group_token", group_token or token)):
        if len(text) > 20:  # noqa: PLR2004 - OCPP 1.6 7.24
            raise _invalid(name, "has at most 20 characters in OCPP 1.6")


def _invalid(name: str, rule: str) -> PlatformError:
    errors = [{"pointer": f"/{name}", "detail": rule}]
    return PlatformError("invalid_parameter", f"{name} {rule}.", errors=errors)


async def get(tx: Tx, charger_id: str, hold_id: str) -> Hold:
    """Return a hold of a charger.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await store.by_id(tx, hold_id)
    if found is None or found.charger_id != charger_id:
        raise not_found("hold")
    return found


async def of_charger(
    tx: Tx, charger_id: str, *, before_number: int | None = None, limit: int = 50
) -> Sequence[Hold]:
    """Return the newest holds of a charger first."""
    return await store.of_charger(tx, charger_id, before_number=before_number, limit=limit)


async def answered(
    tx: Tx, charger_id: str, reservation: int, *, accepted: bool, reason: str | None
) -> None:
    """Record what the charger said to the request for a hold.

    If it says so too late, the hold has failed, and the charger is asked to forget it.
    """
    hold = await store.by_reservation(tx, charger_id, reservation)
    if hold is None:
        return
    to = HoldStatus.ACTIVE if accepted else HoldStatus.REFUSED
    word = None if accepted or reason is None else reason[:_MAX_REASON_CHARS]
    if await store.move(tx, hold.id, to, reason=word) is None and await _has_failed(tx, hold):
        if accepted:
            await release(tx, charger_id, reservation)
        else:
            await store.add_to_reason(tx, hold.id, REFUSED_LATE)


async def settle_unanswered(tx: Tx) -> int:
    """End holds whose commands ended otherwise than by an answer; return how many were looked at.

    Also those whose answer was recorded by a process that died before it could learn from it.
    """
    found = await store.unsettled(tx, limit=_BATCH)
    for command_id in found:
        await settle(tx, await commands.get(tx, command_id))
    return len(found)


async def settle(tx: Tx, command: CommandRow) -> None:
    """Record what the end of *command*, which asked for a hold, means for it."""
    reservation: int = command.arguments["reservation"]
    hold = await store.by_reservation(tx, command.charger_id, reservation)
    if hold is None:
        return
    match command.status:
        case CommandStatus.ANSWERED:
            word = str((command.response or {}).get("status"))
            accepted = word == _ACCEPTED
            await answered(tx, hold.charger_id, reservation, accepted=accepted, reason=word)
        case CommandStatus.ERRORED:
            word = str((command.error or {}).get("code"))[:_MAX_REASON_CHARS]
            await store.move(tx, hold.id, HoldStatus.REFUSED, reason=word)
        case CommandStatus.EXPIRED:
            await store.move(tx, hold.id, HoldStatus.FAILED, reason=NOT_SENT)
        case CommandStatus.TIMED_OUT:
            if await store.move(tx, hold.id, HoldStatus.FAILED, reason=NO_ANSWER) is not None:
                await release(tx, hold.charger_id, reservation)


async def seen_reserved(tx: Tx, charger_id: str, evse: int) -> None:
    """Ask a charger that reports an EVSE as reserved to forget the holds it never answered.

    It took one of them, perhaps; which reservation it means, no version of OCPP lets it say. What
    it answers ends the question.
    """
    suspects = await store.unanswered_at(tx, charger_id, evse, reason=NO_ANSWER)
    for hold in suspects:
        command = CancelReservation(reservation=hold.reservation)
        if not await commands.is_queued(tx, charger_id=charger_id, command=command):
            await release(tx, charger_id, hold.reservation)


async def _has_failed(tx: Tx, hold: Hold) -> bool:
    now = await store.by_id(tx, hold.id)
    return now is not None and now.status is HoldStatus.FAILED


async def released(tx: Tx, charger_id: str, reservation: int, *, accepted: bool) -> None:
    """Record that the charger released a hold, or says that it has none of the kind."""
    hold = await store.by_reservation(tx, charger_id, reservation)
    if hold is None:
        return
    to = HoldStatus.CANCELLED if accepted else HoldStatus.REMOVED
    if await store.move(tx, hold.id, to) is None:
        await store.add_to_reason(tx, hold.id, RELEASED_LATE if accepted else NOT_HELD)


async def used(tx: Tx, charger_id: str, reservation: int) -> None:
    """Record that a transaction used a hold."""
    hold = await store.by_reservation(tx, charger_id, reservation)
    if hold is not None and await store.move(tx, hold.id, HoldStatus.USED) is None:
        await store.add_to_reason(tx, hold.id, USED_LATE)


async def reported(tx: Tx, charger_id: str, reservation: int, *, expired: bool) -> None:
    """Record that the time of a hold is over, or that the charger gave it up (2.x H04)."""
    hold = await store.by_reservation(tx, charger_id, reservation)
    if hold is not None:
        await store.move(tx, hold.id, HoldStatus.EXPIRED if expired else HoldStatus.REMOVED)


async def expire_overdue(tx: Tx) -> int:
    """Expire holds whose time is over, by database time; return how many."""
    ids = await store.overdue(tx, limit=_BATCH)
    for hold_id in ids:
        await store.move(tx, hold_id, HoldStatus.EXPIRED)
    return len(ids)
