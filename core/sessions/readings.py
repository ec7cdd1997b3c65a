"""Meter readings: stored as they came, believed where they can be true."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from core.chargers import deviations
from core.chargers.models import connectors
from core.kernel.db import Tx
from core.sessions import store
from core.sessions.facts import Reading
from core.sessions.models import Session
from core.sessions.publishing import publish_update
from core.sessions.quality import DEFAULT_MAX_POWER_W, UNTIMED, doubt, quality
from core.sessions.stopping import limit_reached, stop_by_platform
from core.sessions.times import plausible_time


async def record(tx: Tx, session_id: str, readings: Sequence[Reading]) -> None:
    """Add *readings* to a session and bring its live figures up to date.

    Readings of a session that has ended are only stored; its order is settled by the caller.
    """
    if not readings:
        return
    session = await store.by_id(tx, session_id)
    if session is None:
        return
    rows: list[dict[str, Any]] = []
    live: dict[str, Any] = {"suspect_since": None}
    flags = set(session.flags)
    last = (
        None
        if session.last_at is None or session.last_wh is None
        else (session.last_at, session.last_wh)
    )
    first = session.meter_start_wh
    max_power_w = await power_of(tx, session)
    for reading in sorted(readings, key=lambda r: (r.at is not None, r.at)):
        at, doubts = plausible_time(reading.at, tx.now)
        marks = {*reading.flags, *doubts}
        accepted = True
        if reading.energy_wh is not None and session.is_open and (last is None or at >= last[0]):
            power_w = None if UNTIMED & (flags | marks) else max_power_w
            mark = doubt(last, (at, reading.energy_wh), power_w)
            accepted = not mark
            marks |= {mark} if mark else set()
            if accepted:
                last = (at, reading.energy_wh)
                first = reading.energy_wh if first is None else first
        flags |= marks
        deviations.note(tx, *marks)
        live |= {
            name: value
            for name, value in (
                ("power_w", reading.power_w),
                ("soc_percent", reading.soc_percent),
            )
            if value is not None
        }
        rows.append(_row(session_id, reading, at=at, now=tx.now, accepted=accepted, marks=marks))
    await store.add_readings(tx, rows)
    if not session.is_open:
        return
    if last is not None:
        start_wh = session.meter_start_wh
        if start_wh is None:
            start_wh = live["meter_start_wh"] = last[1] if first is None else first
        live |= {"last_at": last[0], "last_wh": last[1], "energy_wh": max(last[1] - start_wh, 0)}
    live |= {"flags": sorted(flags), "data_quality": quality(flags)}
    session = await store.change(tx, session_id, **live)
    reached = limit_reached(session, tx.now)
    if reached is not None and session.stop_wanted is None:
        await stop_by_platform(tx, session, wanted=reached)
    await publish_update(tx, session)


async def power_of(tx: Tx, session: Session) -> int:
    """Return what the session's connector can deliver at most, in W."""
    statement = select(connectors.c.max_power_w).where(connectors.c.id == session.connector_id)
    power_w: int | None = await tx.scalar(statement)
    return power_w or DEFAULT_MAX_POWER_W


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
    }
