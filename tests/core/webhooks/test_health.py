"""How well endpoints work, and what operators hear of that: each step once, until it works."""

from typing import Any

import pytest
from sqlalchemy import select

from core.alerts.kinds import AlertKind
from core.alerts.models import alerts
from core.alerts.states import AlertStatus, Severity
from core.audit.service import CLI
from core.doctor.service import CHECKS, examine
from core.kernel import metrics
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.webhooks import endpoints, health
from core.webhooks.models import Endpoint
from tests.core.webhooks.receiver import OK, receiving, saying
from tests.core.webhooks.scenes import (
    FAILURE,
    HOUR,
    all_deliveries,
    happen,
    make_endpoint,
    make_partner,
    sending,
)

I12 = [check for check in CHECKS if check.invariant == "I12"]
GONE = saying(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")


async def told(db: Database, kind: AlertKind) -> list[tuple[AlertStatus, Severity, int]]:
    statement = select(alerts.c.status, alerts.c.severity, alerts.c["count"])
    async with db.transaction() as tx:
        found = await tx.all(statement.where(alerts.c.kind == kind).order_by(alerts.c.created_at))
    return [(AlertStatus(row[0]), Severity(row[1]), row[2]) for row in found]


async def watch(db: Database) -> int:
    async with db.transaction() as tx:
        return await health.watch(tx)


async def shown(db: Database, endpoint: Endpoint) -> dict[str, Any]:
    async with db.transaction() as tx:
        current = await endpoints.get(
            tx,
            partner_id=endpoint.partner_id,
            livemode=endpoint.livemode,
            endpoint_id=endpoint.id,
        )
        return (await health.health_views(tx, [current]))[endpoint.id]


FAILING, DISABLED, DEAD = (
    AlertKind.WEBHOOK_ENDPOINT_FAILING,
    AlertKind.WEBHOOK_ENDPOINT_DISABLED,
    AlertKind.WEBHOOK_DEAD_LETTER,
)


async def test_each_step_of_the_failure_budget_is_told_once_and_taken_back(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    async with receiving(FAILURE, saying(OK)) as receiver, sending(db, vault, settings) as sender:
        endpoint, _ = await make_endpoint(db, vault, settings, partner, receiver.port)
        assert (await shown(db, endpoint))["status"] == "ok"
        await happen(db, partner)
        await sender.deliver_once()
        seen = []
        for hours in (59, 2, 1, 22, 12, 12, 11):
            clock.advance(hours * HOUR)
            told_now = [await watch(db), await watch(db)]
            used = (await shown(db, endpoint))["failure_budget_used"]
            seen.append((used, told_now, [each[1:] for each in await told(db, FAILING)]))
        assert seen == [
            (0.492, [0, 0], []),
            (0.508, [1, 0], [(Severity.INFO, 1)]),
            (0.517, [0, 0], [(Severity.INFO, 1)]),
            (0.7, [1, 0], [(Severity.WARNING, 2)]),
            (0.8, [0, 0], [(Severity.WARNING, 2)]),
            (0.9, [1, 0], [(Severity.CRITICAL, 3)]),
            (0.992, [0, 0], [(Severity.CRITICAL, 3)]),
        ]
        failing = await shown(db, endpoint)
        assert (failing["status"], failing["last_success_at"]) == ("failing", None)
        assert failing["last_failure_at"] == failing["failing_since"]
        assert metrics.WEBHOOK_ENDPOINTS_FAILING._value.get() == 1
        assert metrics.WEBHOOK_OLDEST_DUE_SECONDS._value.get() > 100 * HOUR
        await sender.deliver_once()
        working = await shown(db, endpoint)
        assert (working["status"], working["failure_budget_used"]) == ("ok", 0.0)
        assert working["last_success_at"] > working["last_failure_at"]
        assert [each[0] for each in await told(db, FAILING)] == [AlertStatus.RESOLVED]
        receiver.answers[:] = [FAILURE]
        await happen(db, partner)
        await sender.deliver_once()
        clock.advance(60 * HOUR)
        assert await watch(db) == 1, "it fails anew"
    async with db.transaction() as tx:
        assert await examine(tx, I12) == []


@pytest.mark.parametrize("ending", ["enabled", "deleted"])
async def test_operators_hear_of_an_endpoint_that_was_given_up(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock, ending: str
) -> None:
    partner = await make_partner(db)
    async with receiving(FAILURE, GONE) as receiver, sending(db, vault, settings) as sender:
        endpoint, _ = await make_endpoint(db, vault, settings, partner, receiver.port)
        await happen(db, partner)
        await sender.deliver_once()
        clock.advance(70 * HOUR)
        assert await watch(db) == 1
        await sender.deliver_once()
    assert (await shown(db, endpoint))["status"] == "disabled"
    assert [each[0] for each in await told(db, FAILING)] == [AlertStatus.RESOLVED]
    assert [each[0] for each in await told(db, DISABLED)] == [AlertStatus.OPEN]
    its: dict[str, Any] = {"partner_id": partner, "livemode": True, "endpoint_id": endpoint.id}
    async with db.transaction() as tx:
        assert await examine(tx, I12) == []
        if ending == "enabled":
            await endpoints.update(tx, settings, CLI, **its, changes={"enabled": True})
        else:
            await endpoints.delete(tx, CLI, **its)
    assert [each[0] for each in await told(db, DISABLED)] == [AlertStatus.RESOLVED]


async def test_i12_dead_letters_of_an_endpoint_are_one_alert_that_counts(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    async with receiving(FAILURE) as receiver, sending(db, vault, settings) as sender:
        await make_endpoint(db, vault, settings, partner, receiver.port)
        for _ in range(2):
            await happen(db, partner)
        while {row.status for row in await all_deliveries(db)} != {"dead"}:
            await sender.deliver_once()
            due = [row.due_at for row in await all_deliveries(db) if row.status == "due"]
            if due:
                clock.advance(max(0.0, (min(due) - db.now()).total_seconds()) + 0.1)
    assert await told(db, DEAD) == [(AlertStatus.OPEN, Severity.WARNING, 2)]
    async with db.transaction() as tx:
        assert await examine(tx, I12) == []
