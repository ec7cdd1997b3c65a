"""Cars that speak ISO 15118, limits from elsewhere (OCPP 2.0.1 C07, K12-K17, M01-M06).

Each function returns the answer of the central system and raises ``Disconnected``, ``NoAnswer`` or
``Refused``.
"""

from datetime import timedelta
from typing import Any

from ocpp.v201 import call
from ocpp.v201 import enums as e
from ocpp.v201.datatypes import IdTokenType

from simulator import smart
from simulator.clock import timestamp
from simulator.dialect import Draft
from simulator.ledger import Payload, Transaction
from simulator.outbox import ask, report
from simulator.station import Authorization, Connector, Station
from simulator.telling import tell
from simulator.wire import Disconnected, NoAnswer, Refused, payload_of

SCHEMA_VERSION = "urn:iso:15118:2:2013:MsgDef"
SCHEDULE_TUPLES = 3


def attach(station: Station) -> None:
    """Let cars name their needs when they begin to charge, if they speak ISO 15118."""

    def started(
        connector: Connector, transaction: Transaction, authorization: Authorization
    ) -> None:
        if station.settings.flag("ISO15118Ctrlr.Enabled"):
            station.spawn(_negotiate(station, connector, transaction))

    station.on_start.append(started)


async def _negotiate(station: Station, connector: Connector, transaction: Transaction) -> None:
    try:
        answer = await ask(station, *payload_of(charging_needs(station, connector)))
    except (Disconnected, NoAnswer, Refused):
        return
    if answer.get("status") == "Accepted" and connector.transaction is transaction:
        await tell(station, ev_schedule(station, connector))


def charging_needs(station: Station, connector: Connector) -> Any:
    """Return NotifyEVChargingNeeds of the car at a connector."""
    vehicle, config = station.config.vehicle, station.config
    soc = connector.car.soc_percent if connector.car else vehicle.soc_percent
    departure = station.clock.now() + timedelta(seconds=config.switches.departure_s)
    most_a = max(6, round(vehicle.max_power_w / (config.voltage_v * config.phases)))
    needs: Any = {
        "requested_energy_transfer": e.EnergyTransferModeEnumType.ac_three_phase,
        "departure_time": timestamp(departure),
        "ac_charging_parameters": {
            "energy_amount": round(vehicle.capacity_wh * (100 - soc) / 100),
            "ev_min_current": 6,
            "ev_max_current": most_a,
            "ev_max_voltage": config.voltage_v,
        },
    }
    return call.NotifyEVChargingNeeds(
        charging_needs=needs, evse_id=connector.id, max_schedule_tuples=SCHEDULE_TUPLES
    )


def ev_schedule(station: Station, connector: Connector) -> Any:
    """Return NotifyEVChargingSchedule: the car does what the profiles allow."""
    duration_s = int(station.config.switches.departure_s)
    found = smart.composite(station, connector.id, duration_s=duration_s, unit="W")
    schedule: Any = {
        "id": 1,
        "charging_rate_unit": "W",
        "charging_schedule_period": found.periods if found else [],
        "duration": duration_s,
    }
    return call.NotifyEVChargingSchedule(
        time_base=timestamp(station.clock.now()), charging_schedule=schedule, evse_id=connector.id
    )


def limit(station: Station, evse: int, limit_w: float, *, source: str) -> None:
    """Let an energy manager limit the station (0) or an EVSE, and report it (K12)."""
    smart.limit_outside(station, evse, limit_w)
    schedule: Any = {
        "id": 1,
        "charging_rate_unit": "W",
        "charging_schedule_period": [{"start_period": 0, "limit": limit_w}],
    }
    charging_limit: Any = {"charging_limit_source": source, "is_grid_critical": False}
    with_schedule = station.settings.flag("SmartChargingCtrlr.NotifyChargingLimitWithSchedules")
    request = call.NotifyChargingLimit(
        charging_limit=charging_limit,
        charging_schedule=[schedule] if with_schedule else None,
        evse_id=evse or None,
    )
    report(station, Draft(request=request))


def lift(station: Station, evse: int, *, source: str) -> None:
    """Lift that limit and report it (K13)."""
    smart.limit_outside(station, evse, None)
    kind = e.ChargingLimitSourceEnumType(source)
    report(station, Draft(request=call.ClearedChargingLimit(kind, evse or None)))


async def authorize_contract(
    station: Station, token: str, *, certificate: str | None, hashes: Any
) -> Payload:
    """Ask for a contract: the certificate, or its OCSP data, beside the eMAID (C07)."""
    request = call.Authorize(
        id_token=IdTokenType(id_token=token, type=e.IdTokenEnumType.e_maid),
        certificate=certificate,
        iso15118_certificate_hash_data=hashes,
    )
    return await ask(station, *payload_of(request))


async def get_ev_certificate(station: Station, *, update: bool, exi: str) -> Payload:
    """Ask for a contract certificate to be installed or updated in the car (M01, M02)."""
    action = "Update" if update else "Install"
    payload = {"iso15118SchemaVersion": SCHEMA_VERSION, "action": action, "exiRequest": exi}
    return await ask(station, "Get15118EVCertificate", payload)


async def certificate_status(station: Station, hashes: Any) -> Payload:
    """Ask for the OCSP status of a V2G certificate (M06)."""
    request = call.GetCertificateStatus(ocsp_request_data=hashes)
    return await ask(station, *payload_of(request))
