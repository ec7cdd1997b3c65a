"""Charging profiles of OCPP 1.6: set, replaced, cleared, of a transaction, composite schedules."""

from datetime import UTC, datetime
from typing import Any

import pytest

from core.audit.service import CLI
from core.commands.commands import Raw
from core.commands.models import CommandRow
from core.commands.smart_charging import (
    ClearChargingProfile,
    ReportCompositeSchedule,
    SetChargingProfile,
)
from core.desired import service as desired
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.kernel.errors import PlatformError
from core.smart_charging import queries as known
from core.smart_charging import service as profiles
from core.smart_charging.profiles import Profile, ProfileKind, Purpose, to_document
from tests.conformance.support import (
    asked_and_answered,
    booted,
    charger_of,
    done,
    the_session,
    until,
)
from tests.core.smart_charging.making import profile
from tests.csms.live import AT, RawCharger, Running

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
ACCEPTED = {"status": "Accepted"}


async def want(server: Running, one: Profile) -> Desired:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        return await profiles.want(tx, CLI, row, one)


async def wish(server: Running, id_: int) -> Desired | None:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        return await desired.find(tx, row.id, profiles.KIND, str(id_))


async def known_ids(server: Running) -> list[int]:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        return [one.profile_id for one in await known.profiles(tx, row.id)]


async def knows(server: Running, *ids: int) -> None:
    async def probe() -> bool:
        return await known_ids(server) == list(ids)

    await until(probe)


async def settles(server: Running, id_: int, status: DesiredStatus) -> Desired:
    async def probe() -> Desired | None:
        found = await wish(server, id_)
        return found if found is not None and found.status is status else None

    return await until(probe)


async def start(cp: RawCharger, evse: int = 1) -> int:
    payload = {"connectorId": evse, "idTag": "T1", "meterStart": 0, "timestamp": AT}
    answer = await cp.result("StartTransaction", payload)
    return int(answer["transactionId"])


@pytest.mark.ocpp("1.6", "SetChargingProfile")
async def test_a_wanted_profile_is_sent_as_the_standard_says(server: Running) -> None:
    """Members, their order and limits with one decimal place (1.6 7.8 to 7.14)."""
    async with booted(server, replies={"SetChargingProfile": ACCEPTED}) as cp:
        one = profile((0, "16.1"), (3600, 8), id=5, stack_level=2, duration_s=7200, valid_to=START)
        await want(server, one)
        _, _, _, payload = await cp.called("SetChargingProfile")
        await settles(server, 5, DesiredStatus.ACCEPTED)
        await knows(server, 5)
    assert payload == {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 5,
            "stackLevel": 2,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "validTo": "2026-11-21T12:00:00.000Z",
            "chargingSchedule": {
                "duration": 7200,
                "startSchedule": "2026-11-21T12:00:00.000Z",
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": 16.1},
                    {"startPeriod": 3600, "limit": 8},
                ],
            },
        },
    }


@pytest.mark.ocpp("1.6", "SetChargingProfile")
@pytest.mark.parametrize("status", ["Rejected", "NotSupported"])
async def test_a_refused_profile_is_not_sent_again_by_itself(server: Running, status: str) -> None:
    async with booted(server, replies={"SetChargingProfile": {"status": status}}) as cp:
        await want(server, profile((0, 16), id=5))
        found = await settles(server, 5, DesiredStatus.REJECTED)
        assert found.reason == status
        assert await known_ids(server) == []
        assert len(cp.calls_of("SetChargingProfile")) == 1


@pytest.mark.ocpp("1.6", "SetChargingProfile")
@pytest.mark.ocpp("1.6", "ClearChargingProfile")
async def test_a_profile_is_wanted_gone_by_its_id(server: Running) -> None:
    """``Unknown`` means that it is gone, too."""
    replies = {"SetChargingProfile": ACCEPTED, "ClearChargingProfile": {"status": "Unknown"}}
    async with booted(server, replies=replies) as cp:
        maximum = profile((0, 63), id=9, evse=0, purpose=Purpose.CHARGER_MAX)
        await want(server, maximum)
        await knows(server, 9)
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            await profiles.unwant(tx, CLI, row, 9)
        _, _, _, payload = await cp.called("ClearChargingProfile")
        await knows(server)
        assert payload == {"id": 9}
        assert await wish(server, 9) is None


@pytest.mark.ocpp("1.6", "SetChargingProfile")
@pytest.mark.ocpp("1.6", "ClearChargingProfile")
async def test_what_is_cleared_by_criteria_and_still_wanted_is_sent_again(server: Running) -> None:
    replies = {"SetChargingProfile": ACCEPTED, "ClearChargingProfile": ACCEPTED}
    async with booted(server, replies=replies) as cp:
        await want(server, profile((0, 16), id=5))
        await want(server, profile((0, 10), id=6, evse=2))
        await knows(server, 5, 6)
        command = ClearChargingProfile(evse=1, purpose="transaction_default", stack_level=0)
        payload, row = await asked_and_answered(
            server, cp, command, "ClearChargingProfile", ACCEPTED
        )
        assert row.status == "answered"
        assert payload == {
            "connectorId": 1,
            "chargingProfilePurpose": "TxDefaultProfile",
            "stackLevel": 0,
        }
        await settles(server, 5, DesiredStatus.DRIFTED)
        await knows(server, 6)
        assert (await settles(server, 6, DesiredStatus.ACCEPTED)).key == "6"


