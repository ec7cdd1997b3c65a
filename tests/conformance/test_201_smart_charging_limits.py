"""Limits from outside and what vehicles need, in OCPP 2.0.1: K11 to K17."""

from datetime import timedelta
from typing import Any

import pytest

from core.audit.service import CLI
from core.chargers import registry
from core.chargers.registry import ConnectorSpec
from core.commands import service as commands
from core.commands.models import CommandRow
from core.commands.smart_charging import SetChargingProfile
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.smart_charging import queries as known
from core.smart_charging import service as profiles
from core.smart_charging.composite import Composite, Supply
from core.smart_charging.models import VehicleNeeds
from core.smart_charging.profiles import RateUnit
from core.smart_charging.renegotiation import MAX_RENEGOTIATIONS
from tests.conformance.support import booted, charger_of, quarantined, until
from tests.csms.live import RawCharger, Running
from tests.csms.test_transactions201 import TOKEN, event

V = "2.0.1"
AC = {"energyAmount": 20_000, "evMinCurrent": 6, "evMaxCurrent": 32, "evMaxVoltage": 400}


def schedule(limit: object, **more: Any) -> dict[str, Any]:
    base = {
        "id": 1,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
    }
    return base | more


async def expected(server: Running, evse: int = 1) -> Composite:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        return await profiles.expected(
            tx,
            row.id,
            evse=evse,
            at=tx.now + timedelta(seconds=1),
            duration_s=60,
            unit=RateUnit.AMPERE,
            supply=Supply(),
            running=None,
        )


async def limit_of(server: Running, evse: int = 1) -> str | None:
    limit = (await expected(server, evse)).steps[0].limit
    return None if limit is None else f"{limit:f}"


async def needs_of(server: Running) -> VehicleNeeds:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        (found,) = await known.needs(tx, row.id)
    return found


@pytest.mark.ocpp(V, "NotifyChargingLimit")
@pytest.mark.ocpp(V, "ClearedChargingLimit")
async def test_k12_k13_limits_from_outside_hold_until_they_are_cleared(server: Running) -> None:
    async with booted(server, V) as cp:

        async def told(source: str, limit: int, **more: Any) -> None:
            payload = {
                "chargingLimit": {"chargingLimitSource": source, "isGridCritical": True},
                "chargingSchedule": [schedule(limit)],
            }
            assert await cp.result("NotifyChargingLimit", payload | more) == {}

        await told("EMS", 20)
        assert await limit_of(server, 0) == "20"
        await told("SO", 10, evseId=1)
        assert [await limit_of(server, evse) for evse in (0, 1, 2)] == ["20", "10", "20"]
        await told("EMS", 8)
        assert await limit_of(server) == "8"
        cleared: dict[str, Any] = {"chargingLimitSource": "EMS"}
        assert await cp.result("ClearedChargingLimit", cleared) == {}
        assert await limit_of(server) == "10"
        assert await cp.result("ClearedChargingLimit", cleared | {"evseId": 1}) == {}
        assert await limit_of(server) == "10"
        cleared = {"chargingLimitSource": "SO", "evseId": 1}
        assert await cp.result("ClearedChargingLimit", cleared) == {}
        assert await limit_of(server) is None


@pytest.mark.ocpp(V, "NotifyChargingLimit")
@pytest.mark.ocpp(V, "ReportChargingProfiles")
@pytest.mark.ocpp(V, "ClearedChargingLimit")
async def test_k12_a_limit_from_outside_that_only_a_report_names_counts(server: Running) -> None:
    """Until its source tells another one, or that there is none."""
    async with booted(server, V) as cp:

        async def reported(source: str, level: int, limit: int) -> None:
            external = {
                "id": 1,
                "stackLevel": level,
                "chargingProfilePurpose": "ChargingStationExternalConstraints",
                "chargingProfileKind": "Absolute",
                "chargingSchedule": [schedule(limit, startSchedule=await now(server))],
            }
            said = {"requestId": 1, "chargingLimitSource": source, "evseId": 1}
            said |= {"chargingProfile": [external], "tbc": False}
            await cp.result("ReportChargingProfiles", said)

        await reported("EMS", 0, 12)
        await reported("SO", 1, 14)
        assert [await limit_of(server, evse) for evse in (1, 2)] == ["12", None]
        limit = {"chargingLimitSource": "EMS"}
        payload = {"chargingLimit": limit, "evseId": 1}
        await cp.result("NotifyChargingLimit", payload)
        assert await limit_of(server) == "12"
        await cp.result("NotifyChargingLimit", payload | {"chargingSchedule": [schedule(13)]})
        assert await limit_of(server) == "13"
        await cp.result("ClearedChargingLimit", limit)
        assert await limit_of(server) == "14"
        await cp.result("ClearedChargingLimit", {"chargingLimitSource": "SO", "evseId": 1})
        assert await limit_of(server) is None


