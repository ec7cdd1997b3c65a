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
    literal,
    null,
    select,
    type_coerce,
    union_all,
)

from core.kernel.db import Json, Tx
from core.sessions.models import meter_values, transaction_messages
from core.sessions.reading_messages import key_of, whole


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
            told.digest,
            told.raw.label("payload"),
            told.samples.label("places"),
        ).where(told.session_id == session_id),
        select(
            literal("MeterValues"),
            type_coerce(null(), Integer),
            read.received_at,
            cast(read.message_key, String),
            type_coerce(null(), String),
            read.message,
            type_coerce(null(), Json),
        ).where(
            read.session_id == session_id, read.message_key.is_not(None), read.message.is_not(None)
        ),
    ).subquery()
    statement = (
        select(both).order_by(both.c.received_at, both.c.seq, both.c.key).offset(after).limit(limit)
    )
    messages = [(row, *_parts(row)) for row in await tx.all(statement)]
    keys = [key for _, _, places, key in messages if places]
    samples = await _samples(tx, session_id, keys)
    return [
        TransactionMessage(
            action=row.action,
            seq=row.seq,
            received_at=row.received_at,
            raw=whole(payload, places, samples.get(key, ())),
        )
        for row, payload, places, key in messages
    ]


def _parts(row: Any) -> tuple[dict[str, Any], Sequence[int | None], int]:
    """Return what a row has of its message, where samples belong in it, and its readings' key."""
    if row.digest is None:  # all that is left of it is with its readings
        return row.payload["payload"], row.payload["samples"], int(row.key)
    return row.payload, row.places or (), key_of(row.digest)


async def _samples(
    tx: Tx, session_id: str, message_keys: Sequence[int]
) -> Mapping[int, Sequence[Any]]:
    """Return the samples of each of these messages, in the order of its readings."""
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
