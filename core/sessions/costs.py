"""What sessions cost by the tariff that held when they began, and telling drivers (2.0.1 I)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select

from core.chargers.models import Charger, chargers
from core.chargers.record_models import variables
from core.commands import service as commands
from core.commands.cost import ShowCost
from core.commands.models import commands as command_table
from core.commands.states import Priority
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.sessions.models import IS_CURRENT, IS_OPEN, Session, sessions
from core.tariffs import service as tariffs
from core.tariffs.cost import Cost, cost_of
from core.tariffs.models import Tariff

log = structlog.get_logger()

TELLS_COSTS: Final = "2.0.1"
"""The version that has a message for it."""
BATCH: Final = 200
ANSWER_WITHIN_S: Final = 20.0

_CONTROLLER: Final = "TariffCostCtrlr"


@dataclass(frozen=True, slots=True)
class Priced:
    """A session's cost so far, or in the end, and the tariff that made it."""

    tariff: Tariff
    cost: Cost


@dataclass(frozen=True, slots=True)
class Display:
    """What a charger says of its own showing of costs; ``None`` where it never said."""

    shows_tariff: bool | None
    shows_cost: bool | None
    currency: str | None


async def price(tx: Tx, session: Session) -> Priced | None:
    """Return what *session* costs; ``None`` where no tariff held at its beginning."""
    tariff = await _tariff_of(tx, session)
    if tariff is None:
        return None
    until = session.ended_at or session.last_at or session.started_at
    cost = cost_of(tariff.prices, energy_wh=session.energy_wh, duration=until - session.started_at)
    return Priced(tariff, cost)


async def total_to_tell(tx: Tx, session: Session) -> Cost | None:
    """Return the total for the charger's display; ``None`` if it counts in another currency."""
    priced = await price(tx, session)
    if priced is None:
        return None
    shown = await display(tx, session.charger_id)
    if shown.currency not in (None, priced.cost.currency):
        log.warning("cost_not_told", charger_currency=shown.currency)
        return None
    return priced.cost


async def text_for(tx: Tx, charger: Charger) -> tuple[str, str | None] | None:
    """Return (text, language) of the tariff that holds at a charger, if it has a text."""
    tariff = await tariffs.holding(tx, station_id=charger.station_id, at=tx.now)
    if tariff is None or tariff.text is None:
        return None
    return tariff.text, tariff.language


async def display(tx: Tx, charger_id: str) -> Display:
    """Return what the device model of a charger says of TariffCostCtrlr."""
    statement = select(variables.c.variable, variables.c.value).where(
        variables.c.charger_id == charger_id,
        variables.c.component == _CONTROLLER,
        variables.c.attribute == "Actual",
    )
    values = {row.variable: (row.value or "").lower() for row in await tx.all(statement)}

    def has(instance: str) -> bool | None:
        told = [values.get(f"{name}[{instance}]") for name in ("Available", "Enabled")]
        if "false" in told:
            return False
        return True if "true" in told else None

    currency = values.get("Currency")
    return Display(
        shows_tariff=has("Tariff"),
        shows_cost=has("Cost"),
        currency=currency.upper() if currency else None,
    )


async def tell_running_costs(tx: Tx, *, every: timedelta) -> int:
    """Tell chargers that can show it what their sessions have cost so far; return how many.

    Each session at most once in *every*; zero: never. A charger is told only if its device model
    says that it shows costs (OCPP 2.0.1 I02).
    """
    if every <= timedelta(0):
        return 0
    told = after = 0
    while batch := await _untold(tx, since=tx.now - every, after=after):
        for session in batch:
            told += await _tell(tx, session, within=every)
        after = batch[-1].number
    return told


async def _tell(tx: Tx, session: Session, *, within: timedelta) -> bool:
    """Queue the cost of a session; false where there is nothing to tell."""
    charger = await tx.one(select(chargers).where(chargers.c.id == session.charger_id), Charger)
    shown = await display(tx, charger.id)
    cost = await total_to_tell(tx, session) if shown.shows_cost else None
    if cost is None:
        return False
    try:
        await commands.enqueue(
            tx,
            charger=charger,
            command=ShowCost(transaction_ref=session.transaction_ref, total=str(cost.total)),
            priority=Priority.BACKGROUND,
            expires_at=tx.now + within,
            timeout_s=ANSWER_WITHIN_S,
            requested_by="platform",
            session_id=session.id,
        )
    except PlatformError as exc:  # its queue is full
        log.warning("cost_not_told", reason=exc.code)
        return False
    return True


async def _tariff_of(tx: Tx, session: Session) -> Tariff | None:
    statement = select(chargers.c.station_id).where(chargers.c.id == session.charger_id)
    station_id: str | None = await tx.scalar(statement)
    return await tariffs.holding(tx, station_id=station_id, at=session.started_at)


async def _untold(tx: Tx, *, since: datetime, after: int) -> Sequence[Session]:
    """Return open sessions, after number *after*, whose chargers were not told since *since*.

    Of connected 2.0.1 chargers only that have something to show costs with.
    """
    told = (
        select(command_table.c.id)
        .where(
            command_table.c.session_id == sessions.c.id,
            command_table.c.kind == ShowCost.kind,
            command_table.c.created_at > since,
        )
        .exists()
    )
    shows = (
        select(variables.c.number)
        .where(
            variables.c.charger_id == sessions.c.charger_id,
            variables.c.component == _CONTROLLER,
            variables.c.variable.in_(["Available[Cost]", "Enabled[Cost]"]),
        )
        .exists()
    )
    statement = (
        select(sessions)
        .join(chargers, chargers.c.id == sessions.c.charger_id)
        .where(
            IS_OPEN,
            IS_CURRENT,
            chargers.c.node_id.is_not(None),
            chargers.c.ocpp_version == TELLS_COSTS,
            sessions.c.number > after,
            shows,
            ~told,
        )
        .order_by(sessions.c.number)
        .limit(BATCH)
    )
    return await tx.all(statement, Session)
