"""SQL of sandboxes, their chargers and errands. Every change of the tables is in this file."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Executable, Select, delete, or_, select, union, update

from core.chargers.models import chargers, connectors
from core.kernel.db import Tx
from core.kernel.queries import query
from core.kernel.rows import guarded_move, insert_once, insert_row
from core.operations.models import operations, reservations
from core.operations.states import MACHINE as OPERATION_MACHINE
from core.operations.states import RESERVATION_MACHINE
from core.sandbox.cast import ABSENT, CAST
from core.sandbox.models import Errand, Guest, Seen, sandbox_acts, sandbox_chargers, sandboxes
from core.sandbox.states import MACHINE, ActStatus
from core.sessions.models import sessions
from core.sessions.states import OPEN

_OPEN_SESSIONS: Final = sorted(OPEN)
_UNFINISHED: Final = sorted(OPERATION_MACHINE.unfinished)
_HELD: Final = sorted(RESERVATION_MACHINE.unfinished)


async def station_of(tx: Tx, partner_id: str) -> str | None:
    statement = select(sandboxes.c.station_id).where(sandboxes.c.partner_id == partner_id)
    found: str | None = await tx.scalar(statement)
    return found


async def add_sandbox(tx: Tx, *, partner_id: str, station_id: str) -> None:
    await insert_row(tx, sandboxes, partner_id=partner_id, station_id=station_id, created_at=tx.now)


async def add_guest(tx: Tx, **values: Any) -> None:
    await insert_row(tx, sandbox_chargers, away=False, **values)


async def guests(tx: Tx, partner_id: str) -> Sequence[Seen]:
    """Return a partner's simulated chargers in the order of the cast."""
    statement = _seen(tx).where(sandbox_chargers.c.partner_id == partner_id)
    found = {seen.name: seen for seen in await tx.all(statement, Seen)}
    return [found[name] for name in CAST if name in found]


async def seen(tx: Tx, charger_id: str, *, partner_id: str) -> Seen | None:
    statement = _seen(tx).where(
        sandbox_chargers.c.charger_id == charger_id, sandbox_chargers.c.partner_id == partner_id
    )
    return await tx.one_or_none(statement, Seen)


async def guest(tx: Tx, charger_id: str, *, partner_id: str) -> Guest | None:
    statement = select(sandbox_chargers).where(
        sandbox_chargers.c.charger_id == charger_id, sandbox_chargers.c.partner_id == partner_id
    )
    return await tx.one_or_none(statement, Guest)


async def charger_of(
    tx: Tx,
    *,
    partner_id: str,
    connector_id: str | None,
    session_id: str | None,
    reservation_id: str | None,
    request_id: str | None,
) -> str | None:
    """Return the partner's simulated charger that a control call is about, if it names one."""
    candidates = [
        select(connectors.c.charger_id).where(connectors.c.id == connector_id),
        select(sessions.c.charger_id).where(sessions.c.id == session_id),
        select(reservations.c.charger_id).where(reservations.c.id == reservation_id),
        select(operations.c.charger_id).where(
            operations.c.partner_id == partner_id,
            operations.c.livemode.is_(False),
            operations.c.request_id == request_id,
        ),
    ]
    given = (connector_id, session_id, reservation_id, request_id)
    wanted = [each for each, id_ in zip(candidates, given, strict=True) if id_ is not None]
    for ids in wanted:
        statement = select(sandbox_chargers.c.charger_id).where(
            sandbox_chargers.c.charger_id.in_(ids), sandbox_chargers.c.partner_id == partner_id
        )
        found: str | None = await tx.scalar(statement)
        if found is not None:
            return found
    return None


async def want(tx: Tx, charger_ids: Collection[str], *, until: datetime) -> None:
    """Let chargers be connected until *until* at least."""
    earlier = or_(
        sandbox_chargers.c.wanted_until.is_(None), sandbox_chargers.c.wanted_until < until
    )
    await tx.execute(
        update(sandbox_chargers)
        .where(sandbox_chargers.c.charger_id.in_(sorted(charger_ids)), earlier)
        .values(wanted_until=until)
    )


async def wanted(tx: Tx, *, limit: int) -> Sequence[str]:
    """Return chargers that are wanted and that nobody runs, those wanted longest first."""
    return await tx.scalars(_wanted(limit, now=tx.now))


@query
def _wanted(limit: int, *, now: datetime) -> Executable:
    return (
        select(sandbox_chargers.c.charger_id)
        .where(
            sandbox_chargers.c.wanted_until > now,
            sandbox_chargers.c.name.not_in(ABSENT),
            _is_free(now),
        )
        .order_by(sandbox_chargers.c.wanted_until, sandbox_chargers.c.charger_id)
        .limit(limit)
    )


