"""Messages on a charger's display (OCPP 2.0.1 O01 to O06): wished for, shown, reported, cleared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from core.audit.service import Actor
from core.chargers.checks import MAX_INTEGER, invalid
from core.chargers.models import Charger
from core.chargers.text import storable
from core.commands.commands import Answer, Command, Verdict
from core.commands.display import ClearDisplayMessage, SetDisplayMessage
from core.desired import service as desired_service
from core.desired import store as desired_store
from core.desired.kinds import KINDS, Kind, Outcome
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.times import rfc3339_or_none
from core.upkeep import report_store as store
from core.upkeep import reports
from core.upkeep.facts import DisplayMessageReported, Part
from core.upkeep.report_models import DisplayMessage, Report
from core.upkeep.states import ReportKind

KIND: Final = "display_message"
PRIORITIES: Final = ("AlwaysFront", "InFront", "NormalCycle")
STATES: Final = ("Charging", "Faulted", "Idle", "Unavailable")
FORMATS: Final = ("ASCII", "HTML", "URI", "UTF8")
MAX_CONTENT_CHARS: Final = 512
MAX_LANGUAGE_CHARS: Final = 8
MAX_MESSAGES: Final = 1_000
"""Kept of one charger; further ones are counted and dropped."""
MAX_WISHES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSpec:
    """A message; without *state* it is shown in all, without times as long as it stands.

    *transaction_ref*: until that transaction ends. *display* (and *display_evse*) name the display
    component where a charger has several.
    """

    message: int
    content: str
    priority: str = "NormalCycle"
    format: str = "UTF8"
    language: str | None = None
    state: str | None = None
    start_at: datetime | None = None
    end_at: datetime | None = None
    transaction_ref: str | None = None
    display: str | None = None
    display_evse: int | None = None


class _Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a wish of this kind is made of, whoever wrote it."""

    priority: str
    format: str
    content: str
    language: str | None = None
    state: str | None = None
    start_at: str | None = None
    end_at: str | None = None
    transaction_ref: str | None = None
    display: str | None = None
    display_evse: int | None = None


async def want(tx: Tx, actor: Actor, charger: Charger, spec: MessageSpec) -> Desired:
    """Wish that *charger* shows a message; the one of the same number is replaced.

    Raises:
        PlatformError: ``invalid_parameter``; ``conflict``: it has 200 of them.
    """
    wanted = _checked(spec, now=tx.now)
    wishes = await desired_service.of_charger(tx, charger.id, kind=KIND)
    key = str(spec.message)
    if len(wishes) >= MAX_WISHES and all(one.key != key for one in wishes):
        raise PlatformError("conflict", f"The charger has {MAX_WISHES} messages; remove some.")
    return await desired_service.want(tx, actor, charger, kind=KIND, key=key, wanted=wanted)


def _checked(spec: MessageSpec, *, now: datetime | None) -> dict[str, Any]:
    """Return the wish; an error says what is wrong with *spec*."""
    _check(spec, now=now)
    members = {
        "priority": spec.priority,
        "format": spec.format,
        "content": spec.content,
        "language": spec.language,
        "state": spec.state,
        "start_at": rfc3339_or_none(spec.start_at),
        "end_at": rfc3339_or_none(spec.end_at),
        "transaction_ref": spec.transaction_ref,
        "display": spec.display,
        "display_evse": spec.display_evse,
    }
    return {name: value for name, value in members.items() if value is not None}


async def unwant(tx: Tx, actor: Actor, charger: Charger, message: int) -> Desired:
    """Wish that *charger* shows a message no more, whoever set it."""
    known = await desired_service.find(tx, charger.id, KIND, str(message))
    wanted = {} if known is None else known.wanted
    return await desired_service.want(
        tx, actor, charger, kind=KIND, key=str(message), wanted=wanted, present=False
    )


async def command(tx: Tx, desired: Desired) -> Command | None:
    """Return what shows or clears the message; nothing is shown that is over."""
    message = int(desired.key)
    if not desired.present:
        return ClearDisplayMessage(message=message)
    wanted = msgspec.convert(desired.wanted, _Wanted)
    if wanted.end_at is not None and datetime.fromisoformat(wanted.end_at) <= tx.now:
        raise ValueError("its end_at has passed")
    return SetDisplayMessage(message=message, **msgspec.structs.asdict(wanted))


async def answered(tx: Tx, desired: Desired, answer: Answer) -> Outcome:
    """Judge the answer; to clear a message that the charger does not know is done, too."""
    word = answer.reason or answer.verdict.value
    if not desired.present and answer.verdict in (Verdict.ACCEPTED, Verdict.UNKNOWN):
        await store.remove_messages(tx, desired.charger_id, ids=[int(desired.key)])
        return Outcome(status=DesiredStatus.ACCEPTED)
    if answer.verdict is not Verdict.ACCEPTED:
        return Outcome(status=DesiredStatus.REJECTED, reason=word)
    fact = DisplayMessageReported(message=int(desired.key), content=desired.wanted)
    await _store(tx, desired.charger_id, [fact])
    return Outcome(status=DesiredStatus.ACCEPTED, reported=desired.wanted)