@pytest.mark.ocpp(V, "NotifyChargingLimit")
async def test_k11_a_limit_that_names_no_schedule_is_kept_as_such(server: Running) -> None:
    async with booted(server, V) as cp:
        payload = {"chargingLimit": {"chargingLimitSource": "Other"}}
        assert await cp.result("NotifyChargingLimit", payload) == {}
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            (limit,) = await known.limits(tx, row.id)
    assert (limit.evse, limit.source, limit.schedules) == (0, "Other", [])


@pytest.mark.ocpp(V, "NotifyChargingLimit")
@pytest.mark.ocpp(V, "ClearedChargingLimit")
@pytest.mark.ocpp(V, "NotifyEVChargingNeeds")
@pytest.mark.ocpp(V, "NotifyEVChargingSchedule")
async def test_impossible_content_is_acknowledged_and_quarantined(server: Running) -> None:
    limit = {"chargingLimit": {"chargingLimitSource": "EMS"}}
    base: dict[str, Any] = {"timeBase": "x", "chargingSchedule": schedule(1), "evseId": 1}
    needs = {"evseId": 1, "chargingNeeds": {"requestedEnergyTransfer": "DC"}}
    async with booted(server, V) as cp:
        messages = [
            ("NotifyChargingLimit", limit | {"chargingSchedule": [schedule(float("nan"))]}),
            ("NotifyChargingLimit", limit | {"evseId": -1}),
            ("NotifyChargingLimit", limit | {"chargingSchedule": [schedule(1)] * 50}),
            ("ClearedChargingLimit", {"chargingLimitSource": "EMS", "evseId": 2**70}),
            ("NotifyEVChargingNeeds", needs | {"evseId": 2**70}),
            ("NotifyEVChargingNeeds", needs | {"evseId": 0}),
            (
                "NotifyEVChargingNeeds",
                {
                    "evseId": 1,
                    "chargingNeeds": {
                        "requestedEnergyTransfer": "AC_three_phase",
                        "departureTime": "soon",
                        "acChargingParameters": AC | {"energyAmount": -5},
                    },
                },
            ),
            ("NotifyEVChargingSchedule", base),
            ("NotifyEVChargingSchedule", base | {"evseId": 2**70}),
        ]
        for action, payload in messages:
            await cp.result(action, payload)
    assert len(await quarantined(server)) == len(messages)


def needs(**more: Any) -> dict[str, Any]:
    said = {"requestedEnergyTransfer": "AC_three_phase", "acChargingParameters": AC}
    return {"evseId": 1, "maxScheduleTuples": 3, "chargingNeeds": said | more}


@pytest.mark.ocpp(V, "NotifyEVChargingNeeds")
async def test_k15_without_plans_the_needs_are_kept(server: Running) -> None:
    """``Processing``, as no schedule is promised: the station goes on with what it has."""
    async with booted(server, V) as cp:
        assert await cp.result("NotifyEVChargingNeeds", needs()) == {"status": "Processing"}
        found = await needs_of(server)
        assert (found.status, found.needs["energy_wh"]) == ("noted", 20_000)
        assert cp.calls_of("SetChargingProfile") == []


@pytest.fixture
def planning(settings: Settings) -> Settings:
    return settings.model_copy(update={"charging_plans": True})


@pytest.fixture
async def planner(db: Database, planning: Settings, vault: Any) -> Any:
    """A server that plans."""
    from tests.csms.live import running  # noqa: PLC0415 - the other fixture's name

    async with running(db, planning, vault) as server:
        yield server


