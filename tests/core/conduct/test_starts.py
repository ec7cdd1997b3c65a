"""ON-4: rules about starts: what fails because of the partner, and what it stops at once."""

from datetime import timedelta

import pytest

from core.conduct import judging, service
from core.conduct.models import Incident
from core.conduct.rules import RULES, RuleName, Signal
from core.conduct.watch import Watch
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.rows import insert_row
from core.kernel.settings import Settings
from core.operations.models import operations
from core.sessions.models import sessions
from tests.core.conduct.conftest import MakePartner
from tests.partner_api.scenes import Place, make_place

FLAPPING = RULES[RuleName.FLAPPING]
FAILURES = RULES[RuleName.START_FAILURES]


@pytest.fixture
async def place(db: Database, vault: Vault) -> Place:
    return await make_place(db, vault)


async def start(
    db: Database, place: Place, partner_id: str, number: int, *, failed_by: str | None = None
) -> str:
    operation_id = f"op_{partner_id[-6:]}_{number}"
    async with db.transaction() as tx:
        await insert_row(
            tx,
            operations,
            id=operation_id,
            partner_id=partner_id,
            livemode=True,
            request_id=f"r-{number}",
            type="start_charge",
            body={},
            status="succeeded" if failed_by is None else "failed",
            stage="queued",
            charger_id=place.charger_id,
            connector_id=place.connector_id,
            on_late_start="stop",
            metadata={},
            failure=None if failed_by is None else {"code": "x", "responsible": failed_by},
            sequence=2,
            created_at=tx.now,
            updated_at=tx.now,
            deadline_at=tx.now,
        )
    return operation_id


async def charge(
    db: Database, place: Place, partner_id: str, number: int, *, seconds: float, reason: str
) -> None:
    operation_id = await start(db, place, partner_id, number)
    async with db.transaction() as tx:
        await insert_row(
            tx,
            sessions,
            id=f"cs_{operation_id}",
            charger_id=place.charger_id,
            connector_id=place.connector_id,
            transaction_ref=operation_id,
            start_key=operation_id,
            partner_id=partner_id,
            livemode=True,
            operation_id=operation_id,
            verdict="accepted",
            status="ended",
            is_current=False,
            started_at=tx.now - timedelta(seconds=seconds),
            ended_at=tx.now,
            energy_wh=0,
            stop_reason=reason,
            data_quality="ok",
            flags=[],
            billable=True,
            sequence=2,
            created_at=tx.now,
            updated_at=tx.now,
        )


async def judged(
    db: Database, settings: Settings, partner_id: str, *, starts: int, refused: int = 0
) -> list[Incident]:
    watch = Watch(db)
    for _ in range(starts):
        watch.note(Signal.STARTS, partner_id, livemode=True)
    for _ in range(refused):
        watch.note(Signal.REFUSED_STARTS, partner_id, livemode=True)
    await watch.flush(everything=True)
    await judging.judge_starts(db, settings)
    async with db.transaction() as tx:
        return list((await service.conduct(tx, partner_id)).incidents)


@pytest.mark.parametrize("more", [0, 1])
async def test_on4_who_stops_what_it_has_just_started_is_found(
    db: Database, settings: Settings, make_partner: MakePartner, place: Place, more: int
) -> None:
    partner_id = await make_partner()
    for number in range(FLAPPING.count - 1 + more):
        await charge(db, place, partner_id, number, seconds=29, reason="partner")
    await charge(db, place, partner_id, 900, seconds=31, reason="partner")
    await charge(db, place, partner_id, 901, seconds=5, reason="driver")
    found = await judged(db, settings, partner_id, starts=2 * FLAPPING.count)
    assert [incident.rule for incident in found] == ["flapping"] * more
    for incident in found:
        assert incident.count == FLAPPING.count
        assert incident.evidence["share_percent"] == 50
        assert incident.evidence["examples"][0]["session_id"].startswith("cs_")
        assert incident.evidence["examples"][0]["seconds"] == 29


async def test_on4_many_short_sessions_among_many_more_are_ordinary(
    db: Database, settings: Settings, make_partner: MakePartner, place: Place
) -> None:
    partner_id = await make_partner()
    for number in range(FLAPPING.count):
        await charge(db, place, partner_id, number, seconds=3, reason="partner")
    assert await judged(db, settings, partner_id, starts=2 * FLAPPING.count + 2) == []


@pytest.mark.parametrize("more", [0, 1])
async def test_on4_starts_that_fail_because_of_the_partner_count_with_those_refused(
    db: Database, settings: Settings, make_partner: MakePartner, place: Place, more: int
) -> None:
    partner_id = await make_partner()
    for number in range(4):
        await start(db, place, partner_id, number, failed_by=("driver", "partner")[number % 2])
    for number in range(4, 9):
        await start(db, place, partner_id, number, failed_by="charger")
    refused = FAILURES.count - 5 + more
    found = await judged(db, settings, partner_id, starts=9, refused=refused)
    assert [(one.rule, one.count) for one in found] == [("start_failures", FAILURES.count)] * more
    for incident in found:
        operations_named = [one for one in incident.evidence["examples"] if "operation_id" in one]
        assert len(operations_named) == 4


async def test_what_happened_before_the_window_is_not_looked_up(
    db: Database,
    settings: Settings,
    make_partner: MakePartner,
    place: Place,
    clock: ShiftedClock,
) -> None:
    partner_id = await make_partner()
    for number in range(FLAPPING.count):
        await charge(db, place, partner_id, number, seconds=3, reason="partner")
    clock.advance(FLAPPING.window_minutes * 60)
    assert await judged(db, settings, partner_id, starts=FLAPPING.count) == []
