"""Meter values of OCPP 1.6 (4.7, 7.28 to 7.43): all is kept, what can be money is checked."""

from typing import Any

import pytest

from csms import schemas
from tests.conformance.support import booted, quarantined, the_session
from tests.csms.live import AT, RawCharger, Running
from tests.csms.test_transactions16 import readings_of

V = "1.6"
SIGNED = {
    "value": 'OCMF|{"FV":"1.0","RD":[{"RV":12345.6}]}|{"SD":"3045022100"}',
    "format": "SignedData",
    "context": "Transaction.End",
    "measurand": "Energy.Active.Import.Register",
}


def values(*samples: dict[str, Any], at: str = AT) -> list[dict[str, Any]]:
    return [{"timestamp": at, "sampledValue": list(samples)}]


async def start(cp: RawCharger) -> int:
    payload = {"connectorId": 1, "idTag": "T1", "meterStart": 0, "timestamp": AT}
    return int((await cp.result("StartTransaction", payload))["transactionId"])


def options(member: str) -> list[str]:
    node = schemas._schema(V, "MeterValues", "request")["properties"]["meterValue"]["items"]
    sample = node["properties"]["sampledValue"]["items"]["properties"]
    found: list[str] = sample[member]["enum"]
    return found


@pytest.mark.ocpp(V, "MeterValues")
@pytest.mark.ocpp(V, "StopTransaction")
async def test_signed_data_is_kept_word_for_word_and_never_a_number(server: Running) -> None:
    async with booted(server, V) as cp:
        number = await start(cp)
        digits = SIGNED | {"value": "99999999"}
        payload = {"connectorId": 1, "transactionId": number, "meterValue": values(digits)}
        assert await cp.result("MeterValues", payload) == {}
        stop = {
            "transactionId": number,
            "meterStop": 500,
            "timestamp": "2026-11-21T10:30:00Z",
            "transactionData": values(SIGNED, {"value": "500"}, at="2026-11-21T10:30:00Z"),
        }
        await cp.result("StopTransaction", stop)
        session = await the_session(server)
        kept = await readings_of(server, session.id)
    assert session.energy_wh == 500
    assert [one.samples[0] for one in kept] == [digits, SIGNED]
    assert [one.energy_wh for one in kept] == [None, 500]
    assert await quarantined(server) == []


@pytest.mark.ocpp(V, "MeterValues")
async def test_every_measurand_phase_context_location_and_unit_is_kept(server: Running) -> None:
    samples = [
        *({"value": "1", "measurand": one} for one in options("measurand")),
        *({"value": "1", "phase": one} for one in options("phase")),
        *({"value": "1", "context": one} for one in options("context")),
        *({"value": "1", "location": one} for one in options("location")),
        *({"value": "1", "unit": one} for one in options("unit")),
    ]
    async with booted(server, V) as cp:
        number = await start(cp)
        payload = {"connectorId": 1, "transactionId": number, "meterValue": values(*samples)}
        assert await cp.result("MeterValues", payload) == {}
        (kept,) = await readings_of(server, (await the_session(server)).id)
    assert kept.samples == samples
    assert (kept.energy_wh, kept.power_w, kept.soc_percent) == (1, 1, 1)
    assert await quarantined(server) == []