async def started(cp: RawCharger) -> None:
    await cp.result("TransactionEvent", event("Started", 0, state="EVConnected", idToken=TOKEN))


@pytest.mark.ocpp(V, "NotifyEVChargingNeeds")
@pytest.mark.ocpp(V, "SetChargingProfile")
async def test_k15_a_plan_is_sent_within_the_limits_of_the_evse(planner: Running) -> None:
    async with booted(planner, V, replies={"SetChargingProfile": {"status": "Accepted"}}) as cp:
        await started(cp)
        row = await charger_of(planner)
        async with planner.db.transaction() as tx:
            spec = ConnectorSpec(evse=1, connector=2, max_power_w=11_040)
            await registry.put_connectors(tx, CLI, row.id, [spec])
        assert await cp.result("NotifyEVChargingNeeds", needs()) == {"status": "Accepted"}
        _, _, _, payload = await cp.called("SetChargingProfile")
        found = payload["chargingProfile"]
        assert (payload["evseId"], found["transactionId"]) == (1, "tx-1")
        assert found["chargingProfilePurpose"] == "TxProfile"
        (plan,) = found["chargingSchedule"]
        assert plan["chargingSchedulePeriod"] == [
            {"startPeriod": 0, "limit": 16, "numberPhases": 3}
        ]
        assert plan["minChargingRate"] == 6
        assert (await needs_of(planner)).status == "planned"


@pytest.mark.ocpp(V, "NotifyEVChargingNeeds")
@pytest.mark.ocpp(V, "TransactionEvent")
async def test_k15_a_plan_waits_for_its_transaction(planner: Running) -> None:
    async with booted(planner, V, replies={"SetChargingProfile": {"status": "Accepted"}}) as cp:
        assert await cp.result("NotifyEVChargingNeeds", needs()) == {"status": "Processing"}
        await started(cp)
        _, _, _, payload = await cp.called("SetChargingProfile")
        assert payload["chargingProfile"]["transactionId"] == "tx-1"
        await cp.result("TransactionEvent", event("Updated", 1, minute=1))
        assert len(cp.calls_of("SetChargingProfile")) == 1


