"""Every transaction message is recorded once, under a key that a repetition has too (I18)."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Final

from core.chargers import deviations, frame_log
from core.kernel.db import Tx
from core.sessions import reading_messages, store
from core.sessions.facts import Reading, Source, in_order
from core.sessions.times import plausible_time

REPEATED: Final = "transaction_message_repeated"
CONFLICT: Final = "transaction_message_conflict"


async def known(tx: Tx, source: Source) -> str | None:
    """Return the session of a message that came before, or ``None`` for a new one.

    One with the same key but other content is quarantined: the first word stands.
    """
    found = await store.remembered(tx, source.charger_id, source.key)
    return None if found is None else await _repeated(tx, source, *found)


async def first_look(tx: Tx, source: Source, *, at: datetime | None) -> tuple[str | None, bool]:
    """Return what ``known`` returns, and whether a stop of after *at* is without its start."""
    ended_after, _ = plausible_time(at, tx.now)
    found, has_orphans = await store.first_look(
        tx, source.charger_id, source.key, ended_after=ended_after
    )
    return None if found is None else await _repeated(tx, source, *found), has_orphans


async def _repeated(tx: Tx, source: Source, digest: str, session_id: str) -> str:
    """Note that a message came before, with *digest*; return its session."""
    deviations.note(tx, REPEATED if digest == source.digest else CONFLICT)
    if digest != source.digest:
        await frame_log.quarantine(
            tx,
            charger_id=source.charger_id,
            action=source.action,
            message_id=source.message_id,
            reasons=["same_key_other_content"],
            text=json.dumps(source.raw, separators=(",", ":")),
        )
    return session_id


async def remember(
    tx: Tx,
    source: Source,
    session_id: str,
    *,
    seq: int | None,
    readings: Collection[Reading] = (),
) -> bool:
    """Record a message; ``False`` if another connection recorded it in the meantime.

    Args:
        readings: Those of it that the caller records with the samples of the message.
    """
    samples = [reading.samples for reading in in_order(readings)]
    rest, places = reading_messages.apart(source.raw, samples) if samples else (source.raw, ())
    return await store.remember(tx, source, session_id, seq=seq, rest=rest, places=places)
