"""ON-4: steps up and down, by findings and by operators; each mode by itself."""

import asyncio
from datetime import timedelta

import pytest

from core.alerts import handling
from core.audit import service as audit
from core.audit.service import CLI
from core.conduct import judging, service
from core.conduct.models import Incident
from core.conduct.rules import RULES, RuleName, Signal
from core.conduct.service import BanLength
from core.conduct.watch import Watch
from core.doctor.service import examine
from core.kernel.clock import ShiftedClock
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.page import Page
from core.kernel.settings import Settings
from core.partners import service as partners
from core.partners import standing_store
from core.partners.standing_models import Standing
from core.partners.states import PartnerStatus, Step
from core.webhooks import events, partner_events
from tests.core.conduct.conftest import MakePartner

DAY_S = timedelta(days=1).total_seconds()
ENOUGH = RULES[RuleName.REQUEST_ID_REUSE].count


async def misbehave(
    db: Database,
    partner_id: str,
    *,
    livemode: bool = True,
    signal: Signal = Signal.REUSED_REQUEST_IDS,
) -> None:
    watch = Watch(db)
    for _ in range(ENOUGH):
        watch.note(signal, partner_id, livemode=livemode, request_id="req_1")
    await watch.flush()


async def standing(db: Database, partner_id: str, *, livemode: bool = True) -> Standing:
    async with db.transaction() as tx:
        return await standing_store.ensured(tx, partner_id, livemode=livemode)


async def status(db: Database, partner_id: str) -> PartnerStatus:
    async with db.transaction() as tx:
        return (await partners.get(tx, partner_id)).status


async def actions(db: Database, partner_id: str) -> list[str]:
    async with db.transaction() as tx:
        found = await service.conduct(tx, partner_id)
        assert await examine(tx) == []
    return [entry.action for entry in reversed(found.history)]


async def alerts_about(db: Database, partner_id: str) -> list[tuple[str, str, str]]:
    """Return (kind, severity, status) of the alerts about a partner."""
    async with db.transaction() as tx:
        found = await handling.list_alerts(tx, Page(limit=9), object_id=partner_id)
    return sorted((one.kind, one.severity, one.status) for one in found.rows)


async def climb(
    db: Database, settings: Settings, clock: ShiftedClock, partner_id: str, *, livemode: bool
) -> Step:
    """Misbehave once more, as soon as that counts, and return the step that it led to."""
    clock.advance(61)
    now = await standing(db, partner_id, livemode=livemode)
    if now.banned_until is not None:
        clock.advance(max(0, (now.banned_until - db.now()).total_seconds()) + 1)
    await misbehave(db, partner_id, livemode=livemode)
    assert await judging.judge_counts(db, settings) == 1
    assert await judging.judge_counts(db, settings) == 0, "the same cause, the next step"
    return (await standing(db, partner_id, livemode=livemode)).step


async def test_on4_who_goes_on_climbs_to_suspension_and_a_lift_ends_it(
    db: Database, settings: Settings, clock: ShiftedClock, make_partner: MakePartner
) -> None:
    partner_id = await make_partner()
    climbed = [await climb(db, settings, clock, partner_id, livemode=True) for _ in range(6)]
    assert climbed == list(Step)[1:]
    assert await status(db, partner_id) is PartnerStatus.SUSPENDED
    assert await alerts_about(db, partner_id) == [
        ("partner_conduct", "critical", "open"),
        ("partner_suspended", "warning", "open"),
    ]
    clock.advance(61)
    await misbehave(db, partner_id)
    assert await judging.judge_counts(db, settings) == 0
    async with db.transaction() as tx:
        lifted = await service.lift(tx, CLI, partner_id=partner_id, livemode=True, reason="mended")
    async with db.transaction() as tx:
        told = await events.list_events(
            tx, partner_id=partner_id, livemode=True, after_seq=0, limit=9
        )
    assert lifted.step is Step.GOOD
    assert {each[2] for each in await alerts_about(db, partner_id)} == {"resolved"}
    assert await status(db, partner_id) is PartnerStatus.ACTIVE
    assert [event.type for event in told.rows] == ["partner.suspended", "partner.reinstated"]
    assert await actions(db, partner_id) == [
        "conduct.alerted",
        "conduct.throttled",
        *["conduct.banned"] * 3,
        "conduct.suspended",
        "conduct.lifted",
    ]
    assert await judging.judge_counts(db, settings) == 0, "what was before the lift is forgiven"


async def test_on4_test_mode_never_touches_live_mode_and_never_suspends(
    db: Database, settings: Settings, clock: ShiftedClock, make_partner: MakePartner
) -> None:
    partner_id = await make_partner()
    climbed = [await climb(db, settings, clock, partner_id, livemode=False) for _ in range(7)]
    assert climbed[-3:] == [Step.BANNED_24H] * 3
    assert await status(db, partner_id) is PartnerStatus.ACTIVE
    live = await standing(db, partner_id)
    assert (live.step, live.banned_until) == (Step.GOOD, None)