@pytest.mark.ocpp(V, "NotifyEVChargingNeeds")
async def test_k15_needs_that_cannot_be_met_are_rejected(planner: Running) -> None:
    async with booted(planner, V) as cp:
        await started(cp)
        answer = await cp.result(
            "NotifyEVChargingNeeds", needs(acChargingParameters=AC | {"evMaxCurrent": 0})
        )
        assert answer == {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidValue"}}
        assert (await needs_of(planner)).status == "unusable"


@pytest.mark.ocpp(V, "NotifyEVChargingSchedule")
@pytest.mark.ocpp(V, "NotifyChargingLimit")
async def test_k17_a_vehicle_is_told_whether_it_keeps_its_limits(server: Running) -> None:
    async with booted(server, V) as cp:
        base = await now(server)
        said = {"timeBase": base, "evseId": 1, "chargingSchedule": schedule(16)}
        assert await cp.result("NotifyEVChargingSchedule", said) == {"status": "Accepted"}
        limit = {
            "chargingLimit": {"chargingLimitSource": "EMS"},
            "chargingSchedule": [schedule(10)],
        }
        await cp.result("NotifyChargingLimit", limit)
        said["timeBase"] = await now(server)
        assert await cp.result("NotifyEVChargingSchedule", said) == {"status": "Rejected"}
        assert (await needs_of(server)).vehicle_keeps_limits is False
        said |= {"chargingSchedule": schedule(10)}
        assert await cp.result("NotifyEVChargingSchedule", said) == {"status": "Accepted"}


async def told(server: Running, cp: RawCharger, limit: int) -> str:
    """Let the vehicle tell what it will take; return the answer."""
    said = {"timeBase": await now(server), "evseId": 1, "chargingSchedule": schedule(limit)}
    answer = await cp.result("NotifyEVChargingSchedule", said)
    return str(answer["status"])


async def sets(server: Running) -> list[CommandRow]:
    """Return what set a profile, or is to set one."""
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        found = await commands.list_commands(tx, charger_id=row.id)
    return [one for one in found if one.kind == SetChargingProfile.kind]


async def answered_sets(server: Running, count: int) -> list[int]:
    """Return the ids of *count* profiles when all of them were answered."""

    async def probe() -> list[int] | None:
        sent = await sets(server)
        assert len(sent) <= count
        done = len(sent) == count and all(one.status == "answered" for one in sent)
        return [one.arguments["profile"]["id"] for one in sent] if done else None

    return await until(probe)


@pytest.mark.ocpp(V, "NotifyEVChargingSchedule")
@pytest.mark.ocpp(V, "SetChargingProfile")
async def test_k17_a_vehicle_that_wants_too_much_is_negotiated_with_but_not_for_ever(
    planner: Running,
) -> None:
    """The same again is not answered again, and after a few times nothing is (K15.FR.13)."""
    async with booted(planner, V, replies={"SetChargingProfile": {"status": "Accepted"}}) as cp:
        await started(cp)
        await cp.result("NotifyEVChargingNeeds", needs())
        (plan,) = await answered_sets(planner, 1)
        for times in range(1, MAX_RENEGOTIATIONS + 1):
            assert [await told(planner, cp, 32 + times) for _ in range(2)] == ["Rejected"] * 2
            assert await answered_sets(planner, 1 + times) == [plan] * (1 + times)
            assert ((await needs_of(planner)).renegotiated or {})["times"] == times
        await cp.result("NotifyEVChargingNeeds", needs())
        sent = await answered_sets(planner, MAX_RENEGOTIATIONS + 2)
        assert await told(planner, cp, 99) == "Rejected"
        assert await answered_sets(planner, len(sent)) == sent
        payloads = [payload for _, _, _, payload in cp.calls_of("SetChargingProfile")]
        assert payloads[:-1] == payloads[:1] * (MAX_RENEGOTIATIONS + 1)
        assert await told(planner, cp, 32) == "Accepted"


@pytest.mark.ocpp(V, "NotifyEVChargingSchedule")
@pytest.mark.ocpp(V, "SetChargingProfile")
async def test_k17_a_charger_that_did_not_take_the_plan_gets_it_again(planner: Running) -> None:
    async with booted(planner, V, replies={"SetChargingProfile": {"status": "Rejected"}}) as cp:
        await started(cp)
        await cp.result("NotifyEVChargingNeeds", needs())
        (plan,) = await answered_sets(planner, 1)
        limit = {"chargingLimit": {"chargingLimitSource": "SO"}, "chargingSchedule": [schedule(8)]}
        await cp.result("NotifyChargingLimit", limit)
        assert await told(planner, cp, 16) == "Rejected"
        assert await answered_sets(planner, 2) == [plan, plan]


@pytest.mark.ocpp(V, "NotifyEVChargingSchedule")
@pytest.mark.ocpp(V, "SetChargingProfile")
async def test_k17_what_is_on_its_way_is_not_undone(planner: Running) -> None:
    """The profile before would take the place of the one that the charger is about to take."""
    async with booted(planner, V, replies={"SetChargingProfile": {"status": "Accepted"}}) as cp:
        await started(cp)
        await cp.result("NotifyEVChargingNeeds", needs())
        await answered_sets(planner, 1)
        cp.replies.pop("SetChargingProfile")
        await cp.result("NotifyEVChargingNeeds", needs())
        assert await told(planner, cp, 40) == "Rejected"
        assert len(await sets(planner)) == 2
        assert (await needs_of(planner)).renegotiated is None


@pytest.mark.ocpp(V, "NotifyEVChargingSchedule")
async def test_k17_without_a_profile_of_the_transaction_nothing_is_sent(planner: Running) -> None:
    async with booted(planner, V) as cp:
        await started(cp)
        limit = {"chargingLimit": {"chargingLimitSource": "SO"}, "chargingSchedule": [schedule(8)]}
        await cp.result("NotifyChargingLimit", limit)
        assert await told(planner, cp, 16) == "Rejected"
        assert await sets(planner) == []


async def now(server: Running) -> str:
    async with server.db.transaction() as tx:
        return tx.now.isoformat().replace("+00:00", "Z")
