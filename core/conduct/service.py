"""Use cases of the ladder: a step up for a finding, an operator's throttle, ban and lift."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from core.alerts import service as alerts
from core.alerts.kinds import AlertKind
from core.alerts.states import Severity
from core.audit import service as audit
from core.audit.models import AuditEntry
from core.audit.service import PLATFORM, Actor
from core.conduct import ladder, store
from core.conduct.models import Incident
from core.conduct.rules import MANUAL
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id
from core.kernel.page import Page, Slice
from core.kernel.settings import Settings
from core.kernel.times import rfc3339_or_none
from core.partners import service as partners
from core.partners import standing_store
from core.partners.models import Partner
from core.partners.standing_models import Standing
from core.partners.states import BANS, PartnerStatus, Step
from core.webhooks import partner_events

INCIDENTS_SHOWN: Final = 50
_ACTIONS: Final = {
    Step.ALERT: "conduct.alerted",
    Step.THROTTLED: "conduct.throttled",
    Step.SUSPENDED: "conduct.suspended",
}
_SEVERE: Final = frozenset({*BANS, Step.SUSPENDED})
_CHANGED: Final = "The partner's standing changed meanwhile; look at it and try again."


class BanLength(StrEnum):
    """How long an operator bans; the steps of the ladder."""

    MINUTES_15 = "15m"
    HOUR = "1h"
    DAY = "24h"


_BAN_STEPS: Final = {
    BanLength.MINUTES_15: Step.BANNED_15M,
    BanLength.HOUR: Step.BANNED_1H,
    BanLength.DAY: Step.BANNED_24H,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Why a step is taken: the rule, how much of it there was, and what shows it."""

    rule: str
    count: int
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """All that is held against a partner: both modes, incidents, history, the newest first."""

    partner: Partner
    standings: Sequence[Standing]
    incidents: Sequence[Incident]
    history: Sequence[AuditEntry]


async def step_up(
    tx: Tx, settings: Settings, seen: Standing, to: Step, finding: Finding
) -> Incident | None:
    """Take a step of the ladder for a finding; ``None``: another node was faster."""
    effects = ladder.effects(to, tx.now, throttle_for=settings.conduct_throttle_for)
    return await _enter(tx, PLATFORM, seen, to, effects, finding)


async def note(tx: Tx, seen: Standing, finding: Finding) -> Incident | None:
    """Open an incident that leads no further; ``None``: another node was faster."""
    if not await standing_store.touch(tx, seen):
        return None
    incident = await _open(tx, PLATFORM, seen, seen.step, new_id("inc"), None, finding)
    await audit.record(
        tx, PLATFORM, "conduct.noted", seen.partner_id, after=_incident_facts(incident)
    )
    await _tell_operators(tx, incident)
    return incident


async def ban(
    tx: Tx, actor: Actor, *, partner_id: str, livemode: bool, length: BanLength, reason: str
) -> Incident:
    """Ban a partner in one mode from now on; it may read a little and stop its own sessions.

    Raises:
        PlatformError: ``not_found``; ``conflict``: it is suspended.
    """
    step = _BAN_STEPS[length]
    return await _act(
        tx,
        actor,
        partner_id,
        livemode=livemode,
        step=step,
        effects=ladder.Effects(banned_until=tx.now + BANS[step]),
        reason=reason,
    )


async def throttle(
    tx: Tx, settings: Settings, actor: Actor, *, partner_id: str, livemode: bool, reason: str
) -> Incident:
    """Leave a partner a part of its limits in one mode, for the time that the settings say.

    Raises:
        PlatformError: ``not_found``; ``conflict``: it is suspended or banned.
    """
    return await _act(
        tx,
        actor,
        partner_id,
        livemode=livemode,
        step=Step.THROTTLED,
        effects=ladder.Effects(throttled_until=tx.now + settings.conduct_throttle_for),
        reason=reason,
    )


