"""Meter values of OCPP 2.0.1 (J01 to J03): everything is kept, what can be money is checked."""

from typing import Any

import pytest

from csms import schemas
from tests.conformance.support import booted, quarantined, the_session
from tests.csms.live import AT, Running
from tests.csms.test_transactions16 import readings_of
from tests.csms.test_transactions201 import event

V = "2.0.1"
SIGNED = {
    "signedMeterData": "T0NNRnx7IkZWIjoiMS4wIn0=",
    "signingMethod": "ECDSA-secp256r1-SHA256",
    "encodingMethod": "OCMF",
    "publicKey": "MFkwEwYHKoZIzj0CAQ==",
}


def values(*samples: dict[str, Any], at: str = AT) -> list[dict[str, Any]]:
    return [{"timestamp": at, "sampledValue": list(samples)}]


def options(name: str) -> list[str]:
    found: list[str] = schemas._schema(V, "MeterValues", "request")["definitions"][name]["enum"]
    return found


@pytest.mark.ocpp(V, "TransactionEvent")
async def test_e_signed_meter_values_are_kept_word_for_word(server: Running) -> None:
    """In Started, Updated and Ended; the plain number beside the signature is the register."""
    async with booted(server, V) as cp:
        for seq, (kind, context, wh) in enumerate(
            [
                ("Started", "Transaction.Begin", 100.5),
                ("Updated", "Sample.Periodic", 300),
                ("Ended", "Transaction.End", 1100),
            ]
        ):
            sample = {"value": wh, "context": context, "signedMeterValue": SIGNED}
            message = event(kind, seq, minute=seq, meterValue=values(sample))
            assert await cp.result("TransactionEvent", message) == {}
        session = await the_session(server)
        kept = await readings_of(server, session.id)
    assert session.energy_wh == 1000
    assert [one.samples[0]["signedMeterValue"] for one in kept] == [SIGNED] * 3
    assert [one.samples[0]["value"] for one in kept] == [100.5, 300, 1100]
    assert await quarantined(server) == []


@pytest.mark.ocpp(V, "TransactionEvent")
async def test_a_signature_without_its_key_costs_nobody_the_reading(server: Running) -> None:
    """PublicKeyWithSignedMeterValue says Never, so stations leave the key out."""
    lacking = {name: value for name, value in SIGNED.items() if name != "publicKey"}
    async with booted(server, V) as cp:
        for seq, (kind, wh) in enumerate([("Started", 0), ("Ended", 1000)]):
            sample = {"value": wh, "signedMeterValue": lacking}
            message = event(kind, seq, minute=seq, meterValue=values(sample))
            assert await cp.result("TransactionEvent", message) == {}
        session = await the_session(server)
        kept = await readings_of(server, session.id)
    assert session.energy_wh == 1000
    assert len(kept) == 2


@pytest.mark.ocpp(V, "MeterValues")
@pytest.mark.ocpp(V, "TransactionEvent")
async def test_j01_every_measurand_phase_context_and_location_is_kept(server: Running) -> None:
    samples = [
        *({"value": 1, "measurand": one} for one in options("MeasurandEnumType")),
        *({"value": 1, "phase": one} for one in options("PhaseEnumType")),
        *({"value": 1, "context": one} for one in options("ReadingContextEnumType")),
        *({"value": 1, "location": one} for one in options("LocationEnumType")),
    ]
    async with booted(server, V) as cp:
        await cp.result("TransactionEvent", event("Started", 0, state="Charging"))
        payload = {"evseId": 1, "meterValue": values(*samples)}
        assert await cp.result("MeterValues", payload) == {}
        (kept,) = await readings_of(server, (await the_session(server)).id)
    assert kept.samples == samples
    assert (kept.energy_wh, kept.power_w, kept.soc_percent) == (1, 1, 1)
    assert await quarantined(server) == []


@pytest.mark.ocpp(V, "TransactionEvent")
@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1500, {}, 1500),
        (1.5, {"unit": "kWh"}, 1500),
        (15, {"unit": "Wh", "multiplier": 2}, 1500),
        (1500, {"unit": "kWh", "multiplier": -3}, 1500),
        (1500, {"multiplier": 0}, 1500),
        (1, {"unit": "varh"}, None),
        (1, {"multiplier": 99}, None),
    ],
)
async def test_j02_units_and_multipliers(
    server: Running, value: float, unit: dict[str, Any], expected: int | None
) -> None:
    async with booted(server, V) as cp:
        sample = {"value": value, "unitOfMeasure": unit}
        message = event("Started", 0, state="Charging", meterValue=values(sample))
        await cp.result("TransactionEvent", message)
        (kept,) = await readings_of(server, (await the_session(server)).id)
    assert kept.energy_wh == expected
    assert kept.samples == [sample]


@pytest.mark.ocpp(V, "TransactionEvent")
async def test_the_context_of_a_reading_is_that_of_its_register(server: Running) -> None:
    """Power sampled in the same breath does not hide that the register is that of the start."""
    power = {"value": 0, "measurand": "Power.Active.Import", "context": "Sample.Periodic"}
    async with booted(server, V) as cp:
        begin = {"value": 100, "context": "Transaction.Begin"}
        message = event("Started", 0, meterValue=[*values(power, begin), *values({"value": 90})])
        await cp.result("TransactionEvent", message)
        session = await the_session(server)
        kept = await readings_of(server, session.id)
    assert session.meter_start_wh == 100
    assert "Transaction.Begin" in {one.context for one in kept}
