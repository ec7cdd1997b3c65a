"""Meter readings: stored as they came, believed where they can be true."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, select

from core.chargers import deviations
from core.chargers.models import connectors
from core.kernel.db import Tx
from core.kernel.queries import query
from core.sessions import reading_messages, reading_store, store
from core.sessions.facts import Reading, Source, in_order
from core.sessions.models import Figures, Session
from core.sessions.publishing import publish_update
from core.sessions.quality import DEFAULT_MAX_POWER_W, UNTIMED, doubt, quality
from core.sessions.reading_store import Metered
from core.sessions.stopping import limit_reached, stop_by_platform
from core.sessions.times import plausible_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What readings come to.

    Attributes:
        rows: To be stored, what was not believed included.
        figures: What the session shows from now on, if it is open.
        marks: What was odd.
    """

    rows: Sequence[dict[str, Any]]
    figures: Figures
    marks: frozenset[str]


def judge(
    session: Session, readings: Sequence[Reading], *, now: datetime, max_power_w: int
) -> Judged:
    """Decide which *readings* of *session* to believe; of one that has ended all are kept."""
    rows: list[dict[str, Any]] = []
    flags = set(session.flags)
    odd: set[str] = set()
    last = (
        None
        if session.last_at is None or session.last_wh is None
        else (session.last_at, session.last_wh)
    )
    first = session.meter_start_wh
    power_w, soc_percent = session.power_w, session.soc_percent
    for reading in in_order(readings):
        at, doubts = plausible_time(reading.at, now)
        marks = {*reading.flags, *doubts}
        accepted = True
        if reading.energy_wh is not None and session.is_open and (last is None or at >= last[0]):
            possible_w = None if UNTIMED & (flags | marks) else max_power_w
            mark = doubt(last, (at, reading.energy_wh), possible_w)
            accepted = not mark
            marks |= {mark} if mark else set()
            if accepted:
                last = (at, reading.energy_wh)
                first = reading.energy_wh if first is None else first
        flags |= marks
        odd |= marks
        power_w = power_w if reading.power_w is None else reading.power_w
        soc_percent = soc_percent if reading.soc_percent is None else reading.soc_percent
        rows.append(_row(session.id, reading, at=at, now=now, accepted=accepted, marks=marks))
    start_wh, energy_wh = session.meter_start_wh, session.energy_wh
    if last is not None:
        if start_wh is None:
            start_wh = last[1] if first is None else first
        energy_wh = max(last[1] - start_wh, 0)
    figures = Figures(
        meter_start_wh=start_wh,
        last_wh=session.last_wh if last is None else last[1],
        last_at=session.last_at if last is None else last[0],
        energy_wh=energy_wh,
        power_w=power_w,
        soc_percent=soc_percent,
        data_quality=quality(flags),
        flags=sorted(flags),
    )
    return Judged(rows=rows, figures=figures, marks=frozenset(odd))


async def record(
    tx: Tx,
    session_id: str,
    readings: Sequence[Reading],
    *,
    told_by: Source | None = None,
    is_remembered: bool = False,
) -> None:
    """Add *readings* to a session and bring its live figures up to date.

    Readings of a session that has ended are only stored; its order is settled by the caller.

    Args:
        told_by: The message whose samples are stored with them, and nowhere else.
        is_remembered: What else it says is among the messages of its transaction; if not, it is
            stored with them, too.
    """
    if not readings:
        return
    session = await store.by_id(tx, session_id)
    if session is None:
        return
    max_power_w = await power_of(tx, session)
    judged = judge(session, readings, now=tx.now, max_power_w=max_power_w)
    deviations.note(tx, *judged.marks)
    rows = judged.rows
    if told_by is not None:
        with_it = reading_messages.with_key if is_remembered else reading_messages.with_message
        rows = with_it(rows, told_by)
    await reading_store.add_readings(tx, rows)
    changed = await reading_store.change_figures(tx, {session_id: judged.figures})
    if session_id in changed:
        await react(tx, changed[session_id])


async def react(tx: Tx, session: Session) -> None:
    """Do what new figures of an open session ask for: stop it at its limit, tell its partner."""
    reached = limit_reached(session, tx.now)
    if reached is not None and session.stop_wanted is None:
        await stop_by_platform(tx, session, wanted=reached)
    await publish_update(tx, session)


async def power_of(tx: Tx, session: Session) -> int:
    """Return what the session's connector can deliver at most, in W."""
    if isinstance(session, Metered):
        return session.connector_max_power_w or DEFAULT_MAX_POWER_W
    power_w: int | None = await tx.scalar(_power_of(session.connector_id))
    return power_w or DEFAULT_MAX_POWER_W


@query
def _power_of(connector_id: str | None) -> Executable:
    return select(connectors.c.max_power_w).where(connectors.c.id == connector_id)


def _row(
    session_id: str, reading: Reading, *, at: object, now: object, accepted: bool, marks: set[str]
) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "at": at,
        "received_at": now,
        "energy_wh": reading.energy_wh,
        "power_w": reading.power_w,
        "current_ma": reading.current_ma,
        "voltage_mv": reading.voltage_mv,
        "soc_percent": reading.soc_percent,
        "context": reading.context,
        "accepted": accepted,
        "flags": sorted(marks),
        "samples": reading.samples,
        "message_key": None,
        "message": None,
    }