async def test_on4_whoever_behaves_goes_down_a_step_a_day(
    db: Database, settings: Settings, clock: ShiftedClock, make_partner: MakePartner
) -> None:
    partner_id = await make_partner()
    for _ in range(4):
        reached = await climb(db, settings, clock, partner_id, livemode=True)
    assert reached is Step.BANNED_1H

    async def ease() -> Step:
        async with db.transaction() as tx:
            await service.ease(tx, after=settings.conduct_step_down_after)
        now = await standing(db, partner_id)
        assert (now.banned_until, now.throttled_until) == (None, None) or now.step is reached
        return now.step

    clock.advance(DAY_S)
    assert await ease() is Step.BANNED_1H, "the day begins at the end of the ban"
    clock.advance(3600)
    seen = [await ease()]
    for _ in range(3):
        assert await ease() is seen[-1]
        clock.advance(DAY_S + 1)
        seen.append(await ease())
    assert seen == [Step.BANNED_15M, Step.THROTTLED, Step.ALERT, Step.GOOD]
    async with db.transaction() as tx:
        found = await service.conduct(tx, partner_id)
    assert {incident.status for incident in found.incidents} == {"closed"}
    assert {incident.closed_by for incident in found.incidents} == {"platform"}
    assert (await actions(db, partner_id))[-4:] == ["conduct.eased"] * 4


async def test_a_rule_goes_no_further_than_its_ceiling_but_is_noted(
    db: Database, settings: Settings, clock: ShiftedClock, make_partner: MakePartner
) -> None:
    partner_id = await make_partner()
    for expected in (1, 1):
        clock.advance(61)
        await misbehave(db, partner_id, signal=Signal.FAILED_LOGINS)
        assert await judging.judge_counts(db, settings) == expected
        assert await judging.judge_counts(db, settings) == 0
    assert (await standing(db, partner_id)).step is Step.ALERT
    assert await alerts_about(db, partner_id) == [("partner_conduct", "warning", "open")]
    assert await actions(db, partner_id) == ["conduct.alerted", "conduct.noted"]


async def test_operators_ban_throttle_and_lift(
    db: Database, settings: Settings, clock: ShiftedClock, make_partner: MakePartner
) -> None:
    partner_id = await make_partner()

    async def act(length: BanLength | None) -> Incident:
        async with db.transaction() as tx:
            if length is None:
                return await service.throttle(
                    tx, settings, CLI, partner_id=partner_id, livemode=True, reason="asked"
                )
            return await service.ban(
                tx, CLI, partner_id=partner_id, livemode=True, length=length, reason="asked"
            )

    async def lift() -> None:
        async with db.transaction() as tx:
            await service.lift(tx, CLI, partner_id=partner_id, livemode=True)

    throttled = await act(None)
    assert (throttled.rule, throttled.step, throttled.opened_by) == (
        "manual",
        Step.THROTTLED,
        "cli",
    )
    assert throttled.evidence == {"reason": "asked"}
    banned = await act(BanLength.DAY)
    assert banned.until is not None
    assert banned.until - banned.created_at == timedelta(hours=24)
    shorter = await act(BanLength.MINUTES_15)
    assert shorter.step is Step.BANNED_24H, "what is remembered is the highest step"
    with pytest.raises(PlatformError, match="conflict"):
        await act(None)
    clock.advance(901)
    assert (await act(None)).step is Step.BANNED_24H
    await lift()
    with pytest.raises(PlatformError, match="conflict"):
        await lift()
    assert await actions(db, partner_id) == [
        "conduct.throttled",
        "conduct.banned",
        "conduct.banned",
        "conduct.throttled",
        "conduct.lifted",
    ]
    async with db.transaction() as tx:
        await partner_events.suspend(tx, CLI, partner_id=partner_id)
    with pytest.raises(PlatformError, match="suspended"):
        await act(BanLength.HOUR)


async def test_a_reinstated_partner_stands_well(
    db: Database, settings: Settings, clock: ShiftedClock, make_partner: MakePartner
) -> None:
    partner_id = await make_partner()
    for _ in range(6):
        await climb(db, settings, clock, partner_id, livemode=True)
    async with db.transaction() as tx:
        await service.reinstate(tx, CLI, partner_id=partner_id)
    assert (await standing(db, partner_id)).step is Step.GOOD
    assert (await actions(db, partner_id))[-1] == "conduct.lifted"


async def test_rules_may_be_off_altogether(
    db: Database, settings: Settings, make_partner: MakePartner
) -> None:
    await misbehave(db, await make_partner())
    off = settings.model_copy(update={"conduct_rules": False})
    assert await judging.judge_counts(db, off) == 0
    assert await judging.judge_starts(db, off) == 0
    assert await judging.judge_counts(db, settings) == 1


class TestOnPostgres:
    """What several workers do at the same time."""

    @pytest.fixture
    def backend(self) -> str:
        return "postgresql"

    async def test_on4_one_cause_is_one_step_on_however_many_nodes(
        self, db: Database, settings: Settings, clock: ShiftedClock, make_partner: MakePartner
    ) -> None:
        partner_id = await make_partner()
        await misbehave(db, partner_id)
        steps = await asyncio.gather(*(judging.judge_counts(db, settings) for _ in range(4)))
        assert sum(steps) == 1
        assert (await standing(db, partner_id)).step is Step.ALERT
        clock.advance(DAY_S + 1)

        async def ease() -> int:
            async with db.transaction() as tx:
                return await service.ease(tx, after=settings.conduct_step_down_after)

        assert sum(await asyncio.gather(*(ease() for _ in range(4)))) == 1
        assert await actions(db, partner_id) == ["conduct.alerted", "conduct.eased"]
        async with db.transaction() as tx:
            entries = await audit.entries(tx, object_id=partner_id, before_number=None, limit=9)
        assert [entry.after["step"] for entry in entries[:2] if entry.after] == ["good", "alert"]
