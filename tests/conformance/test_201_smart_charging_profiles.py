"""Charging profiles of OCPP 2.0.1: K01 to K10."""

from typing import Any

import pytest

from core.audit.service import CLI
from core.commands.commands import Raw
from core.commands.smart_charging import (
    ClearChargingProfile,
    ReportChargingProfiles,
    ReportCompositeSchedule,
)
from core.desired.states import DesiredStatus
from core.smart_charging import queries as known
from core.smart_charging import service as profiles
from core.smart_charging.learning import MAX_KNOWN
from core.smart_charging.profiles import ProfileKind, Purpose, Recurrence
from tests.conformance.support import (
    asked_and_answered,
    booted,
    charger_of,
    done,
    quarantined,
    the_session,
    until,
)
from tests.conformance.test_16_smart_charging_profiles import (
    ACCEPTED,
    known_ids,
    knows,
    send_for,
    settles,
    want,
    wish,
)
from tests.core.smart_charging.making import profile
from tests.csms.live import AT, RawCharger, Running
from tests.csms.test_transactions201 import TOKEN, event

V = "2.0.1"


def on_the_wire(id_: int, *limits: tuple[int, float], **more: Any) -> dict[str, Any]:
    base = {
        "id": id_,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [
            {
                "id": id_,
                "startSchedule": "2026-11-21T12:00:00.000Z",
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [
                    {"startPeriod": start, "limit": limit} for start, limit in limits
                ],
            }
        ],
    }
    return base | more


async def report(
    cp: RawCharger, request: int, *found: dict[str, Any], more: bool = False, **said: Any
) -> None:
    payload = {
        "requestId": request,
        "chargingLimitSource": "CSO",
        "evseId": 1,
        "chargingProfile": list(found),
        "tbc": more,
    }
    assert await cp.result("ReportChargingProfiles", payload | said) == {}


async def ask_for_report(
    server: Running, cp: RawCharger, status: str = "Accepted", **criteria: Any
) -> int:
    """Ask for all profiles, or some; return the number of the request."""
    command = ReportChargingProfiles(request=77, **criteria)
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        await profiles.report_asked(tx, row.id, command)
    payload, _ = await asked_and_answered(
        server, cp, command, "GetChargingProfiles", {"status": status}
    )
    every_source = {"chargingLimitSource": ["EMS", "Other", "SO", "CSO"]}
    assert criteria or payload == {"requestId": 77, "chargingProfile": every_source}
    return 77


@pytest.mark.ocpp(V, "SetChargingProfile")
async def test_k01_a_wanted_profile_is_sent_as_the_standard_says(server: Running) -> None:
    async with booted(server, V, replies={"SetChargingProfile": ACCEPTED}) as cp:
        daily = profile(
            (0, 6),
            (3600, "16.5"),
            id=5,
            evse=0,
            kind=ProfileKind.RECURRING,
            recurrence=Recurrence.DAILY,
            duration_s=7200,
        )
        await want(server, daily)
        _, _, _, payload = await cp.called("SetChargingProfile")
        await settles(server, 5, DesiredStatus.ACCEPTED)
        expected = on_the_wire(5, (0, 6), (3600, 16.5))
        expected["chargingSchedule"][0]["duration"] = 7200
        expected |= {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}
        assert payload == {"evseId": 0, "chargingProfile": expected}


@pytest.mark.ocpp(V, "SetChargingProfile")
async def test_k01_a_refusal_keeps_the_reason_of_the_station(server: Running) -> None:
    refusal = {"status": "Rejected", "statusInfo": {"reasonCode": "DuplicateProfile"}}
    async with booted(server, V, replies={"SetChargingProfile": refusal}):
        maximum = profile((0, 63), id=9, evse=0, purpose=Purpose.CHARGER_MAX)
        await want(server, maximum)
        assert (await settles(server, 9, DesiredStatus.REJECTED)).reason == "DuplicateProfile"


@pytest.mark.ocpp(V, "SetChargingProfile")
@pytest.mark.ocpp(V, "TransactionEvent")
async def test_k01_a_profile_of_a_transaction_is_gone_with_it(server: Running) -> None:
    async with booted(server, V, replies={"SetChargingProfile": ACCEPTED}) as cp:
        await cp.result("TransactionEvent", event("Started", 0, state="Charging", idToken=TOKEN))
        session = await the_session(server)
        one = profile(
            (0, 10),
            id=3,
            purpose=Purpose.TRANSACTION,
            kind=ProfileKind.RELATIVE,
            transaction_ref=session.transaction_ref,
        )
        row = await send_for(server, one)
        _, _, _, payload = await cp.called("SetChargingProfile")
        await done(server, row)
        assert payload["chargingProfile"]["transactionId"] == "tx-1"
        await knows(server, 3)
        await cp.result("TransactionEvent", event("Ended", 1, minute=5))
        assert await known_ids(server) == []


