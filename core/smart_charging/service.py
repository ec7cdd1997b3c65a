"""Use cases of charging profiles: want, remove, send for a transaction, compare, expect.

Profiles of the charger and defaults are desired state: kept, sent again, compared with what the
charger reports. A profile of a transaction is an act: it dies with its deadline or transaction.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import structlog

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers import inventory, registry
from core.chargers.models import Charger
from core.commands import service as commands
from core.commands.commands import Answer, Command, Verdict
from core.commands.models import CommandRow
from core.commands.smart_charging import (
    ClearChargingProfile,
    ReportChargingProfiles,
    SetChargingProfile,
)
from core.commands.states import Priority
from core.desired import service as desired
from core.desired.kinds import KINDS, Kind, Outcome, by_verdict
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.smart_charging import criteria, rules, store
from core.smart_charging.composite import Composite, Running, Supply, composite
from core.smart_charging.profiles import (
    OWN_SOURCE,
    Profile,
    ProfileKind,
    Purpose,
    RateUnit,
    Schedule,
    from_document,
    same,
    to_document,
)
from core.smart_charging.states import Learned

log = structlog.get_logger()

MAX_RECKONED_PERIODS: Final = 5000
"""Of all profiles of a charger together."""
UNANSWERED_KEPT: Final = timedelta(hours=1)
WITHIN_S: Final = 30.0
"""A profile that the platform itself sends for a transaction is answered, or dies."""
KIND: Final = "charging_profile"


async def want(tx: Tx, actor: Actor, charger: Charger, profile: Profile) -> Desired:
    """Wish that *charger* has *profile*, in place of one with its id.

    Raises:
        PlatformError: ``invalid_parameter``: a rule of the protocol or of this charger;
            ``conflict``: another profile has its purpose, EVSE and stack level.
    """
    if profile.purpose is Purpose.TRANSACTION:
        raise PlatformError(
            "invalid_parameter",
            "purpose: a transaction profile belongs to a session: send it there.",
            errors=[{"pointer": "/purpose", "detail": "is charger_max or transaction_default"}],
        )
    await _check(tx, charger, profile)
    others = {
        row.wanted["id"]: from_document(row.wanted) for row in await wanted_of(tx, charger.id)
    }
    if (other := rules.overlapping(profile, others)) is not None:
        raise PlatformError(
            "conflict",
            f"Profile {other} is a {profile.purpose} profile for EVSE {profile.evse} with stack "
            f"level {profile.stack_level} at the same time: change that one, or the level.",
        )
    return await desired.want(
        tx, actor, charger, kind=KIND, key=str(profile.id), wanted=to_document(profile)
    )


async def unwant(tx: Tx, actor: Actor, charger: Charger, profile_id: int) -> Desired:
    """Wish that *charger* has the profile no more.

    Raises:
        PlatformError: ``not_found``: it was not wanted, and the charger is not known to have it.
    """
    known = await desired.find(tx, charger.id, KIND, str(profile_id))
    document = None if known is None else known.wanted
    if document is None:
        documents = [
            row.document
            for row in await store.profiles_of(tx, charger.id)
            if row.profile_id == profile_id and row.source == OWN_SOURCE
        ]
        if not documents:
            raise not_found("charging profile")
        document = documents[0]
    return await desired.want(
        tx, actor, charger, kind=KIND, key=str(profile_id), wanted=document, present=False
    )


async def wanted_of(tx: Tx, charger_id: str) -> Sequence[Desired]:
    """Return the wishes for profiles of a charger that should be there."""
    rows = await desired.of_charger(tx, charger_id, kind=KIND)
    return [row for row in rows if row.present]


async def next_id(tx: Tx, charger_id: str) -> int:
    """Return an id that no profile of the charger has."""
    wishes = await desired.of_charger(tx, charger_id, kind=KIND)
    known = await store.profiles_of(tx, charger_id, include_sent=True)
    taken = {int(wish.key) for wish in wishes} | {row.profile_id for row in known}
    taken = {id_ for id_ in taken if id_ < rules.MAX_INT32}
    return max(taken, default=0) + 1


async def id_for_transaction(
    tx: Tx, charger_id: str, *, evse: int, stack_level: int, transaction_ref: str
) -> int:
    """Return the id of the profile that a transaction has at this level, or one that is free.

    A station refuses a second profile of a transaction at a level (OCPP 2.0.1 K01.FR.39).
    """
    mine = [
        row
        for row in await store.profiles_of(tx, charger_id, include_sent=True)
        if (row.source, row.purpose) == (OWN_SOURCE, Purpose.TRANSACTION)
        and (row.evse, row.stack_level) == (evse, stack_level)
        and row.transaction_ref == transaction_ref
    ]
    if not mine:
        return await next_id(tx, charger_id)
    return max(mine, key=lambda row: (row.learned is not Learned.SENT, row.number)).profile_id


async def send_for_transaction(
    tx: Tx,
    actor: Actor,
    charger: Charger,
    profile: Profile,
    *,
    session_id: str,
    timeout_s: float,
    priority: Priority = Priority.OPERATOR,
) -> CommandRow:
    """Ask *charger* to charge a running transaction by *profile*; see ``id_for_transaction``.

    Raises:
        PlatformError: ``invalid_parameter``, ``charger_offline``, ``overloaded``.
    """
    await _check(tx, charger, profile)
    command = SetChargingProfile(profile=to_document(profile))
    if not charger.online:
        raise PlatformError("charger_offline", "The charger is not connected; nothing was sent.")
    row = await commands.enqueue(
        tx,
        charger=charger,
        command=command,
        priority=priority,
        expires_at=tx.now + timedelta(seconds=timeout_s),
        timeout_s=timeout_s,
        requested_by=actor.name,
        session_id=session_id,
    )
    asked = {"charger_id": charger.id, "kind": row.kind, "profile": command.profile}
    await audit.record(tx, actor, "command.requested", row.id, after=asked)
    await store.put_profile(tx, charger.id, profile, source=OWN_SOURCE, learned=Learned.SENT)
    return row


async def report_asked(tx: Tx, charger_id: str, command: ReportChargingProfiles) -> None:
    """Expect the parts of the report that *command* asks for; one before is no longer waited for.

    What it covers and does not name counts as gone when it is complete.
    """
    await store.open_report(
        tx,
        charger_id,
        request=command.request,
        is_full=criteria.is_full(command),
        criteria=msgspec.to_builtins(command),
    )


async def expected(
    tx: Tx,
    charger_id: str,
    *,
    evse: int,
    at: datetime,
    duration_s: int,
    unit: RateUnit,
    supply: Supply,
    running: Running | None,
) -> Composite:
    """Return what an EVSE should do by all that its charger is known to have or to obey.

    Of limits from outside the lowest holds, told or reported: nobody knows how the stack levels of
    one source and of another compare.
    """
    profiles = await _external(tx, charger_id)
    for row in await store.profiles_of(tx, charger_id):
        profile = from_document(row.document)
        if profile.purpose is Purpose.EXTERNAL:
            profile = replace(profile, stack_level=0)
        profiles.append(profile)
    return composite(
        _countable(profiles),
        evse=evse,
        at=at,
        duration_s=duration_s,
        unit=unit,
        supply=supply,
        running=running,
    )


async def transaction_ended(tx: Tx, charger_id: str, transaction_ref: str) -> None:
    """Forget the profiles of a transaction that is over."""
    await store.forget_profiles(tx, charger_id, transaction_ref=transaction_ref)


async def forget_unanswered(tx: Tx) -> None:
    """Forget the profiles that were sent for a transaction and never accepted."""
    await store.forget_sent(tx, before=tx.now - UNANSWERED_KEPT)


async def _external(tx: Tx, charger_id: str) -> list[Profile]:
    """Return the limits from outside as profiles."""
    return [
        Profile(
            id=0,
            evse=limit.evse,
            purpose=Purpose.EXTERNAL,
            stack_level=0,
            kind=ProfileKind.ABSOLUTE,
            schedule=_schedule(document, limit.told_at),
        )
        for limit in await store.limits_of(tx, charger_id)
        for document in limit.schedules
    ]


def _schedule(document: dict[str, Any], told_at: datetime) -> Schedule:
    schedule = schedule_from(document)
    return schedule if schedule.start is not None else replace(schedule, start=told_at)


def schedule_from(document: dict[str, Any]) -> Schedule:
    """Return a schedule as it was stored."""
    return msgspec.convert(document, Schedule)


def _countable(profiles: Sequence[Profile]) -> Sequence[Profile]:
    """Return the profiles that are reckoned with; a charger that reports mountains is not."""
    taken: list[Profile] = []
    room = MAX_RECKONED_PERIODS
    for profile in profiles:
        room -= len(profile.schedule.periods)
        if room < 0:
            log.warning("profiles_not_reckoned_with", ignored=len(profiles) - len(taken))
            break
        taken.append(profile)
    return taken


async def _check(tx: Tx, charger: Charger, profile: Profile) -> None:
    known = rules.abilities(
        charger.ocpp_version,
        await registry.connectors_of(tx, charger.id),
        await inventory.variables(tx, charger.id),
    )
    rules.check(profile, known)


async def _command(_: Tx, wish: Desired) -> Command:
    if wish.present:
        return SetChargingProfile(profile=wish.wanted)
    return ClearChargingProfile(profile=int(wish.key))


async def _answered(tx: Tx, wish: Desired, answer: Answer) -> Outcome:
    """A profile that should go, and that the charger does not know, is gone."""
    if not wish.present and answer.verdict is Verdict.UNKNOWN:
        return Outcome(status=DesiredStatus.ACCEPTED)
    return await by_verdict(tx, wish, answer)


KINDS.add(Kind(name=KIND, command=_command, answered=_answered, matches=same, rank=60))
