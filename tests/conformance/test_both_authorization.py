"""What chargers are told of id tokens (OCPP 1.6 4.1, 4.8; 2.0.1 block C)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conformance.support import allow, booted, charger_of
from tests.csms.live import AT, RawCharger, Running

LATER = datetime(2090, 1, 1, tzinfo=UTC)
AUTHORIZE = [pytest.mark.ocpp("1.6", "Authorize"), pytest.mark.ocpp("2.0.1", "Authorize")]
pytestmark = AUTHORIZE


async def authorize(cp: RawCharger, token: str, kind: str = "ISO14443") -> dict[str, Any]:
    if cp.version == "1.6":
        info = (await cp.result("Authorize", {"idTag": token}))["idTagInfo"]
    else:
        asked = {"idToken": {"idToken": token, "type": kind}}
        info = (await cp.result("Authorize", asked))["idTokenInfo"]
    assert isinstance(info, dict)
    return info


async def start(cp: RawCharger, token: str, *, place: int, ref: str = "T1") -> str:
    if cp.version == "1.6":
        asked = {"connectorId": place, "idTag": token, "meterStart": 0, "timestamp": AT}
        return str((await cp.result("StartTransaction", asked))["idTagInfo"]["status"])
    event = {
        "eventType": "Started",
        "timestamp": AT,
        "triggerReason": "Authorized",
        "seqNo": 0,
        "transactionInfo": {"transactionId": ref},
        "evse": {"id": place, "connectorId": 1},
        "idToken": {"idToken": token, "type": "ISO14443"},
    }
    return str((await cp.result("TransactionEvent", event))["idTokenInfo"]["status"])


async def test_the_expiry_and_the_group_of_a_token_are_told(server: Running, version: str) -> None:
    await allow(server, "0A0B0C0D", expires_at=LATER, group_token="FLEET", group_kind="Local")
    async with booted(server, version) as cp:
        expected: dict[str, Any] = {
            "1.6": {
                "expiryDate": "2090-01-01T00:00:00.000Z",
                "parentIdTag": "FLEET",
                "status": "Accepted",
            },
            "2.0.1": {
                "status": "Accepted",
                "cacheExpiryDateTime": "2090-01-01T00:00:00.000Z",
                "groupIdToken": {"idToken": "FLEET", "type": "Local"},
            },
        }
        assert await authorize(cp, "0a0b0c0d") == expected[version]


async def test_each_reason_to_refuse_has_the_word_of_the_version(
    server: Running, version: str
) -> None:
    now = server.db.now()
    await allow(server, "BLOCKED", blocked=True)
    await allow(server, "EXPIRED", expires_at=now - timedelta(days=1))
    await allow(server, "TOMORROW", valid_from=now + timedelta(days=1))
    await allow(server, "ELSEWHERE", places=["st_somewhere_else"])
    words = {
        "1.6": ["Blocked", "Expired", "Invalid", "Invalid", "Invalid"],
        "2.0.1": ["Blocked", "Expired", "NotAtThisTime", "NotAtThisLocation", "Unknown"],
    }
    async with booted(server, version) as cp:
        tokens = ("BLOCKED", "EXPIRED", "TOMORROW", "ELSEWHERE", "NOBODY")
        found = [(await authorize(cp, token))["status"] for token in tokens]
        assert found == words[version]


async def test_a_token_of_a_place_is_good_there(server: Running, version: str) -> None:
    await server.add_charger("CP-1")
    row = await charger_of(server)
    await allow(server, "HERE", places=[row.id])
    async with booted(server, version) as cp:
        assert (await authorize(cp, "HERE"))["status"] == "Accepted"


@pytest.mark.ocpp("1.6", "StartTransaction")
@pytest.mark.ocpp("2.0.1", "TransactionEvent")
async def test_a_token_has_as_many_sessions_at_a_time_as_it_may(
    server: Running, version: str
) -> None:
    await allow(server, "ONE", max_sessions=1)
    async with booted(server, version) as cp:
        assert await start(cp, "ONE", place=1) == "Accepted"
        assert await start(cp, "ONE", place=1) == "Accepted"  # the same again
        assert (await authorize(cp, "ONE"))["status"] == "Accepted"  # it may want to stop
        assert await start(cp, "ONE", place=2, ref="T2") == "ConcurrentTx"


@pytest.mark.ocpp("1.6", "StartTransaction")
@pytest.mark.ocpp("2.0.1", "TransactionEvent")
async def test_a_master_pass_is_good_to_stop_and_starts_nothing(
    server: Running, version: str
) -> None:
    await allow(server, "MASTER", master_pass=True, group_token="MASTERGROUP")
    await allow(server, "DRIVER", group_token="MASTERGROUP")
    async with booted(server, version) as cp:
        assert await start(cp, "DRIVER", place=2, ref="T0") == "Accepted"
        info = await authorize(cp, "MASTER")
        assert info["status"] == "Accepted"
        group = info["parentIdTag"] if version == "1.6" else info["groupIdToken"]["idToken"]
        assert group == "MASTERGROUP"
        assert await start(cp, "MASTER", place=1) == "Invalid"


@pytest.mark.parametrize("version", ["1.6"])
async def test_a_master_pass_with_nothing_to_end_is_refused_where_it_would_start(
    server: Running, version: str
) -> None:
    """A charge point of 1.6 takes an accepted token as one that may charge."""
    await allow(server, "MASTER", master_pass=True, group_token="MASTERGROUP")
    await allow(server, "DRIVER", group_token="MASTERGROUP")
    await allow(server, "OTHER", group_token="OTHERS")
    async with booted(server, version) as cp:
        assert (await authorize(cp, "MASTER"))["status"] == "Invalid"
        assert await start(cp, "OTHER", place=1) == "Accepted"
        assert (await authorize(cp, "MASTER"))["status"] == "Invalid"
        asked = {"connectorId": 2, "idTag": "DRIVER", "meterStart": 0, "timestamp": AT}
        answer = await cp.result("StartTransaction", asked)
        assert (await authorize(cp, "MASTER"))["status"] == "Accepted"
        stop = {"transactionId": answer["transactionId"], "idTag": "MASTER", "meterStop": 10}
        ended = await cp.result("StopTransaction", {**stop, "timestamp": AT})
        assert ended["idTagInfo"] == {"parentIdTag": "MASTERGROUP", "status": "Accepted"}
        assert (await authorize(cp, "MASTER"))["status"] == "Invalid"


@pytest.mark.parametrize("version", ["2.0.1"])
async def test_a_station_that_knows_master_passes_is_told_of_one_at_any_time(
    server: Running, version: str
) -> None:
    await allow(server, "MASTER", master_pass=True, group_token="MASTERGROUP")
    async with booted(server, version) as cp:
        info = await authorize(cp, "MASTER")
        assert (info["status"], info["groupIdToken"]["idToken"]) == ("Accepted", "MASTERGROUP")
        assert await start(cp, "MASTER", place=1) == "Invalid"


@pytest.mark.ocpp("1.6", "StartTransaction")
@pytest.mark.ocpp("2.0.1", "TransactionEvent")
async def test_a_token_of_some_evses_starts_at_those_only(server: Running, version: str) -> None:
    await allow(server, "SECOND", evses=[2])
    refused = "Invalid" if version == "1.6" else "NotAtThisLocation"
    async with booted(server, version) as cp:
        assert (await authorize(cp, "SECOND"))["status"] == "Accepted"  # it tells no place
        assert await start(cp, "SECOND", place=1) == refused
        assert await start(cp, "SECOND", place=2, ref="T2") == "Accepted"


@pytest.mark.parametrize("version", ["2.0.1"])
async def test_everything_that_a_station_can_show_is_told(server: Running, version: str) -> None:
    message = {"format": "UTF8", "language": "de", "content": "Guten Tag"}
    await allow(
        server,
        "DE-ABC-C12345678-9",
        kind="eMAID",
        evses=[2, 1],
        language1="de",
        language2="en",
        charging_priority=-3,
        personal_message=message,
    )
    async with booted(server, version) as cp:
        assert await authorize(cp, "de-abc-c12345678-9", "eMAID") == {
            "status": "Accepted",
            "chargingPriority": -3,
            "language1": "de",
            "evseId": [1, 2],
            "language2": "en",
            "personalMessage": message,
        }


@pytest.mark.parametrize("version", ["2.0.1"])
async def test_what_is_on_a_card_cannot_be_typed_in(server: Running, version: str) -> None:
    await allow(server, "04AB12CD", kind="ISO14443")
    await allow(server, "2580", kind="KeyCode")
    async with booted(server, version) as cp:
        assert (await authorize(cp, "04AB12CD", "KeyCode"))["status"] == "Unknown"
        assert (await authorize(cp, "2580", "Local"))["status"] == "Unknown"
        assert (await authorize(cp, "2580", "KeyCode"))["status"] == "Accepted"
        assert (await authorize(cp, "04AB12CD", "Central"))["status"] == "Accepted"


@pytest.mark.parametrize("version", ["2.0.1"])
@pytest.mark.parametrize(
    ("kind", "token"),
    [
        ("Central", "any text"),
        ("eMAID", "DEABCC123456789"),
        ("eMAID", "no such contract"),
        ("ISO14443", "04AB12CD34EF56"),
        ("ISO14443", "not hex"),
        ("ISO15693", "E004010012345678"),
        ("ISO15693", "E0"),
        ("KeyCode", "1234"),
        ("Local", "button-1"),
        ("MacAddress", "001122AABBCC"),
        ("MacAddress", "00:11:22:aa:bb:cc"),
    ],
)
async def test_each_type_of_token_is_taken_also_where_it_looks_odd(
    server: Running, version: str, kind: str, token: str
) -> None:
    await allow(server, token, kind=kind)
    async with booted(server, version) as cp:
        extra = {"additionalInfo": [{"additionalIdToken": "printed", "type": "card"}]}
        asked = {"idToken": {"idToken": token, "type": kind} | extra}
        answer = await cp.result("Authorize", asked)
        assert answer["idTokenInfo"]["status"] == "Accepted"


@pytest.mark.parametrize("version", ["2.0.1"])
async def test_nobody_authorizes_without_a_token(server: Running, version: str) -> None:
    async with booted(server, version) as cp:
        assert (await authorize(cp, "", "NoAuthorization"))["status"] == "Invalid"
        assert (await authorize(cp, "", "Central"))["status"] == "Invalid"
