"""How partners behave: why one was throttled or banned; to do that, to lift it, to tune rules."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from core.conduct import service, tuning
from core.conduct.models import IncidentStatus
from core.conduct.rules import LONGEST_WINDOW_MINUTES, RuleName
from core.conduct.service import BanLength
from core.conduct.views import conduct_view, incident_view, standing_view
from core.kernel.db import Tx
from core.partners.states import Step
from ops.operator_api.deps import ADMIN, READS, Acting, resource
from partner_api.answers import page_of
from partner_api.deps import Config, Paging, Transaction
from partner_api.fields import In, ObjectId, Whole

routes = resource("", tag="conduct")

_PARTNER = "/partners/{partner_id}/conduct"

Reason = Annotated[str, Field(min_length=1, max_length=200, examples=["asked by phone to stop"])]
Mode = Annotated[bool, Field(description="Live mode, or test mode: they are apart.")]


class Lift(In):
    livemode: Mode = True
    reason: Reason | None = None


class Throttle(In):
    livemode: Mode = True
    reason: Reason


class Ban(In):
    livemode: Mode = True
    length: Annotated[BanLength, Field(strict=False)]
    reason: Reason


class RuleChanges(In):
    """What is not named stays as it is; null gives the default back."""

    enabled: bool | None = None
    count: Annotated[Whole | None, Field(ge=1, le=tuning.MOST)] = None
    share_percent: Annotated[Whole | None, Field(ge=1, le=100)] = None
    window_minutes: Annotated[Whole | None, Field(ge=1, le=LONGEST_WINDOW_MINUTES)] = None
    ceiling: Step | None = Field(
        default=None,
        strict=False,
        description="The highest step that it leads to; not `good`.",
    )


@routes.get(_PARTNER, dependencies=[READS], summary="How a partner stands, and why")
async def show(partner_id: str, tx: Transaction) -> dict[str, Any]:
    """Each mode's step, the newest 50 incidents with their evidence, and who did what."""
    return await _conduct(tx, partner_id)


@routes.post(f"{_PARTNER}/lift", dependencies=[ADMIN], summary="Let a partner stand well again")
async def lift(partner_id: str, body: Lift, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """Ends throttle, ban or the ladder's suspension from the next request on, on every node."""
    lifted = await service.lift(
        tx, actor, partner_id=partner_id, livemode=body.livemode, reason=body.reason
    )
    return standing_view(lifted, tx.now)


@routes.post(f"{_PARTNER}/throttle", dependencies=[ADMIN], summary="Throttle a partner")
async def throttle(
    partner_id: str, body: Throttle, tx: Transaction, settings: Config, actor: Acting
) -> dict[str, Any]:
    """It has a part of its limits for a while; beyond that `429 abnormal_usage`."""
    incident = await service.throttle(
        tx, settings, actor, partner_id=partner_id, livemode=body.livemode, reason=body.reason
    )
    return incident_view(incident)


@routes.post(f"{_PARTNER}/ban", dependencies=[ADMIN], summary="Ban a partner for a while")
async def ban(partner_id: str, body: Ban, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """`403 temporarily_banned`, but it may still read a little and stop its own sessions."""
    incident = await service.ban(
        tx,
        actor,
        partner_id=partner_id,
        livemode=body.livemode,
        length=body.length,
        reason=body.reason,
    )
    return incident_view(incident)


@routes.get(f"{_PARTNER}/rules", dependencies=[READS], summary="The rules for one partner")
async def rules_of(partner_id: str, tx: Transaction) -> dict[str, Any]:
    """`rules` hold: defaults, with what was tuned for everybody, with its own `overrides`."""
    return await tuning.view(tx, partner_id)


@routes.patch(
    f"{_PARTNER}/rules/{{rule}}", dependencies=[ADMIN], summary="Tune a rule for one partner"
)
async def tune_one(
    partner_id: str, rule: RuleName, body: RuleChanges, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """In force within seconds; `enabled: false` turns the rule off."""
    changes = body.model_dump(exclude_unset=True)
    await tuning.tune(tx, actor, partner_id=partner_id, rule=rule, changes=changes)
    return await tuning.view(tx, partner_id)


@routes.get("/conduct_rules", dependencies=[READS], summary="The rules for everybody")
async def rules(tx: Transaction) -> dict[str, Any]:
    """Partners with `overrides` of their own aside."""
    return await tuning.view(tx, None)


@routes.patch("/conduct_rules/{rule}", dependencies=[ADMIN], summary="Tune a rule for everybody")
async def tune(rule: RuleName, body: RuleChanges, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """In force within seconds; null gives a default back."""
    changes = body.model_dump(exclude_unset=True)
    await tuning.tune(tx, actor, partner_id=None, rule=rule, changes=changes)
    return await tuning.view(tx, None)


@routes.get("/incidents", dependencies=[READS], summary="Incidents of all partners")
async def incidents(
    page: Paging,
    tx: Transaction,
    partner_id: Annotated[ObjectId | None, Query()] = None,
    livemode: Annotated[bool | None, Query()] = None,
    rule: Annotated[str | None, Query(max_length=24, description="Or `manual`.")] = None,
    status: Annotated[IncidentStatus | None, Query()] = None,
    step: Annotated[Step | None, Query(description="That it led to.")] = None,
) -> dict[str, Any]:
    """What partners did, what was done about it, and the evidence."""
    found = await service.list_incidents(
        tx, page, partner_id=partner_id, livemode=livemode, rule=rule, status=status, step=step
    )
    return page_of(found, incident_view)


@routes.get("/incidents/{incident_id}", dependencies=[READS], summary="One incident")
async def incident(incident_id: str, tx: Transaction) -> dict[str, Any]:
    """With counts, window, thresholds, first and last time, and examples."""
    return incident_view(await service.get_incident(tx, incident_id))


async def _conduct(tx: Tx, partner_id: str) -> dict[str, Any]:
    return conduct_view(await service.conduct(tx, partner_id), tx.now)