@pytest.mark.ocpp(V, "GetCompositeSchedule")
async def test_k08_a_composite_schedule_is_kept(server: Running) -> None:
    schedule = {
        "evseId": 1,
        "duration": 600,
        "scheduleStart": AT,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
    }
    async with booted(server, V) as cp:
        payload, _ = await asked_and_answered(
            server,
            cp,
            ReportCompositeSchedule(evse=1, duration_s=600),
            "GetCompositeSchedule",
            {"status": "Accepted", "schedule": schedule},
        )
        assert payload == {"evseId": 1, "duration": 600}
        row = await charger_of(server)

        async def probe() -> Any:
            async with server.db.transaction() as tx:
                return await known.composite_at(tx, row.id, 1)

        found = await until(probe)
        assert found.document["unit"] == "A"
        assert found.document["start"] == AT


@pytest.mark.ocpp(V, "GetChargingProfiles")
@pytest.mark.ocpp(V, "ReportChargingProfiles")
async def test_k09_a_report_in_parts_corrects_what_is_known(server: Running) -> None:
    """After the last part (tbc false) what was not named counts as gone, and wishes drift."""
    async with booted(server, V, replies={"SetChargingProfile": ACCEPTED}) as cp:
        for id_, limit in ((1, 6), (2, 10), (3, 16)):
            await want(server, profile((0, limit), id=id_, stack_level=id_))
        await knows(server, 1, 2, 3)
        cp.replies.pop("SetChargingProfile")
        request = await ask_for_report(server, cp)
        await report(cp, request, on_the_wire(1, (0, 6), stackLevel=1), more=True)
        for id_ in (1, 2, 3):
            assert (await settles(server, id_, DesiredStatus.ACCEPTED)).key == str(id_)
        external = on_the_wire(
            1, (0, 4), chargingProfilePurpose="ChargingStationExternalConstraints"
        )
        await report(cp, request, external, more=True, chargingLimitSource="EMS", evseId=0)
        await report(cp, request, on_the_wire(2, (0, 11), stackLevel=2))
        await settles(server, 2, DesiredStatus.DRIFTED)
        gone = await settles(server, 3, DesiredStatus.DRIFTED)
        assert gone.reported is None
        assert (await settles(server, 1, DesiredStatus.ACCEPTED)).reported is not None
        assert await known_ids(server) == [1, 1, 2]


@pytest.mark.ocpp(V, "GetChargingProfiles")
async def test_k09_no_profiles_is_an_answer(server: Running) -> None:
    async with booted(server, V, replies={"SetChargingProfile": ACCEPTED}) as cp:
        await want(server, profile((0, 6), id=1))
        await knows(server, 1)
        cp.replies.pop("SetChargingProfile")
        await ask_for_report(server, cp, "NoProfiles")
        await settles(server, 1, DesiredStatus.DRIFTED)
        await knows(server)


