"""Charging profiles for operators: wanted against known, of a session, expected, reported."""

from typing import Any

import httpx2
import pytest

from core.chargers import inventory
from core.chargers.facts import VariableReported
from core.commands import service as commands
from core.commands.models import CommandRow
from core.kernel.db import Database
from core.operations import service as operations
from core.operators.models import Role
from core.sessions import service as sessions
from core.sessions.facts import Source, TransactionStarted
from core.sessions.states import SessionStatus
from core.smart_charging import learning
from core.smart_charging.facts import LimitTold
from core.smart_charging.profiles import from_document
from tests.core.smart_charging.making import schedule
from tests.ops.conftest import Login
from tests.ops.operator_api.making import connect, get, post

PROFILE: dict[str, Any] = {
    "purpose": "transaction_default",
    "evse": 1,
    "kind": "absolute",
    "schedule": {
        "unit": "A",
        "start": "2026-11-21T12:00:00Z",
        "periods": [{"start_s": 0, "limit": 16}],
    },
}


@pytest.fixture
async def charger_id(operator: httpx2.AsyncClient, db: Database) -> str:
    """A charger of OCPP 2.0.1 with two EVSEs that is connected."""
    connectors = [{"evse": 1}, {"evse": 2}]
    charger = await post(operator, "/chargers", identity="CP-1", connectors=connectors)
    await connect(db, charger["id"], version="2.0.1")
    return str(charger["id"])


async def begin(db: Database, charger_id: str, reference: str) -> str:
    """Let the charger begin a transaction at its EVSE 1; return the session's id."""
    source = Source(
        charger_id=charger_id,
        action="TransactionEvent",
        message_id="m",
        key=f"event:{reference}:0",
        digest="d",
        raw={"seqNo": 0},
    )
    async with db.transaction() as tx:
        fact = TransactionStarted(
            source=source,
            evse=1,
            connector=1,
            token=None,
            token_kind=None,
            remote_start_id=None,
            reservation=None,
            transaction_ref=reference,
            at=tx.now,
            meter_wh=0,
            status=SessionStatus.CHARGING,
            seq=0,
        )
        session = (await sessions.start(tx, fact)).session
    assert session is not None
    return session.id


@pytest.fixture
async def session_id(db: Database, charger_id: str) -> str:
    return await begin(db, charger_id, "tx-1")


async def refused(client: httpx2.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    answer = await client.request(method, f"/operator/v1{path}", json=body)
    assert 400 <= answer.status_code < 500, answer.text
    return answer.json()


async def take(db: Database, charger_id: str) -> CommandRow:
    async with db.transaction() as tx:
        found = await operations.claim_next(tx, charger_id)
    assert found is not None
    return found


async def accept(db: Database, charger_id: str, document: dict[str, Any]) -> None:
    async with db.transaction() as tx:
        await learning.accepted(tx, charger_id, from_document(document))


async def test_a_profile_is_wanted_shown_and_wanted_gone(
    operator: httpx2.AsyncClient, db: Database, charger_id: str
) -> None:
    path = f"/chargers/{charger_id}/charging_profiles"
    made = await post(operator, path, **PROFILE)
    assert (made["id"], made["wanted"]["status"], made["known"]) == (1, "sent", None)
    command = await take(db, charger_id)
    assert command.kind == "set_charging_profile"
    await accept(db, charger_id, command.arguments["profile"])
    (shown,) = (await get(operator, path))["data"]
    assert shown["known"]["learned"] == "accepted"
    assert shown["wanted"]["profile"]["schedule"]["periods"][0]["limit"] == "16"
    second = await post(operator, path, **PROFILE | {"evse": 2})
    assert second["id"] == 2
    put = await operator.put(f"/operator/v1{path}/1", json=PROFILE | {"stack_level": 3})
    assert put.json()["wanted"]["profile"]["stack_level"] == 3
    gone = await operator.delete(f"/operator/v1{path}/1")
    assert gone.status_code == 202
    assert gone.json()["wanted"]["present"] is False


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"evse": 3}, "/evse"),
        ({"purpose": "external"}, "/purpose"),
        ({"purpose": "transaction"}, "/purpose"),
        ({"purpose": "charger_max"}, "/evse"),
        ({"kind": "recurring"}, "/recurrence"),
        ({"schedule": PROFILE["schedule"] | {"periods": [{"start_s": 1, "limit": 6}]}}, None),
        ({"schedule": PROFILE["schedule"] | {"unit": "kW"}}, "/schedule/unit"),
        ({"schedule": PROFILE["schedule"] | {"periods": []}}, "/schedule/periods"),
        ({"stack_level": 1.5}, "/stack_level"),
        ({"evse": 2**70}, "/evse"),
    ],
)
async def test_what_no_charger_would_take_is_refused_with_a_pointer(
    operator: httpx2.AsyncClient, charger_id: str, change: dict[str, Any], pointer: str | None
) -> None:
    path = f"/chargers/{charger_id}/charging_profiles"
    problem = await refused(operator, "POST", path, PROFILE | change)
    pointers = [error["pointer"] for error in problem["errors"]]
    assert pointers == [pointer or "/schedule/periods/0/start_s"]