async def claim(tx: Tx, charger_id: str, *, host: str, lease: datetime) -> Guest | None:
    """Make *host* run a charger; ``None``: another was faster."""
    statement = (
        update(sandbox_chargers)
        .where(sandbox_chargers.c.charger_id == charger_id, _is_free(tx.now))
        .values(host=host, lease_until=lease, away=False)
        .returning(sandbox_chargers)
    )
    return await tx.one_or_none(statement, Guest)


async def renew(tx: Tx, *, host: str, lease: datetime) -> Sequence[Guest]:
    """Extend the lease of all that *host* runs; return them."""
    statement = (
        update(sandbox_chargers)
        .where(sandbox_chargers.c.host == host)
        .values(lease_until=lease)
        .returning(sandbox_chargers)
    )
    return await tx.all(statement, Guest)


async def release(tx: Tx, charger_ids: Collection[str], *, host: str) -> None:
    """Let others run chargers, where *host* does."""
    await tx.execute(
        update(sandbox_chargers)
        .where(
            sandbox_chargers.c.charger_id.in_(sorted(charger_ids)), sandbox_chargers.c.host == host
        )
        .values(host=None, lease_until=None, away=False)
    )


async def release_all(tx: Tx, *, host: str) -> None:
    """Let others run whatever *host* ran: for its start, and its end."""
    await tx.execute(
        update(sandbox_chargers)
        .where(sandbox_chargers.c.host == host)
        .values(host=None, lease_until=None, away=False)
    )


async def set_away(tx: Tx, charger_id: str, *, away: bool) -> None:
    await tx.execute(
        update(sandbox_chargers)
        .where(sandbox_chargers.c.charger_id == charger_id)
        .values(away=away)
    )


async def set_password(tx: Tx, charger_id: str, *, password: str) -> None:
    """Replace the password of a charger, encrypted."""
    await tx.execute(
        update(sandbox_chargers)
        .where(sandbox_chargers.c.charger_id == charger_id)
        .values(password=password)
    )


async def busy(tx: Tx, charger_ids: Collection[str]) -> frozenset[str]:
    """Return those of the chargers where something is going on or held."""
    among = sorted(charger_ids)
    statement = union(
        select(sessions.c.charger_id).where(
            sessions.c.charger_id.in_(among), sessions.c.status.in_(_OPEN_SESSIONS)
        ),
        select(operations.c.charger_id).where(
            operations.c.charger_id.in_(among), operations.c.status.in_(_UNFINISHED)
        ),
        select(reservations.c.charger_id).where(
            reservations.c.charger_id.in_(among), reservations.c.status.in_(_HELD)
        ),
    )
    return frozenset(await tx.scalars(statement))


async def add_errand(tx: Tx, **values: Any) -> Errand | None:
    return await insert_once(
        tx,
        sandbox_acts,
        Errand,
        status=ActStatus.WAITING,
        created_at=tx.now,
        updated_at=tx.now,
        **values,
    )


async def errand(tx: Tx, errand_id: str) -> Errand | None:
    return await tx.one_or_none(select(sandbox_acts).where(sandbox_acts.c.id == errand_id), Errand)


async def waiting_errands(tx: Tx, charger_ids: Collection[str]) -> Sequence[str]:
    """Return the ids of what waits to be done at chargers, the oldest first."""
    statement = (
        select(sandbox_acts.c.id)
        .where(
            sandbox_acts.c.charger_id.in_(sorted(charger_ids)),
            sandbox_acts.c.status == ActStatus.WAITING,
        )
        .order_by(sandbox_acts.c.id)
    )
    return await tx.scalars(statement)


async def move(
    tx: Tx, errand_id: str, to: ActStatus, *, reason: str | None = None
) -> Errand | None:
    return await guarded_move(
        tx, sandbox_acts, Errand, MACHINE, errand_id, to, reason=reason, updated_at=tx.now
    )


async def delete_errands(tx: Tx, *, before: datetime) -> int:
    return await tx.execute(delete(sandbox_acts).where(sandbox_acts.c.created_at < before))


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(sandbox_chargers.c.host.is_(None), sandbox_chargers.c.lease_until <= now)


def _seen(tx: Tx) -> Select[Any]:
    is_run = sandbox_chargers.c.host.is_not(None) & (sandbox_chargers.c.lease_until > tx.now)
    is_settled = connectors.c.as_of >= chargers.c.connected_at
    return (
        select(
            sandbox_chargers.c.charger_id,
            connectors.c.id.label("connector_id"),
            chargers.c.station_id,
            sandbox_chargers.c.name,
            connectors.c.status,
            chargers.c.node_id.is_not(None).label("online"),
            sandbox_chargers.c.away,
            is_run.is_(True).label("is_run"),
            is_settled.is_(True).label("is_settled"),
        )
        .join(chargers, chargers.c.id == sandbox_chargers.c.charger_id)
        .join(connectors, connectors.c.charger_id == chargers.c.id)
        .where(chargers.c.removed_at.is_(None), connectors.c.evse == 1)
    )