@pytest.mark.ocpp(V, "GetChargingProfiles")
@pytest.mark.ocpp(V, "ReportChargingProfiles")
async def test_k09_a_report_by_criteria_corrects_what_it_covers(server: Running) -> None:
    """Of the level asked for one profile is there and one is not; of the others nothing is said."""
    async with booted(server, V, replies={"SetChargingProfile": ACCEPTED}) as cp:
        for id_, evse in ((1, 1), (2, 2), (3, 1)):
            await want(server, profile((0, 6), id=id_, evse=evse, stack_level=id_ // 3))
        await knows(server, 1, 3, 2)
        cp.replies.pop("SetChargingProfile")
        request = await ask_for_report(server, cp, stack_level=0)
        await report(cp, request, on_the_wire(1, (0, 6)))
        await settles(server, 2, DesiredStatus.DRIFTED)
        assert await known_ids(server) == [1, 3]
        for id_ in (1, 3):
            assert (await settles(server, id_, DesiredStatus.ACCEPTED)).status == "accepted"
        await ask_for_report(server, cp, "NoProfiles", profiles=(3,))
        await settles(server, 3, DesiredStatus.DRIFTED)
        await knows(server, 1)


@pytest.mark.ocpp(V, "ReportChargingProfiles")
async def test_k09_what_another_has_set_is_no_wish_of_ours(server: Running) -> None:
    """Ids count for each source anew."""
    async with booted(server, V, replies={"SetChargingProfile": ACCEPTED}) as cp:
        await want(server, profile((0, 6), id=1))
        await knows(server, 1)
        cp.replies.pop("SetChargingProfile")
        external = on_the_wire(
            1, (0, 4), chargingProfilePurpose="ChargingStationExternalConstraints"
        )
        request = await ask_for_report(server, cp, sources=("EMS",))
        await report(cp, request, external, chargingLimitSource="EMS", evseId=0)
        await knows(server, 1, 1)
        assert (await settles(server, 1, DesiredStatus.ACCEPTED)).reported is None


@pytest.mark.ocpp(V, "GetChargingProfiles")
async def test_k09_every_criterion_goes_out(server: Running) -> None:
    command = ReportChargingProfiles(
        request=5,
        evse=2,
        purpose="charger_max",
        stack_level=0,
        profiles=(1, 2),
        sources=("CSO", "EMS"),
    )
    async with booted(server, V) as cp:
        payload, _ = await asked_and_answered(server, cp, command, "GetChargingProfiles", ACCEPTED)
    assert payload == {
        "requestId": 5,
        "evseId": 2,
        "chargingProfile": {
            "chargingProfilePurpose": "ChargingStationMaxProfile",
            "stackLevel": 0,
            "chargingProfileId": [1, 2],
            "chargingLimitSource": ["CSO", "EMS"],
        },
    }


@pytest.mark.ocpp(V, "ReportChargingProfiles")
async def test_k09_a_report_that_nobody_asked_for_is_bounded_and_believed_with_care(
    server: Running,
) -> None:
    async with booted(server, V) as cp:
        for part in range(3):
            many = [on_the_wire(1000 * part + n, (0, 6)) for n in range(MAX_KNOWN // 2)]
            await report(cp, 2**31 - 1, *many, more=True)
        assert len(await known_ids(server)) == MAX_KNOWN
        assert await quarantined(server) == []
        for odd in (
            on_the_wire(2**70, (0, 6)),
            on_the_wire(1, (0, float("nan"))),
            on_the_wire(1, (0, 2**70)),
            on_the_wire(1, (-5, 6)),
        ):
            await report(cp, 1, odd)
        await report(cp, 2**70, on_the_wire(1, (0, 6)))
        await report(cp, 1, on_the_wire(1, (0, 6)), evseId=2**70)
    assert len(await quarantined(server)) == 6


@pytest.mark.ocpp(V, "ClearChargingProfile")
async def test_k10_by_criteria_by_id_and_everything(server: Running) -> None:
    async with booted(server, V) as cp:
        for command, expected in (
            (ClearChargingProfile(profile=5, evse=1), {"chargingProfileId": 5}),
            (
                ClearChargingProfile(evse=0, purpose="external", stack_level=1),
                {
                    "chargingProfileCriteria": {
                        "evseId": 0,
                        "chargingProfilePurpose": "ChargingStationExternalConstraints",
                        "stackLevel": 1,
                    }
                },
            ),
            (ClearChargingProfile(), {}),
        ):
            payload, row = await asked_and_answered(
                server, cp, command, "ClearChargingProfile", {"status": "Unknown"}
            )
            assert payload == expected
            assert row.status == "answered"


@pytest.mark.ocpp(V, "ClearChargingProfile")
@pytest.mark.ocpp(V, "SetChargingProfile")
async def test_k10_a_profile_that_is_gone_is_no_longer_wanted(server: Running) -> None:
    replies = {"SetChargingProfile": ACCEPTED, "ClearChargingProfile": ACCEPTED}
    async with booted(server, V, replies=replies) as cp:
        await want(server, profile((0, 6), id=1))
        await knows(server, 1)
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            await profiles.unwant(tx, CLI, row, 1)
        _, _, _, payload = await cp.called("ClearChargingProfile")
        assert payload == {"chargingProfileId": 1}
        await knows(server)
        assert await wish(server, 1) is None


@pytest.mark.ocpp(V, "RequestStartTransaction")
async def test_f01_an_operator_may_start_with_a_profile(server: Running) -> None:
    tx_profile = on_the_wire(1, (0, 9.9), chargingProfilePurpose="TxProfile")
    payload = {
        "evseId": 1,
        "remoteStartId": 4,
        "idToken": {"idToken": "T1", "type": "Central"},
        "chargingProfile": tx_profile,
    }
    async with booted(server, V) as cp:
        command = Raw(action="RequestStartTransaction", payload=payload)
        sent, _ = await asked_and_answered(server, cp, command, "RequestStartTransaction", ACCEPTED)
    assert sent == payload