async def test_what_the_charger_reported_of_itself_is_minded(
    operator: httpx2.AsyncClient, db: Database, charger_id: str
) -> None:
    facts = [
        VariableReported(
            component="SmartChargingCtrlr",
            variable=name,
            attribute="Actual",
            value=value,
            readonly=True,
        )
        for name, value in (("ProfileStackLevel", "0"), ("RateUnit", "W"))
    ]
    async with db.transaction() as tx:
        await inventory.store_variables(tx, charger_id, facts)
    path = f"/chargers/{charger_id}/charging_profiles"
    problem = await refused(operator, "POST", path, PROFILE | {"stack_level": 1})
    assert {error["pointer"] for error in problem["errors"]} == {"/stack_level", "/schedule/unit"}


async def test_one_level_of_one_purpose_is_one_profile(
    operator: httpx2.AsyncClient, charger_id: str
) -> None:
    path = f"/chargers/{charger_id}/charging_profiles"
    await post(operator, path, **PROFILE)
    problem = await refused(operator, "POST", path, PROFILE)
    assert problem["code"] == "conflict"
    assert "Profile 1" in problem["detail"]
    gone = await refused(operator, "DELETE", f"{path}/77")
    assert gone["code"] == "not_found", gone


async def test_a_session_is_limited_while_it_goes_on(
    operator: httpx2.AsyncClient, db: Database, charger_id: str, session_id: str
) -> None:
    path = f"/sessions/{session_id}/charging_profile"
    body = {"schedule": {"unit": "A", "periods": [{"start_s": 0, "limit": 6.1}]}}
    command = await post(operator, path, **body)
    assert (command["kind"], command["session_id"]) == ("set_charging_profile", session_id)
    profile = (await take(db, charger_id)).arguments["profile"]
    assert (profile["purpose"], profile["transaction_ref"], profile["evse"]) == (
        "transaction",
        "tx-1",
        1,
    )
    await accept(db, charger_id, profile)
    shown = await get(operator, f"/chargers/{charger_id}/composite_schedule", evse=1)
    assert shown["expected"]["periods"] == [{"start_s": 0, "limit": "6.1"}]
    assert shown["reported"] is None


async def test_a_session_has_one_profile_at_a_level(
    operator: httpx2.AsyncClient, db: Database, charger_id: str, session_id: str
) -> None:
    """A station refuses another id at the level (K01.FR.39), whether it took the first or not."""
    body = {"schedule": {"unit": "A", "periods": [{"start_s": 0, "limit": 6}]}}

    async def sent(session: str, level: int) -> int:
        path = f"/sessions/{session}/charging_profile"
        found = await post(operator, path, **body, stack_level=level)
        return int(found["payload"]["profile"]["id"])

    assert [await sent(session_id, level) for level in (0, 0, 1)] == [1, 1, 2]
    for _ in range(3):
        await accept(db, charger_id, (await take(db, charger_id)).arguments["profile"])
    assert [await sent(session_id, level) for level in (0, 1, 2)] == [1, 2, 3]
    assert await sent(await begin(db, charger_id, "tx-2"), 0) == 4


