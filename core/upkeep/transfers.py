"""Use cases of transfers: begun, answered, told of, silent, replaced.

Chargers report a transfer in any order, more than once, after a reboot, and in OCPP 1.6 without
saying which; every word is kept, and only moves that the machine knows change anything.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from core.chargers.text import storable
from core.commands.commands import Answer, Verdict
from core.desired import store as desired_store
from core.kernel.db import Tx
from core.kernel.errors import not_found
from core.kernel.ids import new_id
from core.upkeep import store
from core.upkeep.facts import TransferNews
from core.upkeep.models import News, Transfer
from core.upkeep.states import OPEN, Stage, TransferKind, TransferStatus

log = structlog.get_logger()

MAX_NEWS: Final = 200
"""Words kept of one transfer; further ones are only counted."""
MAX_ADDRESSES: Final = 20
MAX_WORD_CHARS: Final = 100
MAX_REQUEST: Final = 2**31 - 1
BATCH: Final = 200

NO_USABLE_ANSWER: Final = {
    "expired": "not sent",
    "timed_out": "no answer",
    "errored": "answered with an error",
    "answered": "answer unreadable",
}
"""What ends a request that the charger did not answer, by how its command ended."""

_LEARNED_WITHIN: Final = timedelta(minutes=1)
_REPLACED: Final = "AcceptedCanceled"
_TOLD_OF: Final = (
    frozenset({TransferStatus.ACCEPTED, TransferStatus.RUNNING, TransferStatus.INSTALLED}),
    frozenset({TransferStatus.STALLED}),
    frozenset({TransferStatus.REQUESTED}),
    frozenset({TransferStatus.FAILED, TransferStatus.SUCCEEDED}),
)
"""Which transfer news without a request id are about: the newest of the first of these.

A firmware that its boot has shown may still be told as installed; Idle tells nothing of what ended.
"""


def new_request() -> int:
    """Return a request id that a charger echoes: a positive int32."""
    return secrets.randbelow(MAX_REQUEST) + 1


async def begin(
    tx: Tx,
    *,
    charger_id: str,
    kind: TransferKind,
    request: int,
    address: str,
    requested_by: str,
    detail: dict[str, Any],
    planned_at: datetime | None = None,
    desired_id: str | None = None,
    command_id: str | None = None,
) -> Transfer:
    """Note that a charger is asked to fetch or bring a file; *address* has no credentials.

    Nothing is missed before *planned_at*.
    """
    return await store.add(
        tx,
        id=new_id("trf"),
        charger_id=charger_id,
        kind=kind,
        request=request,
        status=TransferStatus.REQUESTED,
        address=address,
        detail=detail,
        news=0,
        desired_id=desired_id,
        command_id=command_id,
        requested_by=requested_by,
        created_at=tx.now,
        changed_at=tx.now,
        expected_at=max(tx.now, planned_at or tx.now),
    )


async def get(tx: Tx, transfer_id: str) -> Transfer:
    """Return a transfer.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await store.by_id(tx, transfer_id)
    if found is None:
        raise not_found("transfer")
    return found


async def news_of(tx: Tx, transfer_id: str) -> Sequence[News]:
    """Return what the charger reported of a transfer, oldest first."""
    return await store.news_of(tx, transfer_id)


async def list_transfers(
    tx: Tx,
    *,
    charger_id: str | None,
    kinds: Sequence[TransferKind],
    before_number: int | None = None,
    limit: int = 50,
) -> Sequence[Transfer]:
    """Return the newest first, of one charger or all, before *before_number* if given."""
    return await store.newest(
        tx, charger_id=charger_id, kinds=kinds, before_number=before_number, limit=limit
    )


async def answered(tx: Tx, transfer: Transfer, answer: Answer) -> Transfer:
    """Take the answer to the request of a transfer; return it as it then is.

    An answer may come after the first news. What ran before at this charger is replaced where the
    charger says so (AcceptedCanceled), where it can only do one (firmware), and where its news
    could not be told apart (OCPP 1.6 diagnostics).
    """
    word = storable(answer.reason or answer.verdict.value, max_chars=MAX_WORD_CHARS)
    if answer.verdict is not Verdict.ACCEPTED:
        await refuse(tx, transfer.id, word)
        return await get(tx, transfer.id)
    await store.move(
        tx,
        transfer.id,
        TransferStatus.ACCEPTED,
        sources=frozenset({TransferStatus.REQUESTED}),
        word=word,
        changed_at=tx.now,
        expected_at=max(tx.now, transfer.expected_at),
    )
    one_at_a_time = transfer.kind is TransferKind.FIRMWARE or transfer.detail.get("unnamed")
    if word == _REPLACED or one_at_a_time:
        kinds = _together(transfer.kind)
        for older in await store.latest(tx, transfer.charger_id, kinds):
            if older.number < transfer.number and older.status in OPEN:
                await cancel(tx, older.id, _REPLACED if word == _REPLACED else "Replaced")
    return await get(tx, transfer.id)


async def refuse(tx: Tx, transfer_id: str, word: str) -> Transfer | None:
    """End a transfer that the charger did not begin."""
    sources = frozenset({TransferStatus.REQUESTED})
    return await _end(tx, transfer_id, TransferStatus.FAILED, word=word, sources=sources)