async def lift(
    tx: Tx, actor: Actor, *, partner_id: str, livemode: bool, reason: str | None = None
) -> Standing:
    """Let a partner stand well again in one mode, from its next request on, on every node.

    Incidents are closed; a suspension that the ladder led to ends.

    Raises:
        PlatformError: ``not_found``; ``conflict``: nothing is held against it.
    """
    partner = await partners.get(tx, partner_id)
    seen = await standing_store.standing(tx, partner_id, livemode=livemode)
    if seen is None or seen.step is Step.GOOD:
        raise PlatformError("conflict", "Nothing is held against the partner in this mode.")
    lifted = await _clear(tx, actor, seen, "conduct.lifted", reason=reason)
    if lifted is None:
        raise PlatformError("conflict", _CHANGED)
    if seen.step is Step.SUSPENDED and partner.status is PartnerStatus.SUSPENDED:
        await partner_events.reinstate(tx, actor, partner_id=partner_id)
    return lifted


async def reinstate(tx: Tx, actor: Actor, *, partner_id: str) -> Partner:
    """End a suspension, and what the ladder holds against the partner in live mode.

    Raises:
        PlatformError: ``not_found``; ``conflict`` if the partner is not suspended.
    """
    partner = await partner_events.reinstate(tx, actor, partner_id=partner_id)
    seen = await standing_store.standing(tx, partner_id, livemode=True)
    if seen is not None and seen.step is Step.SUSPENDED:  # nothing else changes it then
        await _clear(tx, actor, seen, "conduct.lifted", reason="reinstated")
    return partner


async def ease(tx: Tx, *, after: timedelta) -> int:
    """Let partners that behaved for *after* go one step down; return how many did."""
    eased = 0
    for seen in await standing_store.raised(tx):
        if ladder.eases_at(seen, after=after) > tx.now:
            continue
        if ladder.lower(seen.step) is Step.GOOD:
            moved = await _clear(tx, PLATFORM, seen, "conduct.eased", reason="quiet")
        else:
            moved = await _ease(tx, seen)
        eased += moved is not None
    return eased


async def conduct(tx: Tx, partner_id: str) -> Conduct:
    """Return what is held against a partner, and why.

    Raises:
        PlatformError: ``not_found``.
    """
    entries = await audit.entries(tx, object_id=partner_id, before_number=None, limit=200)
    return Conduct(
        partner=await partners.get(tx, partner_id),
        standings=await standing_store.of_partner(tx, partner_id),
        incidents=await store.newest_incidents(tx, partner_id, limit=INCIDENTS_SHOWN),
        history=[entry for entry in entries if entry.action.startswith("conduct.")],
    )


async def list_incidents(
    tx: Tx,
    page: Page,
    *,
    partner_id: str | None = None,
    livemode: bool | None = None,
    rule: str | None = None,
    status: str | None = None,
    step: str | None = None,
) -> Slice[Incident]:
    """Return one page of incidents."""
    return await store.incidents_page(
        tx, page, partner_id=partner_id, livemode=livemode, rule=rule, status=status, step=step
    )


async def get_incident(tx: Tx, incident_id: str) -> Incident:
    """Return an incident.

    Raises:
        PlatformError: ``not_found``.
    """
    incident = await store.incident(tx, incident_id)
    if incident is None:
        raise not_found("incident")
    return incident


async def _act(
    tx: Tx,
    actor: Actor,
    partner_id: str,
    *,
    livemode: bool,
    step: Step,
    effects: ladder.Effects,
    reason: str,
) -> Incident:
    partner = await partners.get(tx, partner_id)
    seen = await standing_store.ensured(tx, partner_id, livemode=livemode)
    if Step.SUSPENDED is seen.step or (livemode and partner.status is PartnerStatus.SUSPENDED):
        raise PlatformError("conflict", "The partner is suspended; reinstate it first.")
    if seen.is_banned(tx.now) and step not in BANS:
        raise PlatformError("conflict", "The partner is banned; lift that first.")
    finding = Finding(rule=MANUAL, count=1, evidence={"reason": reason})
    incident = await _enter(tx, actor, seen, ladder.higher(seen.step, step), effects, finding)
    if incident is None:
        raise PlatformError("conflict", _CHANGED)
    return incident


