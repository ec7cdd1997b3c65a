"""How the other domains raise alerts and take them back, in transactions of theirs."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from core.alerts import store
from core.alerts.kinds import KINDS, AlertKind
from core.alerts.models import Alert
from core.alerts.states import AlertStatus, Reason, Severity
from core.audit.service import PLATFORM
from core.kernel.db import Tx
from core.kernel.ids import new_id

log = structlog.get_logger()

MAX_KEY_CHARS: Final = 128
MAX_TITLE_CHARS: Final = 200
_AT_END: Final = "3-alerts"
"""After what other works lock: whoever holds an alert's row waits for no other."""
_RACES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Raised:
    severity: Severity
    object_id: str | None
    title: str
    facts: dict[str, Any]


_Wanted = list[tuple[AlertKind, str, _Raised | None]]


def raise_alert(
    tx: Tx,
    kind: AlertKind,
    *,
    key: str,
    title: str,
    object_id: str | None = None,
    severity: Severity | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Have operators told, if and when *tx* commits.

    While an alert of the same *kind* and *key* is not resolved there is no second one: it counts
    one more, and has the new title and facts and the higher severity. Operators are told of a new
    one, of one that got worse, and again of one that nobody has acknowledged for a while.

    Args:
        key: What it is about, such as the id of an endpoint; at most 128 characters.
        title: One line for people; names and ids, no secrets.
        severity: That of the kind if not given.
        facts: JSON of what was seen; no secrets.

    Raises:
        ValueError: The key is empty or too long.
    """
    if not 0 < len(key) <= MAX_KEY_CHARS:
        raise ValueError(f"the key of an alert has 1 to {MAX_KEY_CHARS} characters")
    raised = _Raised(
        severity=severity or KINDS[kind].severity,
        object_id=object_id,
        title=one_line(title, max_chars=MAX_TITLE_CHARS),
        facts=dict(facts or {}),
    )
    _queue(tx, kind, key, raised)


def resolve(tx: Tx, kind: AlertKind, key: str) -> None:
    """Say that the cause of an alert is gone, if and when *tx* commits; none is none."""
    _queue(tx, kind, key, None)


def one_line(text: str, *, max_chars: int) -> str:
    """Return *text* without controls, surrogates and runs of spaces, cut at *max_chars*."""
    plain = "".join(
        " " if unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} else each for each in text
    )
    return " ".join(plain.split())[:max_chars]


async def unresolved_keys(tx: Tx, kind: AlertKind) -> set[str]:
    """Return what the alerts of a kind that are not resolved are about."""
    return set(await store.unresolved_keys(tx, kind))


async def resolve_silent(tx: Tx) -> int:
    """Resolve what was not raised for as long as its kind allows; return how many it were."""
    count = 0
    for kind, explained in KINDS.items():
        if explained.ends_after is None:
            continue
        for found in await store.silent(tx, kind, before=tx.now - explained.ends_after):
            count += await _end(tx, found) is not None
    return count


def _queue(tx: Tx, kind: AlertKind, key: str, raised: _Raised | None) -> None:
    wanted: _Wanted = tx.at_last.setdefault(_AT_END, [])
    wanted.append((kind, key, raised))
    tx.at_end(_AT_END, _write)


async def _write(tx: Tx) -> None:
    """Do what was queued: alerts are locked in one order, each in the order of its own."""
    wanted: _Wanted = tx.at_last.pop(_AT_END)
    for kind, key, raised in sorted(wanted, key=lambda each: each[:2]):
        if raised is not None:
            await _raise(tx, kind, key, raised)
        elif (found := await store.unresolved(tx, kind, key)) is not None:
            await _end(tx, found)


async def _raise(tx: Tx, kind: AlertKind, key: str, raised: _Raised) -> None:
    for _ in range(_RACES):
        found = await store.unresolved(tx, kind, key)
        if found is not None:
            await _raise_again(tx, found, raised)
            return
        if await _add(tx, kind, key, raised):
            return
    raise LookupError(f"an alert {kind} comes and goes all the time")


async def _add(tx: Tx, kind: AlertKind, key: str, raised: _Raised) -> bool:
    added = await store.add(
        tx,
        id=new_id("alr"),
        kind=kind,
        key=key,
        status=AlertStatus.OPEN,
        severity=raised.severity,
        object_id=raised.object_id,
        title=raised.title,
        facts=raised.facts,
        notice=Reason.RAISED,
    )
    if added is None:
        return False  # another transaction was first; it has committed by now
    log.warning(
        "alert_raised", alert_id=added.id, kind=kind, severity=added.severity, title=added.title
    )
    return True


async def _raise_again(tx: Tx, found: Alert, raised: _Raised) -> None:
    values: dict[str, Any] = {
        "title": raised.title,
        "facts": raised.facts,
        "object_id": raised.object_id or found.object_id,
    }
    if raised.severity.rank > found.severity.rank:
        values |= {"severity": raised.severity, "notice": found.notice or Reason.WORSE}
        if found.status is AlertStatus.ACKNOWLEDGED:
            await store.move(
                tx, found.id, AlertStatus.OPEN, acknowledged_at=None, acknowledged_by=None
            )
        log.warning("alert_worsened", alert_id=found.id, kind=found.kind, severity=raised.severity)
    await store.see_again(tx, found.id, **values)


async def _end(tx: Tx, found: Alert) -> Alert | None:
    """Resolve an alert of which the cause is gone; who was told of it is told of that."""
    ended = await store.move(
        tx,
        found.id,
        AlertStatus.RESOLVED,
        resolved_at=tx.now,
        resolved_by=PLATFORM.name,
        notice=None if found.notified_at is None else Reason.RESOLVED,
    )
    if ended is not None:
        log.info("alert_resolved", alert_id=found.id, kind=found.kind)
    return ended