async def test_what_should_be_is_made_of_profiles_and_limits(
    operator: httpx2.AsyncClient, db: Database, charger_id: str
) -> None:
    async with db.transaction() as tx:
        limit = LimitTold(
            charger_id=charger_id,
            evse=0,
            source="EMS",
            is_grid_critical=None,
            schedules=(schedule((0, 10), duration_s=86_400),),
        )
        await learning.limit_told(tx, limit)
    (shown,) = (await get(operator, f"/chargers/{charger_id}/charging_limits"))["data"]
    assert (shown["source"], shown["evse"]) == ("EMS", 0)
    path = f"/chargers/{charger_id}/composite_schedule"
    found = await get(operator, path, evse=2, unit="W", duration_s=60, voltage_v=230, phases=3)
    assert found["expected"]["periods"] == [{"start_s": 0, "limit": "6900"}]
    needs = await get(operator, f"/chargers/{charger_id}/charging_needs")
    assert needs["data"] == []


async def test_acts_need_the_charger_and_its_version(
    operator: httpx2.AsyncClient, db: Database, charger_id: str
) -> None:
    path = f"/chargers/{charger_id}"
    asked = await post(operator, f"{path}/charging_profiles/report")
    assert asked["kind"] == "report_charging_profiles"
    cleared = await post(operator, f"{path}/charging_profiles/clear", evse=1)
    assert cleared["payload"]["evse"] == 1
    composite = await post(operator, f"{path}/composite_schedule", evse=1, duration_s=60)
    assert composite["command"]["kind"] == "report_composite_schedule"
    old = await post(operator, "/chargers", identity="OLD")
    offline = await refused(operator, "POST", f"/chargers/{old['id']}/charging_profiles/clear", {})
    assert offline["code"] == "charger_offline"
    await connect(db, old["id"], version="1.6")
    report = f"/chargers/{old['id']}/charging_profiles/report"
    assert (await refused(operator, "POST", report))["code"] == "conflict"


async def test_a_report_is_asked_for_by_criteria(
    operator: httpx2.AsyncClient, charger_id: str
) -> None:
    path = f"/chargers/{charger_id}/charging_profiles/report"
    criteria: dict[str, Any] = {"purpose": "external", "stack_level": 1, "sources": ["EMS", "SO"]}
    asked = (await post(operator, path, evse=2, **criteria))["payload"]
    assert asked | criteria | {"evse": 2, "profiles": []} == asked
    asked = (await post(operator, path, evse=1, ids=[4, 5]))["payload"]
    assert (asked["evse"], asked["profiles"], asked["purpose"]) == (1, [4, 5], None)
    for wrong in (criteria | {"ids": [1]}, {"sources": ["Mine"]}, {"ids": [-1]}):
        problem = await refused(operator, "POST", path, wrong)
        assert problem["code"] == "invalid_parameter"


async def test_viewers_look_and_support_acts(login: Login, charger_id: str) -> None:
    viewer, support = await login(Role.VIEWER), await login(Role.SUPPORT)
    path = f"/operator/v1/chargers/{charger_id}/charging_profiles"
    assert (await viewer.get(path)).status_code == 200
    assert (await viewer.post(path, json=PROFILE)).status_code == 403
    assert (await support.post(path, json=PROFILE)).status_code == 202
    assert (await viewer.get("/operator/v1/chargers/nobody/charging_profiles")).status_code == 404


async def test_what_a_session_is_made_of_can_be_read_word_for_word(
    operator: httpx2.AsyncClient, session_id: str
) -> None:
    found = await get(operator, f"/sessions/{session_id}/transaction_messages")
    assert [one["payload"] for one in found["data"]] == [{"seqNo": 0}]


async def test_commands_of_smart_charging_can_be_listed(
    operator: httpx2.AsyncClient, db: Database, charger_id: str
) -> None:
    await post(operator, f"/chargers/{charger_id}/charging_profiles", **PROFILE)
    listed = await get(operator, f"/chargers/{charger_id}/commands")
    assert listed["data"][0]["kind"] == "set_charging_profile"
    async with db.transaction() as tx:
        assert await commands.list_commands(tx, charger_id=charger_id)