async def _enter(
    tx: Tx, actor: Actor, seen: Standing, to: Step, effects: ladder.Effects, finding: Finding
) -> Incident | None:
    incident_id = new_id("inc")
    moved = await standing_store.move(
        tx,
        seen,
        to,
        throttled_until=effects.throttled_until,
        banned_until=effects.banned_until,
        incident_id=incident_id,
    )
    if moved is None:
        return None
    incident = await _open(tx, actor, seen, to, incident_id, effects.until, finding)
    action = _ACTIONS.get(to, "conduct.banned")
    if effects.banned_until is None and effects.throttled_until is not None:
        action = "conduct.throttled"  # also of a partner that was on a higher step before
    await audit.record(
        tx,
        actor,
        action,
        seen.partner_id,
        before=_standing_facts(seen),
        after=_standing_facts(moved) | _incident_facts(incident),
    )
    if actor is PLATFORM:
        await _tell_operators(tx, incident)
    if to is Step.SUSPENDED:
        await partner_events.suspend(tx, actor, partner_id=seen.partner_id)
    return incident


async def _tell_operators(tx: Tx, incident: Incident) -> None:
    partner = await partners.get(tx, incident.partner_id)
    mode = "live" if incident.livemode else "test"
    alerts.raise_alert(
        tx,
        AlertKind.PARTNER_CONDUCT,
        key=f"{incident.partner_id}.{mode}",  # the id of its standing
        title=f"{partner.name} ({mode}): {incident.rule}, {incident.count}; now {incident.step}",
        object_id=incident.partner_id,
        severity=Severity.CRITICAL if incident.step in _SEVERE else None,
        facts=_incident_facts(incident) | {"step": incident.step},
    )


async def _open(
    tx: Tx,
    actor: Actor,
    seen: Standing,
    to: Step,
    incident_id: str,
    until: datetime | None,
    finding: Finding,
) -> Incident:
    return await store.add_incident(
        tx,
        id=incident_id,
        partner_id=seen.partner_id,
        livemode=seen.livemode,
        rule=finding.rule,
        step_before=seen.step,
        step=to,
        until=until,
        count=finding.count,
        evidence=finding.evidence,
        opened_by=actor.name,
    )


async def _ease(tx: Tx, seen: Standing) -> Standing | None:
    to = ladder.lower(seen.step)
    moved = await standing_store.move(tx, seen, to, throttled_until=None, banned_until=None)
    if moved is not None:
        await audit.record(
            tx,
            PLATFORM,
            "conduct.eased",
            seen.partner_id,
            before=_standing_facts(seen),
            after=_standing_facts(moved),
        )
    return moved


async def _clear(
    tx: Tx, actor: Actor, seen: Standing, action: str, *, reason: str | None
) -> Standing | None:
    """Let nothing be held against a partner any more; ``None``: its standing has changed."""
    cleared = await standing_store.move(
        tx, seen, Step.GOOD, throttled_until=None, banned_until=None, incident_id=None
    )
    if cleared is None:
        return None
    alerts.resolve(tx, AlertKind.PARTNER_CONDUCT, seen.id)
    closed = await store.close_incidents(
        tx, seen.partner_id, livemode=seen.livemode, closed_by=actor.name
    )
    await audit.record(
        tx,
        actor,
        action,
        seen.partner_id,
        before=_standing_facts(seen),
        after=_standing_facts(cleared) | {"reason": reason, "incidents": closed},
    )
    return cleared


def _standing_facts(standing: Standing) -> dict[str, Any]:
    return {
        "livemode": standing.livemode,
        "step": standing.step,
        "throttled_until": rfc3339_or_none(standing.throttled_until),
        "banned_until": rfc3339_or_none(standing.banned_until),
    }


def _incident_facts(incident: Incident) -> dict[str, Any]:
    return {
        "incident_id": incident.id,
        "livemode": incident.livemode,
        "rule": incident.rule,
        "count": incident.count,
    }
