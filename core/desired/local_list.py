"""Kind ``local_list``: which id tokens a charger knows by itself, while it is offline, too.

Each time it is begun by asking for the version: only a list that the charger still has is changed,
any other is sent anew (OCPP 1.6 5.15, OCPP 2.0.1 D01).
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import select

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers import local_list_store, local_lists, registry, token_store
from core.chargers.models import Charger
from core.commands import service as commands
from core.commands.commands import Answer, Command, Verdict
from core.commands.local_list import AskLocalListVersion, SendLocalList
from core.desired import service as desired
from core.desired import store
from core.desired.kinds import KINDS, Kind, Outcome
from core.desired.models import Desired, desired_states
from core.desired.states import DesiredStatus
from core.kernel.db import Tx
from core.kernel.errors import PlatformError

log = structlog.get_logger()

NAME: Final = "local_list"
KEY: Final = "list"
MAX_FULLS: Final = 2
"""How often a list is begun anew before a charger that refuses it is left alone."""
VERIFY_EVERY: Final = timedelta(days=1)
LOOKED_AT_ONCE: Final = 50
CHANGES_KEPT: Final = timedelta(days=7)

_OF_MANY: Final = ("all", "station")
_SEND: Final = "send"
_UNANSWERED: Final = frozenset({"no_answer", "not_sent"})
_MOVED_BY_CHANGES: Final = frozenset({DesiredStatus.ACCEPTED, DesiredStatus.REJECTED})


async def wish(
    tx: Tx, actor: Actor, charger: Charger, *, source: str, tokens: Sequence[str] | None = None
) -> Desired:
    """Wish that a charger's list has the tokens of *source*, and keeps up with them.

    Args:
        source: ``all`` that may charge there, those of its ``station`` only, or the ``chosen``.
        tokens: The chosen ones, instead of those chosen before.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    if source not in local_lists.SOURCES:
        raise PlatformError(
            "invalid_parameter", f"source is one of {', '.join(local_lists.SOURCES)}."
        )
    if tokens is not None:
        if source != "chosen":
            raise PlatformError("invalid_parameter", "tokens are named with source chosen only.")
        await local_lists.choose(tx, charger.id, tokens, replace=True)
    await local_lists.set_source(tx, charger.id, source)
    wanted = {"source": source}
    return await desired.want(tx, actor, charger, kind=NAME, key=KEY, wanted=wanted)


async def withdraw(tx: Tx, actor: Actor, charger: Charger, token: str) -> None:
    """Take *token* off the list of a charger whose tokens are chosen, if it is one of them."""
    known = await local_lists.find(tx, charger.id)
    if known is None or known.source != "chosen":
        return
    if await local_lists.unchoose(tx, charger.id, [token]):
        await audit.record(tx, actor, "local_list.tokens_removed", charger.id, after={"tokens": 1})
        await wish(tx, actor, charger, source="chosen")


async def wish_empty(tx: Tx, actor: Actor, charger: Charger) -> Desired:
    """Wish that a charger's list is empty, and stays so."""
    await local_lists.set_source(tx, charger.id, None)
    return await desired.want(
        tx, actor, charger, kind=NAME, key=KEY, wanted={"source": None}, present=False
    )


async def look_for_changes(tx: Tx) -> int:
    """Make the wishes due whose tokens have changed, or whose charger may have lost its list.

    Nothing is read but one number as long as no token changes, no charger boots and each was asked
    within the day. Returns how many are due again.
    """
    last = await token_store.last_change(tx)
    wished = select(desired_states.c.charger_id).where(
        desired_states.c.kind == NAME,
        desired_states.c.present,
        desired_states.c.status.in_(sorted(_MOVED_BY_CHANGES)),
    )
    found = await local_list_store.to_look_at(
        tx, charger_ids_of=wished, last_change=last, every=VERIFY_EVERY, limit=LOOKED_AT_ONCE
    )
    moved = 0
    for charger_id in sorted(found):
        await store.lock(tx, charger_id)
        moved += await _look_again(tx, charger_id, last_change=last)
    await token_store.delete_changes(tx, before=tx.now - CHANGES_KEPT)
    return moved


async def _look_again(tx: Tx, charger_id: str, *, last_change: int) -> int:
    wished = await store.by_key(tx, charger_id, NAME, KEY)
    known = await local_lists.find(tx, charger_id)
    if wished is None or known is None or wished.status not in _MOVED_BY_CHANGES:
        return 0
    charger = await registry.get(tx, charger_id)
    verified_at = known.verified_at
    is_old = verified_at is None or verified_at < tx.now - VERIFY_EVERY
    has_booted = verified_at is None or (charger.booted_at or verified_at) > verified_at
    await local_list_store.touch(tx, charger_id, seen_change=last_change)
    if wished.status is DesiredStatus.REJECTED:  # asking again changes nothing by itself
        await local_list_store.put(tx, charger_id, verified_at=tx.now)
        due = known.seen_change < last_change
    else:
        due = is_old or has_booted or await local_lists.differs(tx, charger)
    if not due:
        return 0
    moved = await store.move(
        tx,
        wished.id,
        DesiredStatus.PENDING,
        sources=_MOVED_BY_CHANGES,
        progress=None,
        reason=None,
        attempts=0,
        due_at=tx.now,
        command_id=None,
    )
    return 0 if moved is None else 1


