"""What chargers report of transactions becomes sessions: started, updated.

Chargers repeat, reorder and lose messages. Each message is recorded once under its key; a session
is made of what is recorded, so replays change nothing and any order ends in the same order (I18,
I23). The end is in ``ending``.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from core.chargers import deviations
from core.chargers import status as connector_status
from core.chargers.states import TokenStatus
from core.kernel.db import Tx
from core.kernel.errors import DatabaseUnavailable
from core.kernel.ids import new_id
from core.operations import reservations
from core.operations import service as operations
from core.operations.models import Operation
from core.operations.states import OperationStatus
from core.sessions import authorization, messages, readings, stopping, store
from core.sessions.authorization import Answered, Judged
from core.sessions.ending import ORPHAN, settle_again
from core.sessions.facts import Source, TransactionStarted, TransactionUpdated
from core.sessions.models import Session
from core.sessions.publishing import publish
from core.sessions.quality import quality
from core.sessions.states import DataQuality, SessionStatus, StopReason
from core.sessions.times import plausible_time

LONGEST: Final = timedelta(days=7)
"""An orphaned stop and a start further apart are not of one transaction."""
_NOT_FIRST: Final = "Another connection has reported this transaction in the meantime."


async def start(tx: Tx, fact: TransactionStarted) -> Answered:
    """Open the session of *fact*, confirm the operation that asked for it, judge the token.

    Calling it again with the same fact returns the same session and the same verdict and changes
    nothing: chargers repeat a start until they see an answer.
    """
    source = fact.source
    known, has_orphans = await messages.first_look(tx, source, at=fact.at)
    if known is not None:
        return await _answer_again(tx, known)
    looks_back = has_orphans or fact.transaction_ref is not None
    session = await _find_started_early(tx, fact) if looks_back else None
    came_late = session is not None
    if session is None:
        answered = await _begin(tx, fact)
    else:
        session = await _complete_start(tx, session, fact)
        if not await messages.remember(tx, source, session.id, seq=fact.seq):
            return await _answer_again(tx, session.id)
        answered = await _match(tx, session, fact, opened=True)
    session = answered.session
    if session is None:
        raise AssertionError("a start has a session")
    await _use_reservation(tx, session, fact.reservation)
    await readings.record(tx, session.id, fact.readings)
    if came_late:
        await settle_again(tx, session.id)
    return answered


async def _begin(tx: Tx, fact: TransactionStarted) -> Answered:
    """Open a session, written once with all that is known of it: whose it is, what it may do."""
    source, token = fact.source, fact.token
    session_id = new_id("cs")
    operation = await operations.start_of_token(
        tx, charger_id=source.charger_id, token=token, remote_start_id=fact.remote_start_id
    )
    confirmed = operation is not None and await _confirm(tx, operation, session_id)
    judged = Judged(status=TokenStatus.ACCEPTED)
    values: dict[str, Any] = {}
    if operation is not None and confirmed:
        values = {**_belongings(operation), "billable": True}
    elif operation is None and token is not None:
        judged = await authorization.judge(
            tx, token, charger_id=source.charger_id, kind=fact.token_kind, evse=fact.evse
        )
        values = _standing(token, judged)
    session = await _open(tx, fact, fact.at, flags=fact.flags, id=session_id, **values)
    if not await messages.remember(tx, source, session.id, seq=fact.seq):
        raise DatabaseUnavailable(_NOT_FIRST)
    if operation is not None:
        if confirmed:
            return await _started_for(tx, session, operation)
        return await _match_finished(tx, session, operation)
    if token is not None:
        await publish(tx, session, "session.started")
    return _answered(session, judged)


async def update(tx: Tx, fact: TransactionUpdated) -> Answered:
    """Apply a TransactionEvent Updated; it may be the first we hear of the transaction."""
    source = fact.source
    if (known := await messages.known(tx, source)) is not None:
        return await _answer_again(tx, known)
    session = await store.by_ref(tx, source.charger_id, fact.transaction_ref)
    opened = session is None
    if session is None:
        flags = ("start_missing", *fact.flags)
        session = await _open(tx, fact, fact.at, flags=flags, id=new_id("cs"))
    if not await messages.remember(tx, source, session.id, seq=fact.seq, readings=fact.readings):
        return await _answer_again(tx, session.id)
    session = await _placed(tx, session, fact)
    answered = Answered(session=session, status=TokenStatus(session.verdict))
    if fact.token is not None and session.operation_id is None and session.is_open:
        answered = await _match(tx, session, fact, opened=opened)
    await _use_reservation(tx, session, fact.reservation)
    newest = session.last_seq is None or fact.seq > session.last_seq
    if session.is_open and newest:
        await _advance(tx, session, fact)
    await readings.record(tx, session.id, fact.readings, told_by=source, is_remembered=True)
    await settle_again(tx, session.id)
    return answered


async def _answer_again(tx: Tx, session_id: str) -> Answered:
    session = await store.by_id(tx, session_id)
    if session is None:
        return Answered(session=None, status=TokenStatus.ACCEPTED)
    about = await authorization.about_of(tx, session.token)
    group = None if about is None else about.group_token
    status = TokenStatus(session.verdict)
    return Answered(session=session, status=status, group_token=group, about=about)


async def _find_started_early(tx: Tx, fact: TransactionStarted) -> Session | None:
    """Return the session that a later message of the same transaction has opened.

    2.x names the transaction. In 1.6 it can only be a stop without a transaction id: the one
    orphan of this charger that began before it ended, below its register, with the same token.
    """
    charger_id = fact.source.charger_id
    if fact.transaction_ref is not None:
        return await store.by_ref(tx, charger_id, fact.transaction_ref)
    started_at, _ = plausible_time(fact.at, tx.now)
    fitting = [
        orphan
        for orphan in await store.orphans(tx, charger_id, ended_after=started_at)
        if orphan.transaction_ref.startswith(ORPHAN)
        and (orphan.token is None or orphan.token.upper() == (fact.token or "").upper())
        and orphan.reported_stop_wh is not None
        and fact.meter_wh is not None
        and orphan.reported_stop_wh >= fact.meter_wh
        and (orphan.ended_at or started_at) - started_at <= LONGEST
    ]
    return fitting[0] if len(fitting) == 1 else None


async def _open(
    tx: Tx,
    fact: TransactionStarted | TransactionUpdated,
    reported_at: datetime | None,
    *,
    flags: tuple[str, ...],
    **values: Any,
) -> Session:
    """Insert a session; *values*: its id, and what is known of it besides what *fact* tells.

    Raises:
        DatabaseUnavailable: Another connection has opened it in the meantime; look again.
    """
    source: Source = fact.source
    started_at, doubts = plausible_time(reported_at, tx.now)
    connector = None
    if fact.evse is not None and fact.evse > 0:
        connector = await connector_status.connector_at(
            tx, source.charger_id, fact.evse, fact.connector
        )
    meter_wh = fact.meter_wh if isinstance(fact, TransactionStarted) else None
    start_key = source.key if fact.transaction_ref is None else f"ref:{fact.transaction_ref}"
    all_flags = sorted({*flags, *doubts})
    deviations.note(tx, *all_flags)
    known = {
        "charger_id": source.charger_id,
        "connector_id": None if connector is None else connector.id,
        "transaction_ref": fact.transaction_ref or "",
        "start_key": start_key,
        "livemode": await _livemode(tx, source.charger_id),
        "token": fact.token,
        "verdict": TokenStatus.ACCEPTED,
        "status": fact.status or SessionStatus.CHARGING,
        "is_current": connector is not None and await _may_have(tx, connector.id, started_at),
        "started_at": started_at,
        "reported_start_wh": meter_wh,
        "meter_start_wh": meter_wh,
        "last_wh": meter_wh,
        "last_at": started_at,
        "energy_wh": 0,
        "data_quality": quality(all_flags),
        "flags": all_flags,
        "billable": False,
        "last_seq": fact.seq,
    }
    session = await store.add(tx, **(known | values))
    if session is None:
        raise DatabaseUnavailable(_NOT_FIRST)
    return session


async def _may_have(tx: Tx, connector_id: str, started_at: datetime) -> bool:
    """Tell whether a session that began then is its connector's current one: the newest is.

    A charger that starts again without having ended the last transaction has lost that end: the
    older session stays open, in doubt, until its end arrives or the grace is over.
    """
    other = await store.current(tx, connector_id)
    if other is not None and other.started_at > started_at:
        return False
    if other is not None:
        await store.vacate(tx, connector_id, suspect_since=tx.now)
    return True


async def _placed(tx: Tx, session: Session, fact: TransactionUpdated) -> Session:
    """Give a session that began before its EVSE was known (2.x TxStartPoint) its connector."""
    if session.connector_id is not None or not fact.evse:
        return session
    connector = await connector_status.connector_at(
        tx, session.charger_id, fact.evse, fact.connector
    )
    if connector is None:
        return session
    is_current = session.is_open and await _may_have(tx, connector.id, session.started_at)
    return await store.change(
        tx, session.id, connector_id=connector.id, is_current=session.is_current or is_current
    )


async def _complete_start(tx: Tx, session: Session, fact: TransactionStarted) -> Session:
    """Fill in what only the start knows, after a later message came first."""
    started_at, doubts = plausible_time(fact.at, tx.now)
    flags = sorted({*session.flags, *fact.flags, *doubts} - {"start_missing", "stop_orphan"})
    values: dict[str, Any] = {
        "started_at": started_at if session.ended_at is None else min(started_at, session.ended_at),
        "reported_start_wh": fact.meter_wh,
        "meter_start_wh": fact.meter_wh,
        "flags": flags,
        "data_quality": quality(flags),
    }
    if session.last_wh is None:
        values |= {"last_wh": fact.meter_wh, "last_at": started_at}
    if session.token is None:
        values["token"] = fact.token
    if session.transaction_ref.startswith(ORPHAN):
        values |= {"transaction_ref": str(session.number), "start_key": fact.source.key}
    if session.connector_id is None and fact.evse > 0:
        connector = await connector_status.connector_at(
            tx, session.charger_id, fact.evse, fact.connector
        )
        values["connector_id"] = None if connector is None else connector.id
    return await store.change(tx, session.id, **values)


async def _advance(tx: Tx, session: Session, fact: TransactionUpdated) -> None:
    if fact.status is not None and fact.status is not session.status:
        await store.move(tx, session.id, fact.status, last_seq=fact.seq, suspect_since=None)
    else:
        await store.change(tx, session.id, last_seq=fact.seq, suspect_since=None)


async def _use_reservation(tx: Tx, session: Session, number: int | None) -> None:
    if number is None:
        return
    reservation = await reservations.use(tx, session.charger_id, number)
    if reservation is not None:
        await store.change(tx, session.id, reservation_id=reservation.id)


async def _match(
    tx: Tx,
    session: Session,
    fact: TransactionStarted | TransactionUpdated,
    *,
    opened: bool,
) -> Answered:
    """Find out on whose behalf the session is, and whether its token may charge."""
    token = fact.token
    start_operation = await operations.start_of_token(
        tx, charger_id=session.charger_id, token=token, remote_start_id=fact.remote_start_id
    )
    if start_operation is not None:
        return await _match_operation(tx, session, start_operation)
    if token is None:
        return Answered(session=session, status=TokenStatus.ACCEPTED)
    judged = await authorization.judge(
        tx,
        token,
        charger_id=session.charger_id,
        besides=session.id,
        kind=fact.token_kind,
        evse=fact.evse,
    )
    is_news = opened or (session.partner_id is None and judged.partner_id is not None)
    session = await store.change(tx, session.id, **_standing(token, judged))
    if is_news:
        await publish(tx, session, "session.started")
    return _answered(session, judged)


def _standing(token: str, judged: Judged) -> dict[str, Any]:
    """Return what a session is by the verdict on the token that began it."""
    return {
        "token": token,
        "verdict": judged.status,
        "partner_id": judged.partner_id,
        "billable": judged.status is TokenStatus.ACCEPTED,
    }


def _answered(session: Session, judged: Judged) -> Answered:
    return Answered(
        session=session, status=judged.status, group_token=judged.group_token, about=judged.about
    )


async def _match_operation(tx: Tx, session: Session, operation: Operation) -> Answered:
    if not await _confirm(tx, operation, session.id):
        return await _match_finished(tx, session, operation)
    session = await store.change(tx, session.id, **_belongings(operation), billable=True)
    return await _started_for(tx, session, operation)


async def _confirm(tx: Tx, operation: Operation, session_id: str) -> bool:
    """Let a start succeed by its session; false if it is over already."""
    confirmed = await operations.finish(
        tx,
        operation.id,
        OperationStatus.SUCCEEDED,
        session_id=session_id,
        result={"session_id": session_id},
        facts={"session_id": session_id},
    )
    return confirmed is not None


async def _started_for(tx: Tx, session: Session, operation: Operation) -> Answered:
    """Tell of the session that a start was confirmed by, and do what waited for it."""
    if operation.reservation_id is not None:
        await reservations.use_by_id(tx, operation.reservation_id)
    await publish(tx, session, "session.started")
    await _carry_out_waiting_stops(tx, session, operation)
    group = await authorization.group_of(tx, operation.body.get("id_token"))
    return Answered(session=session, status=TokenStatus.ACCEPTED, group_token=group)


async def _match_finished(tx: Tx, session: Session, operation: Operation) -> Answered:
    """Handle a transaction for a start that is over: too late, or its token used twice."""
    operation = await operations.get(tx, operation.id)
    if operation.session_id == session.id:
        return Answered(session=session, status=TokenStatus(session.verdict))
    if operation.session_id is not None:
        flags = sorted({*session.flags, "token_reused"})
        deviations.note(tx, "token_reused")
        session = await store.change(
            tx,
            session.id,
            token=operation.token,
            verdict=TokenStatus.INVALID,
            flags=flags,
            data_quality=DataQuality.NEEDS_REVIEW,
        )
        await stopping.stop_by_platform(tx, session, wanted=StopReason.DEAUTHORIZED)
        return Answered(session=session, status=TokenStatus.INVALID)
    operation, keep = await operations.record_late_start(tx, operation, session.id)
    flags = sorted({*session.flags, "late_start"})
    verdict = TokenStatus.ACCEPTED if keep else TokenStatus.EXPIRED
    values = {**_belongings(operation), "billable": keep, "flags": flags, "verdict": verdict}
    session = await store.change(tx, session.id, **values)
    await publish(tx, session, "session.started")
    if not keep:
        await stopping.stop_by_platform(tx, session, wanted=StopReason.DEAUTHORIZED)
    return Answered(session=session, status=verdict)


def _belongings(operation: Operation) -> dict[str, Any]:
    """Return what a session has from the start that it is the answer to."""
    return {
        "partner_id": operation.partner_id,
        "livemode": operation.livemode,
        "operation_id": operation.id,
        "reservation_id": operation.reservation_id,
        "token": operation.token,
        "user_ref": operation.user_ref,
        "limits": operation.limits,
    }


async def _carry_out_waiting_stops(tx: Tx, session: Session, start_operation: Operation) -> None:
    for stop in await operations.adopt_waiting_stops(tx, start_operation.id, session.id):
        await stopping.stop_for_operation(tx, session, stop)


async def _livemode(tx: Tx, charger_id: str) -> bool:
    """Return the mode of the charger's station; a charger without a station is real."""
    mode = await connector_status.livemode_of(tx, charger_id)
    return True if mode is None else mode