async def reported(tx: Tx, part: Part, facts: Sequence[DisplayMessageReported]) -> None:
    """Store a part of a report; its end compares what the charger has with what it should."""
    await desired_store.lock(tx, part.charger_id)
    report = await reports.find(tx, part, ReportKind.DISPLAY_MESSAGES)
    dropped = await _store(tx, part.charger_id, facts)
    if report is None:
        return
    whole = await reports.take(tx, report, part, entries=len(facts) - dropped, dropped=dropped)
    if whole is not None:
        await complete(tx, whole)


async def complete(tx: Tx, report: Report) -> None:
    """Compare what the charger has with what it should; a full report also tells what it lacks.

    A message that ended by itself, by its time or with its transaction, has not drifted.
    """
    await desired_store.lock(tx, report.charger_id)
    is_full = not any(report.asked.get(name) for name in ("messages", "priority", "state"))
    if is_full and not report.dropped:
        await store.remove_messages(tx, report.charger_id, before=report.created_at)
    has = {str(one.message): one for one in await store.messages_of(tx, report.charger_id)}
    for desired in await desired_service.of_charger(tx, report.charger_id, kind=KIND):
        one = has.get(desired.key)
        if one is None and (not is_full or _ended(tx, desired)):
            continue
        value = None if one is None else one.content
        await desired_service.reported(
            tx, report.charger_id, kind=KIND, key=desired.key, value=value
        )


async def messages_of(tx: Tx, charger_id: str) -> Sequence[DisplayMessage]:
    """Return the messages that a charger has, as it said, by number."""
    return await store.messages_of(tx, charger_id)


def _ended(tx: Tx, desired: Desired) -> bool:
    end_at = desired.wanted.get("end_at")
    over = end_at is not None and datetime.fromisoformat(end_at) <= tx.now
    return desired.present and (over or "transaction_ref" in desired.wanted)


async def _store(tx: Tx, charger_id: str, facts: Sequence[DisplayMessageReported]) -> int:
    """Store messages; return how many were too many."""
    known = {one.message for one in await store.messages_of(tx, charger_id)}
    rows: dict[int, dict[str, Any]] = {}
    dropped = 0
    for fact in facts:
        if fact.message not in known | rows.keys() and len(known) + len(rows) >= MAX_MESSAGES:
            dropped += 1
            continue
        rows[fact.message] = {
            "charger_id": charger_id,
            "message": fact.message,
            "content": fact.content,
            "reported_at": tx.now,
        }
    if rows:
        await store.put_messages(tx, list(rows.values()))
    return dropped


def _check(spec: MessageSpec, *, now: datetime | None) -> None:
    if not 0 <= spec.message <= MAX_INTEGER:
        raise invalid("number", f"is a number from 0 to {MAX_INTEGER}")
    for name, value, known in (
        ("priority", spec.priority, PRIORITIES),
        ("format", spec.format, FORMATS),
        ("state", spec.state, (*STATES, None)),
    ):
        if value not in known:
            raise invalid(name, f"is one of {', '.join(one for one in known if one)}")
    limits = {
        "content": MAX_CONTENT_CHARS,
        "language": MAX_LANGUAGE_CHARS,
        "transaction_ref": 36,
        "display": 50,
    }
    for name, limit in limits.items():
        value = getattr(spec, name)
        if value is None:
            continue
        if not value or value != storable(value, max_chars=limit):
            raise invalid(name, f"has 1 to {limit} characters, none of them NUL")
    if spec.format == "ASCII" and not spec.content.isascii():
        raise invalid("content", "is ASCII in this format; use UTF8")
    starts = [at for at in (spec.start_at, now) if at is not None]
    if spec.end_at is not None and any(spec.end_at <= at for at in starts):
        raise invalid("end_at", "is in the future and after start_at")
    if spec.display_evse is not None and spec.display is None:
        raise invalid("display", "is required with display_evse")


class _ForMany(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message as an operator writes it for many chargers."""

    number: int
    content: str
    priority: str = "NormalCycle"
    format: str = "UTF8"
    language: str | None = None
    state: str | None = None
    start_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    end_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    display: str | None = None
    display_evse: int | None = None


def _parse(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return key and wish of ``{"number": 5, "content": "Closed on Sunday", ...}``."""
    given = msgspec.structs.asdict(msgspec.convert(body, _ForMany))
    spec = MessageSpec(message=given.pop("number"), **given)
    try:
        return str(spec.message), _checked(spec, now=None)
    except PlatformError as exc:
        raise ValueError(exc.detail) from exc


def _matches(wanted: dict[str, Any], reported: dict[str, Any]) -> bool:
    """Compare what is shown and how; times by instant, whatever their notation."""
    for name, value in wanted.items():
        if name in ("start_at", "end_at"):
            if not _same_instant(value, reported.get(name)):
                return False
        elif name not in ("display", "display_evse") and reported.get(name) != value:
            return False
    return True


def _same_instant(wanted: str, reported: object) -> bool:
    """Compare to the second: some chargers cut the rest."""
    if not isinstance(reported, str):
        return False
    one, other = datetime.fromisoformat(wanted), datetime.fromisoformat(reported)
    return one.replace(microsecond=0) == other.replace(microsecond=0)


DISPLAY_MESSAGE: Final = KINDS.add(
    Kind(name=KIND, command=command, answered=answered, matches=_matches, rank=75, parse=_parse)
)
