"""The end of a transaction: whatever is missing, doubled or impossible, one session, one order."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import select

from core.chargers import deviations
from core.chargers import status as connector_status
from core.chargers.models import connectors
from core.chargers.states import ConnectorStatus, TokenStatus
from core.kernel.db import Tx
from core.kernel.ids import new_id
from core.operations import service as operations
from core.sessions import authorization, messages, orders, reading_store, readings, store
from core.sessions.authorization import Answered
from core.sessions.facts import NO_REF, STOP_REASONS, EndReason, TransactionEnded
from core.sessions.models import Session
from core.sessions.publishing import publish
from core.sessions.quality import ASSESSED, UNTIMED, Register, assess, quality
from core.sessions.states import DataQuality, SessionStatus, StopReason
from core.sessions.times import plausible_time

ORPHAN: Final = "orphan:"
"""How we call a transaction whose own name we do not know."""
_NOTHING: Final[Mapping[str, Any]] = {}


async def end(tx: Tx, fact: TransactionEnded) -> Answered:
    """Close the session of *fact*; it becomes an order.

    A stop that fits no session is kept as an invalid session with an order that needs review. A
    stop for a session that was ended by estimate makes a new version of its order.
    """
    source = fact.source
    session = await _named(tx, fact)
    if session is None:
        if (known := await messages.known(tx, source)) is not None:
            return await _verdict(tx, await store.by_id(tx, known), fact)
        session = None if _is_named(fact) else await _fitting(tx, fact)
    if session is None:
        deviations.note(tx, "transaction_unknown")
        return await _keep_orphan(tx, fact)
    if not await messages.remember(tx, source, session.id, seq=fact.seq):
        known = await messages.known(tx, source)
        earlier = None if known is None else await store.by_id(tx, known)
        return await _verdict(tx, earlier or session, fact)
    await readings.record(tx, session.id, fact.readings)
    ended_at, doubts = plausible_time(fact.at, tx.now)
    deviations.note(tx, *fact.flags, *doubts)
    if fact.readings:
        session = await store.by_id(tx, session.id) or session
    told = _told_at_end(session, fact, doubts)
    session = replace(session, **told)
    if session.is_open or "estimated_end" in session.flags:
        flags = set(session.flags) - {"estimated_end"}
        values = {
            "ended_at": max(ended_at, session.started_at),
            "stop_reason": (await _stop_reason(tx, session, fact)).value,
        }
        session = await close(tx, session, flags=flags, reason="stop", told=told, **values)
    else:  # ended by another stop before: the first word stands, a person looks at it
        flags = {*session.flags, "message_conflict"}
        values = _as_it_is(session)
        session = await close(tx, session, flags=flags, reason="second_stop", told=told, **values)
    return await _verdict(tx, session, fact)


def _told_at_end(session: Session, fact: TransactionEnded, doubts: Iterable[str]) -> dict[str, Any]:
    flags = {*session.flags, *fact.flags, *doubts}
    if session.transaction_ref != fact.transaction_ref:
        flags.add("matched_by_evidence")
    told: dict[str, Any] = {"flags": sorted(flags), "last_seq": fact.seq or session.last_seq}
    if session.is_open or "estimated_end" in session.flags:
        told["reported_stop_wh"] = fact.meter_wh
    return told


def _as_it_is(session: Session) -> dict[str, Any]:
    return {"ended_at": session.ended_at, "stop_reason": session.stop_reason}


async def close(
    tx: Tx,
    session: Session,
    *,
    flags: Iterable[str],
    reason: str,
    told: Mapping[str, Any] = _NOTHING,
    **values: Any,
) -> Session:
    """Enter ``ended`` with the figures that all known messages give, and settle the order.

    For a session that has ended already: correct its figures and its order.

    Args:
        flags: What is odd about it so far, without what the assessment finds.
        reason: Why a correction of the order happens.
        told: What *session* has and its row has not yet.
        values: ``ended_at`` and ``stop_reason``.
    """
    figures = {**told, **await _figures(tx, session, flags=set(flags), **values)}
    deviations.note(tx, *sorted(set(figures["flags"]) - set(session.flags)))
    announced = session.is_open or session.status is SessionStatus.INVALID
    if announced:
        moved = await store.move(
            tx, session.id, SessionStatus.ENDED, is_current=False, suspect_since=None, **figures
        )
        if moved is None:
            return session
        session = moved
    elif _changes(session, figures) or told:
        session = await store.change(tx, session.id, **figures)
    order = await orders.settle(tx, session, reason=reason)
    if announced:
        await publish(tx, session, "session.ended", order_id=order.id)
        await operations.finish_stops(
            tx, session.id, stop_reason=session.stop_reason or StopReason.OTHER
        )
    return session


async def settle_again(tx: Tx, session_id: str) -> None:
    """Bring a session that is over up to date after a late message; its order too (I23, I24).

    An orphan stays one until its start has come.
    """
    session = await store.by_id(tx, session_id)
    if session is None or session.is_open:
        return
    if session.status is SessionStatus.INVALID and session.reported_start_wh is None:
        return
    await close(tx, session, flags=session.flags, reason="late_message", **_as_it_is(session))


async def _figures(tx: Tx, session: Session, *, flags: set[str], **values: Any) -> dict[str, Any]:
    stored = await reading_store.readings(tx, session.id)
    registers = [
        Register(number=value.number, at=value.at, energy_wh=value.energy_wh)
        for value in stored
        if value.energy_wh is not None
    ]
    result = assess(
        start=(session.started_at, session.reported_start_wh),
        stop=(values["ended_at"], session.reported_stop_wh),
        readings=registers,
        max_power_w=await readings.power_of(tx, session),
        clock_trusted=not flags & UNTIMED,
    )
    if result.rejected or any(not value.accepted for value in stored):
        await reading_store.mark_readings(tx, session.id, rejected=result.rejected)
    flags = (flags - ASSESSED) | result.flags
    if session.last_seq is not None and await store.sequence_gap(tx, session.id):
        flags.add("sequence_gap")
    trust = quality(flags)
    return {
        **values,
        "meter_start_wh": result.first_wh,
        "meter_stop_wh": result.last_wh,
        "last_wh": result.last_wh,
        "energy_wh": result.energy_wh,
        "power_w": None,
        "flags": sorted(flags),
        "data_quality": trust,
        "billable": _may_be_billed(session, trust),
    }


def _may_be_billed(session: Session, trust: DataQuality) -> bool:
    """Tell whether the order may be billed without a person having looked at it."""
    if trust is DataQuality.NEEDS_REVIEW or session.verdict != TokenStatus.ACCEPTED:
        return False
    return session.token is not None


def _changes(session: Session, figures: dict[str, Any]) -> bool:
    return any(getattr(session, name) != value for name, value in figures.items())


async def _stop_reason(tx: Tx, session: Session, fact: TransactionEnded) -> StopReason:
    wanted = None if session.stop_wanted is None else StopReason(session.stop_wanted)
    if fact.reason is EndReason.REMOTE:
        return wanted or StopReason.OTHER
    if fact.reason is EndReason.LOCAL:
        own = fact.token is not None and session.token is not None
        same = own and str(fact.token).upper() == str(session.token).upper()
        return StopReason.DRIVER if same else StopReason.LOCAL
    if fact.reason is EndReason.OTHER and await _is_faulted(tx, session):
        return StopReason.CHARGER_FAULT  # 1.6 has no reason for it; the status tells
    return STOP_REASONS[fact.reason]


async def _is_faulted(tx: Tx, session: Session) -> bool:
    statement = select(connectors.c.status).where(connectors.c.id == session.connector_id)
    status: str | None = await tx.scalar(statement)
    return status == ConnectorStatus.FAULTED


async def _named(tx: Tx, fact: TransactionEnded) -> Session | None:
    """Return the session of a stop by its transaction id."""
    place = fact.source.charger_id, fact.transaction_ref
    return (await reading_store.metered(tx, [place])).get(place)


def _is_named(fact: TransactionEnded) -> bool:
    """Tell whether the charger gave the transaction its id (2.x): another id is another one."""
    return fact.seq is not None and fact.transaction_ref != NO_REF


async def _fitting(tx: Tx, fact: TransactionEnded) -> Session | None:
    """Return the session of a stop by all that fits it, or ``None``.

    Transaction ids 0 and -1 stand for "I never got one"; an unknown id may come from a charger
    that was moved here in mid session. They fit an open session that began before, whose register
    is not above the stop's and whose token is the same, if there is exactly one.
    """
    charger_id = fact.source.charger_id
    connector = None
    if fact.evse:
        connector = await connector_status.connector_at(tx, charger_id, fact.evse, fact.connector)
    at, _ = plausible_time(fact.at, tx.now)
    fitting = [
        candidate
        for candidate in await store.open_of_charger(tx, charger_id)
        if candidate.started_at <= at
        and (connector is None or candidate.connector_id == connector.id)
        and (fact.meter_wh is None or (candidate.last_wh or 0) <= fact.meter_wh)
        and (fact.token is None or (candidate.token or "").upper() == fact.token.upper())
    ]
    return fitting[0] if len(fitting) == 1 else None


async def _keep_orphan(tx: Tx, fact: TransactionEnded) -> Answered:
    """Keep a stop that belongs to no session: an invalid session, an order that needs review."""
    source = fact.source
    at, doubts = plausible_time(fact.at, tx.now)
    session_id = new_id("cs")
    if not await messages.remember(tx, source, session_id, seq=fact.seq):
        return await _verdict(tx, None, fact)
    named = _is_named(fact)  # a start that comes later will name the same transaction
    reference = fact.transaction_ref if named else f"{ORPHAN}{session_id}"
    flags = sorted({"start_missing" if named else "stop_orphan", *fact.flags, *doubts})
    session = await store.add(
        tx,
        id=session_id,
        charger_id=source.charger_id,
        connector_id=None,
        transaction_ref=reference,
        start_key=f"{ORPHAN}{session_id}",
        livemode=True,
        token=fact.token,
        verdict=TokenStatus.ACCEPTED,
        status=SessionStatus.INVALID,
        is_current=False,
        started_at=at,
        ended_at=at,
        reported_stop_wh=fact.meter_wh,
        meter_stop_wh=fact.meter_wh,
        last_wh=fact.meter_wh,
        energy_wh=0,
        stop_reason=STOP_REASONS[fact.reason].value,
        data_quality=quality(flags),
        flags=flags,
        billable=False,
        last_seq=fact.seq,
    )
    if session is not None:
        await readings.record(tx, session.id, fact.readings)
        await orders.settle(tx, session, reason="orphan")
    return await _verdict(tx, session, fact)


async def _verdict(tx: Tx, session: Session | None, fact: TransactionEnded) -> Answered:
    if fact.token is None:
        return Answered(session=session, status=TokenStatus.ACCEPTED)
    judged = await authorization.authorize(
        tx, fact.source.charger_id, fact.token, kind=fact.token_kind, evse=fact.evse
    )
    return Answered(
        session=session,
        status=judged.status,
        group_token=judged.group_token,
        about=judged.about,
    )
