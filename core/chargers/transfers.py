"""Use cases of data transfers: vendors' own messages are kept, whoever answered them."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from core.chargers import transfer_store
from core.chargers.text import storable, storable_or_none
from core.chargers.transfer_models import DataTransfer
from core.kernel.db import Tx

MAX_DATA_CHARS: Final = 16_384
"""Of data and of an answer, as JSON; longer ones are cut."""
KEPT_PER_CHARGER: Final = 1_000


async def record(
    tx: Tx,
    *,
    charger_id: str,
    direction: str,
    vendor_id: str,
    message_id: str | None,
    data: Any,
    status: str,
    answer: Any = None,
    command_id: str | None = None,
) -> DataTransfer:
    """Keep a message and its answer; of each charger the newest 1,000.

    *data* and *answer* are JSON that a database can store, with secrets masked.
    """
    kept = await transfer_store.add(
        tx,
        charger_id=charger_id,
        direction=direction,
        vendor_id=storable(vendor_id, max_chars=255),
        message_id=storable_or_none(message_id, max_chars=50),
        data=_bounded(data),
        status=storable(status, max_chars=20),
        answer=_bounded(answer),
        command_id=command_id,
    )
    await transfer_store.keep_newest(tx, charger_id, keep=KEPT_PER_CHARGER)
    return kept


async def search(
    tx: Tx,
    *,
    charger_id: str | None = None,
    vendor_id: str | None = None,
    direction: str | None = None,
    before_number: int | None = None,
    limit: int = 50,
) -> Sequence[DataTransfer]:
    """Return the newest first, before *before_number* if given."""
    return await transfer_store.search(
        tx,
        charger_id=charger_id,
        vendor_id=vendor_id,
        direction=direction,
        before_number=before_number,
        limit=limit,
    )


async def delete_older(tx: Tx, before: datetime) -> int:
    """Forget what came before an instant, some thousands at a time."""
    return await transfer_store.delete_older(tx, before=before)


def _bounded(data: Any) -> Any:
    text = json.dumps(data)
    if len(text) <= MAX_DATA_CHARS:
        return data
    plain = data if isinstance(data, str) else text
    return {"cut": plain[:MAX_DATA_CHARS]}
