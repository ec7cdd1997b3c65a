"""What a session was made of: the messages of its charger, word for word."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Integer,
    String,
    cast,
    false,
    literal,
    null,
    select,
    true,
    type_coerce,
    union_all,
)

from core.kernel.db import Tx
from core.sessions.models import meter_values, transaction_messages
from core.sessions.reading_messages import payload_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionMessage:
    """One message of a transaction; *raw* is its payload, *seq* its seqNo (2.x)."""

    action: str
    seq: int | None
    received_at: datetime
    raw: dict[str, Any]


async def told(tx: Tx, session_id: str, *, after: int, limit: int) -> Sequence[TransactionMessage]:
    """Return the messages of a session in the order they arrived, without the first *after*."""
    told, read = transaction_messages.c, meter_values.c
    both = union_all(
        select(
            told.action,
            told.seq,
            told.received_at,
            told.key,
            told.raw.label("document"),
            false().label("is_apart"),
        ).where(told.session_id == session_id),
        select(
            literal("MeterValues"),
            type_coerce(null(), Integer),
            read.received_at,
            cast(read.message_key, String),
            read.message,
            true(),
        ).where(
            read.session_id == session_id, read.message_key.is_not(None), read.message.is_not(None)
        ),
    ).subquery()
    statement = (
        select(both).order_by(both.c.received_at, both.c.seq, both.c.key).offset(after).limit(limit)
    )
    found = await tx.all(statement)
    samples = await _samples(tx, session_id, [int(row.key) for row in found if row.is_apart])
    return [
        TransactionMessage(
            action=row.action,
            seq=row.seq,
            received_at=row.received_at,
            raw=payload_of(row.document, samples[int(row.key)]) if row.is_apart else row.document,
        )
        for row in found
    ]


async def _samples(
    tx: Tx, session_id: str, message_keys: Sequence[int]
) -> Mapping[int, Sequence[Any]]:
    """Return the samples of each MeterValues of a session, in the order of its readings."""
    samples: dict[int, list[Any]] = defaultdict(list)
    if message_keys:
        read = meter_values.c
        statement = (
            select(read.message_key, read.samples)
            .where(read.session_id == session_id, read.message_key.in_(message_keys))
            .order_by(read.number)
        )
        for row in await tx.all(statement):
            samples[row.message_key].append(row.samples)
    return samples