async def cancel(tx: Tx, transfer_id: str, word: str) -> Transfer | None:
    """End a transfer that another one replaced."""
    return await _end(tx, transfer_id, TransferStatus.CANCELED, word=word, sources=OPEN)


async def succeed(tx: Tx, transfer_id: str, word: str) -> Transfer | None:
    """End a transfer well."""
    return await _end(tx, transfer_id, TransferStatus.SUCCEEDED, word=word)


async def fail(tx: Tx, transfer_id: str, word: str) -> Transfer | None:
    """End a transfer badly."""
    return await _end(tx, transfer_id, TransferStatus.FAILED, word=word)


async def told(tx: Tx, news: TransferNews, *, awaits_version: bool = False) -> Transfer | None:
    """Take a status of a charger; return the transfer as it then is, ``None`` if it has none.

    Args:
        awaits_version: Being done means installed, not yet the end.
    """
    transfer = await find(tx, news)
    if transfer is None:
        log.info("transfer_unknown", request=news.request, word=news.word)
        return None
    word = storable(news.word, max_chars=MAX_WORD_CHARS)
    if transfer.news < MAX_NEWS:
        await store.add_news(tx, transfer.id, word)
    await store.change(tx, transfer.id, news=transfer.news + 1)
    match news.stage:
        case Stage.UNDER_WAY:
            await store.move(
                tx,
                transfer.id,
                TransferStatus.RUNNING,
                word=word,
                changed_at=tx.now,
                expected_at=max(tx.now, transfer.expected_at),
                ended_at=None,
            )
        case Stage.DONE if awaits_version:
            await store.move(
                tx,
                transfer.id,
                TransferStatus.INSTALLED,
                word=word,
                changed_at=tx.now,
                expected_at=max(tx.now, transfer.expected_at),
                ended_at=None,
            )
        case Stage.DONE:
            if news.addresses:
                fetched = [storable(one, max_chars=512) for one in news.addresses[:MAX_ADDRESSES]]
                await store.change(tx, transfer.id, detail={**transfer.detail, "at": fetched})
            await succeed(tx, transfer.id, word)
        case Stage.FAILED:
            await fail(tx, transfer.id, word)
        case Stage.CANCELED:
            await cancel(tx, transfer.id, word)
        case Stage.IDLE:
            await _stall(tx, transfer, word, sources=frozenset({TransferStatus.RUNNING}))
    return await get(tx, transfer.id)


async def find(tx: Tx, news: TransferNews) -> Transfer | None:
    """Return the transfer that news are about, of this charger only."""
    if news.request is not None:
        return await store.by_request(tx, news.charger_id, news.kinds, news.request)
    recent = await store.latest(tx, news.charger_id, news.kinds)
    for statuses in _TOLD_OF[:-1] if news.stage is Stage.IDLE else _TOLD_OF:
        for transfer in recent:
            if transfer.status in statuses:
                return transfer
    return None


async def stall(tx: Tx, *, silent_for: timedelta) -> Sequence[Transfer]:
    """Mark transfers without news for *silent_for* (after their planned time); return them."""
    stalled = []
    silent = await store.silent_since(tx, tx.now - silent_for, limit=BATCH)
    for transfer in sorted(silent, key=lambda one: one.charger_id):
        await desired_store.lock(tx, transfer.charger_id)
        if await _stall(tx, transfer, transfer.word):
            stalled.append(transfer)
            log.warning("transfer_stalled", transfer_id=transfer.id, word=transfer.word)
    return stalled


async def close_unanswered(tx: Tx) -> int:
    """End transfers whose request was never sent, never answered or given up; return how many."""
    before = tx.now - _LEARNED_WITHIN
    found = await store.unanswered(tx, unlearned=before, limit=BATCH)
    for transfer_id, ended in found:
        await refuse(tx, transfer_id, NO_USABLE_ANSWER[ended])
    forgotten = await store.forgotten(tx, limit=BATCH)
    for transfer_id in forgotten:
        await cancel(tx, transfer_id, "Forgotten")
    return len(found) + len(forgotten)


async def _stall(
    tx: Tx,
    transfer: Transfer,
    word: str | None,
    *,
    sources: frozenset[TransferStatus] | None = None,
) -> bool:
    moved = await store.move(
        tx, transfer.id, TransferStatus.STALLED, sources=sources, word=word, changed_at=tx.now
    )
    return moved is not None


async def _end(
    tx: Tx,
    transfer_id: str,
    to: TransferStatus,
    *,
    word: str,
    sources: frozenset[TransferStatus] | None = None,
) -> Transfer | None:
    moved = await store.move(
        tx, transfer_id, to, sources=sources, word=word, changed_at=tx.now, ended_at=tx.now
    )
    if moved is not None:
        log.info("transfer_ended", transfer_id=transfer_id, status=to, word=word)
    return moved


def _together(kind: TransferKind) -> Sequence[TransferKind]:
    """Return the kinds of which a charger runs one at a time."""
    logs = (TransferKind.DIAGNOSTICS_LOG, TransferKind.SECURITY_LOG)
    return logs if kind in logs else (kind,)