async def asked(tx: Tx, charger_id: str, version: int) -> None:
    """Compare the version that a charger told an operator with the one it should have."""
    known = await local_lists.version_reported(tx, charger_id, version)
    wished = await store.by_key(tx, charger_id, NAME, KEY)
    if wished is not None and wished.present and version != known.version:
        await desired.reported(
            tx, charger_id, kind=NAME, key=KEY, value={"source": None, "version": version}
        )


def _parse(written: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the wish for many chargers at once: each has tokens of its own, but one source."""
    source = written.get("source")
    if written.keys() != {"source"} or source not in _OF_MANY:
        raise ValueError(f'write {{"source": ...}} with one of {", ".join(_OF_MANY)}')
    return KEY, {"source": source}


async def _command(tx: Tx, wished: Desired) -> Command | None:
    charger = await registry.get(tx, wished.charger_id)
    progress = wished.progress or {}
    if progress.get("step") != _SEND or wished.reason in _UNANSWERED:
        source = wished.wanted.get("source") if wished.present else None
        await local_lists.set_source(tx, charger.id, source)
        await local_lists.changes_seen(tx, charger.id)
        return AskLocalListVersion()
    update = await local_lists.next_update(
        tx, charger, full=progress["full"], at_most=progress.get("at_most")
    )
    return None if update is None else SendLocalList(**asdict(update))


async def _answered(tx: Tx, wished: Desired, answer: Answer) -> Outcome:
    if wished.command_id is None:
        raise AssertionError("an answer belongs to a command")
    command = await commands.get(tx, wished.command_id)
    progress = wished.progress or {}
    if command.kind == AskLocalListVersion.kind:
        return await _version_told(tx, wished, progress, answer)
    if command.kind == SendLocalList.kind and answer.verdict is Verdict.ACCEPTED:
        await local_lists.taken(tx, wished.charger_id, command.arguments)
        charger = await registry.get(tx, wished.charger_id)
        has, wanted = await local_lists.counts(tx, charger)
        version = command.arguments["version"]
        told = {"version": version, "entries": has, "of": wanted}
        reported = {"source": wished.wanted.get("source"), "version": version}
        return _again(progress | {"full": False} | told, reported=reported)
    return _refused(progress, command.arguments, answer)


async def _version_told(
    tx: Tx, wished: Desired, progress: dict[str, Any], answer: Answer
) -> Outcome:
    """Decide how to go on from the version that the charger says it has."""
    if answer.verdict is not Verdict.ACCEPTED or answer.reason is None:
        reason = answer.reason or answer.verdict.value
        return Outcome(status=DesiredStatus.REJECTED, reason=f"it tells no version: {reason}")
    version = int(answer.reason)
    before = await local_lists.find(tx, wished.charger_id)
    await local_lists.version_reported(tx, wished.charger_id, version)
    if version < 0:
        return Outcome(
            status=DesiredStatus.REJECTED,
            reason="the charger has no local list, or it is switched off (LocalAuthListEnabled)",
        )
    pending = None if before is None else before.pending
    if pending is not None and pending["version"] == version:  # taken, its answer was lost
        await local_lists.taken(tx, wished.charger_id, pending)
        before = await local_lists.find(tx, wished.charger_id)
    kept = before is not None and 0 < before.version == version
    if not kept and before is not None and before.version > 0:
        log.warning("local_list_lost", version=version, expected=before.version)
    if not wished.present and version == 0:
        await local_list_store.clear_entries(tx, wished.charger_id)
        return Outcome(status=DesiredStatus.ACCEPTED)
    kept = kept and wished.present  # to empty it, one message is enough
    fulls = progress.get("fulls", 0) + (0 if kept else 1)
    if fulls > MAX_FULLS:
        return Outcome(
            status=DesiredStatus.REJECTED,
            reason=f"it takes the list and says version {version} afterwards",
        )
    return _again({**progress, "full": not kept, "fulls": fulls})


def _refused(progress: dict[str, Any], sent: dict[str, Any], answer: Answer) -> Outcome:
    """Begin anew where that may help (OCPP 1.6 5.15): a full list, or smaller messages."""
    reason = answer.reason or answer.verdict.value
    fulls = progress.get("fulls", 0)
    if answer.verdict is Verdict.NOT_SUPPORTED:
        return Outcome(status=DesiredStatus.REJECTED, reason=reason)
    if answer.error is not None:
        half = len(sent["entries"]) // 2
        if half:
            return _again(progress | {"at_most": half})
    elif fulls < MAX_FULLS:
        return _again(progress | {"full": True, "fulls": fulls + 1})
    return Outcome(status=DesiredStatus.REJECTED, reason=reason)


def _again(progress: dict[str, Any], *, reported: dict[str, Any] | None = None) -> Outcome:
    return Outcome(
        status=DesiredStatus.PENDING, progress=progress | {"step": _SEND}, reported=reported
    )


KIND: Final = KINDS.add(
    Kind(name=NAME, command=_command, answered=_answered, rank=60, parse=_parse)
)