@pytest.mark.ocpp("1.6", "SetChargingProfile")
@pytest.mark.ocpp("1.6", "StartTransaction")
@pytest.mark.ocpp("1.6", "StopTransaction")
async def test_a_profile_of_a_transaction_names_it_and_is_gone_with_it(server: Running) -> None:
    async with booted(server, replies={"SetChargingProfile": ACCEPTED}) as cp:
        number = await start(cp)
        row = await send_for(server, profile_of(number))
        _, _, _, payload = await cp.called("SetChargingProfile")
        await done(server, row)
        assert payload["connectorId"] == 1
        assert payload["csChargingProfiles"]["transactionId"] == number
        assert payload["csChargingProfiles"]["chargingProfilePurpose"] == "TxProfile"
        await knows(server, 3)
        stop = {"transactionId": number, "meterStop": 10, "timestamp": AT}
        await cp.result("StopTransaction", stop)
        assert await known_ids(server) == []


def profile_of(number: int, **more: Any) -> Profile:
    return profile(
        (0, 10),
        id=3,
        purpose=Purpose.TRANSACTION,
        kind=ProfileKind.RELATIVE,
        transaction_ref=str(number),
        **more,
    )


async def send_for(server: Running, one: Profile) -> CommandRow:
    row, session = await charger_of(server), await the_session(server)
    async with server.db.transaction() as tx:
        return await profiles.send_for_transaction(
            tx, CLI, row, one, session_id=session.id, timeout_s=20
        )


@pytest.mark.ocpp("1.6", "GetCompositeSchedule")
async def test_a_composite_schedule_is_kept_as_the_charger_answers(server: Running) -> None:
    schedule = {
        "chargingRateUnit": "W",
        "duration": 600,
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000.5, "numberPhases": 3}],
    }
    answer = {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": AT,
        "chargingSchedule": schedule,
    }
    async with booted(server) as cp:
        command = ReportCompositeSchedule(evse=1, duration_s=600, unit="W")
        payload, _ = await asked_and_answered(server, cp, command, "GetCompositeSchedule", answer)
        assert payload == {"connectorId": 1, "duration": 600, "chargingRateUnit": "W"}
        row = await charger_of(server)

        async def probe() -> Any:
            async with server.db.transaction() as tx:
                return await known.composite_at(tx, row.id, 1)

        found = await until(probe)
    assert found.document["schedule"]["periods"] == [
        {"start_s": 0, "limit": "11000.5", "phases": 3, "phase_to_use": None}
    ]


@pytest.mark.ocpp("1.6", "GetCompositeSchedule")
async def test_a_rejected_composite_schedule_leaves_nothing(server: Running) -> None:
    async with booted(server) as cp:
        command = ReportCompositeSchedule(evse=7, duration_s=60)
        payload, row = await asked_and_answered(
            server, cp, command, "GetCompositeSchedule", {"status": "Rejected"}
        )
        assert payload == {"connectorId": 7, "duration": 60}
        assert row.response == {"status": "Rejected"}


@pytest.mark.ocpp("1.6", "RemoteStartTransaction")
async def test_an_operator_may_start_with_a_profile(server: Running) -> None:
    """RemoteStartTransaction.chargingProfile goes out as it was written (1.6 5.11)."""
    payload = {
        "connectorId": 1,
        "idTag": "T1",
        "chargingProfile": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 9.9}],
            },
        },
    }
    async with booted(server) as cp:
        command = Raw(action="RemoteStartTransaction", payload=payload)
        sent, _ = await asked_and_answered(server, cp, command, "RemoteStartTransaction", ACCEPTED)
    assert sent == payload


@pytest.mark.ocpp("1.6", "SetChargingProfile")
@pytest.mark.ocpp("1.6", "ClearChargingProfile")
async def test_what_an_operator_sends_raw_is_learned_too(server: Running) -> None:
    """Also where it makes no sense: then it is sent, and not believed."""
    raw_profile = {
        "chargingProfileId": 4,
        "stackLevel": 0,
        "chargingProfilePurpose": "ChargePointMaxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 20}],
        },
    }
    async with booted(server) as cp:
        for limit in (20, 10**15):
            raw_profile["chargingSchedule"] = {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
            }
            command = Raw(
                action="SetChargingProfile",
                payload={"connectorId": 0, "csChargingProfiles": dict(raw_profile)},
            )
            await asked_and_answered(server, cp, command, "SetChargingProfile", ACCEPTED)
            await knows(server, 4)
        command = Raw(action="ClearChargingProfile", payload={"connectorId": 0})
        await asked_and_answered(server, cp, command, "ClearChargingProfile", ACCEPTED)
        await knows(server)


async def test_a_version_that_cannot_say_it_refuses_the_wish(server: Running) -> None:
    async with booted(server) as cp:
        document = to_document(profile((0, 1), purpose=Purpose.EXTERNAL))
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            await desired.want(tx, CLI, row, kind=profiles.KIND, key="1", wanted=document)
        found = await settles(server, 1, DesiredStatus.REJECTED)
        assert found.reason == "this OCPP version has no profile for external"
        assert cp.calls_of("SetChargingProfile") == []


async def test_two_profiles_of_one_level_are_refused_before_sending(server: Running) -> None:
    async with booted(server, replies={"SetChargingProfile": ACCEPTED}):
        await want(server, profile((0, 16), id=5))
        with pytest.raises(PlatformError, match="Profile 5"):
            await want(server, profile((0, 10), id=6))
        with pytest.raises(PlatformError, match="belongs to a session"):
            await want(server, profile_of(1))
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            assert await profiles.next_id(tx, row.id) == 6


def test_commands_survive_their_row() -> None:
    asked = SetChargingProfile(profile=to_document(profile((0, "0.1"))))
    assert asked.profile["schedule"]["periods"][0]["limit"] == "0.1"
