"""ON-4: what is held against a partner holds on every node at once, and so does its end."""

from collections.abc import AsyncIterator

import pytest

from core.audit import service as audit
from core.conduct.rules import RULES, RuleName
from core.kernel.settings import Settings
from core.partners.states import Step
from ops.serve import Platform, Role, platform
from tests.eventually import eventually
from tests.world import TestPartner, World, world

ENOUGH = 3


@pytest.fixture
def backend() -> str:
    return "postgresql"


@pytest.fixture
async def running(settings: Settings) -> AsyncIterator[World]:
    async with world(settings) as created:
        yield created


@pytest.fixture
async def second(settings: Settings, running: World) -> AsyncIterator[Platform]:
    elsewhere = settings.model_copy(update={"node_id": "node-b"})
    async with platform(elsewhere, roles=[Role.API, Role.WORKER]) as node:
        yield node


async def test_on4_a_ban_and_its_lift_hold_on_the_other_node_at_once_and_stops_pass(
    running: World, second: Platform
) -> None:
    await running.add_charger(connectors=2)
    here = running.partner
    api = await running.client(second.api_url or "", here.key)
    there = TestPartner(id=here.id, key=here.key, api=api, receiver=here.receiver)
    connectors = [await running.connector_id("CP-1", evse=number) for number in (1, 2)]
    assert (await here.start("start-1", connectors[0])).status_code == 202
    await here.outcome("start-1")

    operator = await running.operator_client()
    conduct = f"/operator/v1/partners/{here.id}/conduct"
    answer = await operator.post(f"{conduct}/ban", json={"length": "24h", "reason": "test"})
    assert answer.status_code == 200, answer.text
    for node in (here, there):
        refused = await node.start("start-2", connectors[1])
        assert (refused.status_code, refused.json()["code"]) == (403, "temporarily_banned")
        assert refused.json()["until"] == answer.json()["until"]
    stopped = await there.stop("stop-1", start_request_id="start-1")
    assert stopped.status_code == 202, stopped.text
    assert (await here.outcome("stop-1"))["type"] == "operation.succeeded"

    assert (await operator.post(f"{conduct}/lift", json={})).status_code == 200
    assert (await there.start("start-2", connectors[1])).status_code == 202
    assert (await here.outcome("start-2"))["type"] == "operation.succeeded"


async def test_on4_who_misbehaves_on_both_nodes_together_is_found_and_each_step_is_audited(
    running: World, second: Platform
) -> None:
    """Neither node alone saw enough."""
    here = running.partner
    api = await running.client(second.api_url or "", here.key)
    operator = await running.operator_client()
    rule = RuleName.SCANNING
    tuned = await operator.patch(
        f"/operator/v1/partners/{here.id}/conduct/rules/{rule}", json={"count": 2 * ENOUGH}
    )
    assert tuned.status_code == 200
    for node, client in enumerate((here.api, api)):
        for number in range(ENOUGH):
            path = f"/v1/sessions/cs_{node}{number}{'0' * 24}"
            assert (await client.get(path)).status_code == 404

    async def found() -> bool:
        answer = await operator.get(f"/operator/v1/partners/{here.id}/conduct")
        return bool(answer.json()["incidents"])

    await eventually(found)
    view = (await operator.get(f"/operator/v1/partners/{here.id}/conduct")).json()
    (incident,) = view["incidents"]
    assert (incident["rule"], incident["count"], incident["step"]) == (rule, 2 * ENOUGH, "alert")
    assert len(incident["evidence"]["examples"]) == 2 * ENOUGH
    assert incident["evidence"]["threshold"]["share_percent"] == RULES[rule].share_percent
    async with running.platform.db.transaction() as tx:
        entries = await audit.entries(tx, object_id=here.id, before_number=None, limit=5)
    (step,) = [entry for entry in entries if entry.action == "conduct.alerted"]
    assert (step.actor, (step.after or {})["step"]) == ("platform", Step.ALERT)
    assert (step.after or {})["incident_id"] == incident["id"]
