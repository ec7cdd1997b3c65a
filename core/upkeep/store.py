"""SQL of transfers. Every state change of the table is in this file."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from core.chargers.models import chargers
from core.commands.models import commands
from core.commands.states import CommandStatus
from core.desired.models import desired_states
from core.kernel.db import Tx
from core.kernel.rows import guarded_move, insert_row
from core.upkeep.models import News, Transfer, transfer_news, transfers
from core.upkeep.states import TRANSFER_MACHINE, TransferKind, TransferStatus

_LATEST = 20


async def add(tx: Tx, **values: Any) -> Transfer:
    return await tx.one(insert(transfers).values(**values).returning(transfers), Transfer)


async def move(
    tx: Tx,
    transfer_id: str,
    to: TransferStatus,
    *,
    sources: frozenset[TransferStatus] | None = None,
    **values: Any,
) -> Transfer | None:
    return await guarded_move(
        tx, transfers, Transfer, TRANSFER_MACHINE, transfer_id, to, sources=sources, **values
    )


async def change(tx: Tx, transfer_id: str, **values: Any) -> None:
    await tx.execute(update(transfers).where(transfers.c.id == transfer_id).values(**values))


async def add_news(tx: Tx, transfer_id: str, word: str) -> None:
    await insert_row(tx, transfer_news, transfer_id=transfer_id, at=tx.now, word=word)


async def news_of(tx: Tx, transfer_id: str) -> Sequence[News]:
    statement = select(transfer_news).where(transfer_news.c.transfer_id == transfer_id)
    return await tx.all(statement.order_by(transfer_news.c.number), News)


async def by_id(tx: Tx, transfer_id: str) -> Transfer | None:
    return await tx.one_or_none(select(transfers).where(transfers.c.id == transfer_id), Transfer)


async def by_command(tx: Tx, command_id: str) -> Transfer | None:
    statement = select(transfers).where(transfers.c.command_id == command_id)
    return await tx.one_or_none(statement, Transfer)


async def of_desired(tx: Tx, desired_id: str) -> Transfer | None:
    """Return the newest transfer of a wish."""
    statement = select(transfers).where(transfers.c.desired_id == desired_id)
    return await tx.one_or_none(statement.order_by(transfers.c.number.desc()).limit(1), Transfer)


async def by_request(
    tx: Tx, charger_id: str, kinds: Sequence[TransferKind], request: int
) -> Transfer | None:
    statement = select(transfers).where(
        transfers.c.charger_id == charger_id,
        transfers.c.kind.in_(kinds),
        transfers.c.request == request,
    )
    return await tx.one_or_none(statement.order_by(transfers.c.number.desc()).limit(1), Transfer)


async def latest(
    tx: Tx, charger_id: str, kinds: Sequence[TransferKind], *, limit: int = _LATEST
) -> Sequence[Transfer]:
    return await newest(tx, charger_id=charger_id, kinds=kinds, before_number=None, limit=limit)


async def newest(
    tx: Tx,
    *,
    charger_id: str | None,
    kinds: Sequence[TransferKind],
    before_number: int | None,
    limit: int,
) -> Sequence[Transfer]:
    statement = select(transfers).where(transfers.c.kind.in_(kinds))
    if charger_id is not None:
        statement = statement.where(transfers.c.charger_id == charger_id)
    if before_number is not None:
        statement = statement.where(transfers.c.number < before_number)
    return await tx.all(statement.order_by(transfers.c.number.desc()).limit(limit), Transfer)


async def silent_since(tx: Tx, before: datetime, *, limit: int) -> Sequence[Transfer]:
    """Return transfers under way whose news are overdue since *before*."""
    statuses = (TransferStatus.ACCEPTED, TransferStatus.RUNNING, TransferStatus.INSTALLED)
    statement = select(transfers).where(
        transfers.c.status.in_(statuses), transfers.c.expected_at < before
    )
    return await tx.all(statement.order_by(transfers.c.expected_at).limit(limit), Transfer)


async def unanswered(tx: Tx, *, unlearned: datetime, limit: int) -> Sequence[tuple[str, str]]:
    """Return (transfer id, how its command ended) where no usable answer came.

    That is also an answer from before *unlearned* that taught nothing: it broke its schema. The
    transfer of a wish has no command of its own; the wish asks again.
    """
    ended = (CommandStatus.TIMED_OUT, CommandStatus.EXPIRED, CommandStatus.ERRORED)
    useless = (commands.c.status == CommandStatus.ANSWERED) & (commands.c.answered_at < unlearned)
    statement = (
        select(transfers.c.id, commands.c.status)
        .join(commands, commands.c.id == transfers.c.command_id)
        .where(
            transfers.c.status == TransferStatus.REQUESTED,
            commands.c.status.in_(ended) | useless,
        )
        .limit(limit)
    )
    return [(row.id, row.status) for row in await tx.all(statement)]


async def forgotten(tx: Tx, *, limit: int) -> Sequence[str]:
    """Return transfers that were to be asked for by a wish that is no more."""
    wish = select(desired_states.c.id).where(desired_states.c.id == transfers.c.desired_id)
    statement = select(transfers.c.id).where(
        transfers.c.status == TransferStatus.REQUESTED,
        transfers.c.desired_id.is_not(None),
        ~wish.exists(),
    )
    return await tx.scalars(statement.limit(limit))


async def firmware_version(tx: Tx, charger_id: str) -> str | None:
    found: str | None = await tx.scalar(
        select(chargers.c.firmware_version).where(chargers.c.id == charger_id)
    )
    return found
