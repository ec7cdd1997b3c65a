"""Steps of scenario files that concern the protocol more than the driver."""

import hashlib
from pathlib import Path
from typing import Any

from simulator.certificates import STATION_CERTIFICATE, V2G_CERTIFICATE, hash_data, parse_chain
from simulator.charger import SimulatedCharger
from simulator.ledger import Payload
from simulator.loading import ScenarioError
from simulator.security import request_certificate
from simulator.step import Step, step

KINDS = {"station": STATION_CERTIFICATE, "v2g": V2G_CERTIFICATE}
EXI = "gJgCQ1VSUkVOVA=="
"""An opaque request of a car; the station never reads it."""


def _only_201(charger: SimulatedCharger) -> None:
    if charger.station.config.version != "2.0.1":
        raise ScenarioError("only a 2.0.1 station does that")


async def security_event(charger: SimulatedCharger, *, event: str, info: str | None = None) -> None:
    charger.security_event(event, info)


async def request_new_certificate(charger: SimulatedCharger, *, kind: str = "station") -> None:
    if kind not in KINDS:
        raise ScenarioError(f"no kind {kind!r}; there are {', '.join(KINDS)}")
    request_certificate(charger.station, KINDS[kind])


async def set_value(charger: SimulatedCharger, *, name: str, value: str) -> None:
    try:
        charger.set_value(name, str(value))
    except LookupError as error:
        raise ScenarioError(str(error)) from error


async def charging_limit(
    charger: SimulatedCharger, *, limit_w: float, connector: int = 0, source: str = "EMS"
) -> None:
    if charger.station.config.version == "2.0.1":
        from simulator.v201 import iso15118

        iso15118.limit(charger.station, connector, float(limit_w), source=source)
    else:
        charger.limit(float(limit_w), number=connector)


async def clear_limit(
    charger: SimulatedCharger, *, connector: int = 0, source: str = "EMS"
) -> None:
    if charger.station.config.version == "2.0.1":
        from simulator.v201 import iso15118

        iso15118.lift(charger.station, connector, source=source)
    else:
        charger.limit(None, number=connector)


async def data_transfer(
    charger: SimulatedCharger, *, vendor: str, message: str | None = None, data: Any = None
) -> None:
    payload: Payload = {"vendorId": vendor}
    if message is not None:
        payload["messageId"] = message
    if data is not None:
        payload["data"] = data
    await charger.call("DataTransfer", payload)


async def contract(
    charger: SimulatedCharger,
    *,
    token: str,
    certificate: str | None = None,
    responder: str = "http://ocsp.invalid/",
) -> None:
    """Without a certificate file the OCSP data of an invented one are sent."""
    _only_201(charger)
    from simulator.v201 import iso15118

    await iso15118.authorize_contract(
        charger.station, token, certificate=None, hashes=[_ocsp(certificate, responder)]
    )


async def ev_certificate(charger: SimulatedCharger, *, update: bool = False) -> None:
    _only_201(charger)
    from simulator.v201 import iso15118

    await iso15118.get_ev_certificate(charger.station, update=update, exi=EXI)


async def certificate_status(
    charger: SimulatedCharger,
    *,
    certificate: str | None = None,
    responder: str = "http://ocsp.invalid/",
) -> None:
    _only_201(charger)
    from simulator.v201 import iso15118

    await iso15118.certificate_status(charger.station, _ocsp(certificate, responder))


def _ocsp(certificate: str | None, responder: str) -> Payload:
    if certificate is not None:
        chain = parse_chain(Path(certificate).read_text(encoding="ascii"))
        return {**hash_data(chain[0], chain[1:]), "responder_url": responder}
    invented = hashlib.sha256(b"contract").hexdigest()
    return {
        "hash_algorithm": "SHA256",
        "issuer_name_hash": invented,
        "issuer_key_hash": invented,
        "serial_number": "1a2b",
        "responder_url": responder,
    }


PROTOCOL_STEPS: dict[str, Step] = {
    "security_event": step(security_event, "a security event is reported", "event", "info"),
    "request_certificate": step(
        request_new_certificate, "a new key; its certificate is asked for", "", "kind"
    ),
    "set_value": step(set_value, "a setting or measured variable has a value", "name value"),
    "charging_limit": step(
        charging_limit, "an energy manager limits the power", "limit_w", "connector source"
    ),
    "clear_limit": step(clear_limit, "that limit is lifted", "", "connector source"),
    "data_transfer": step(data_transfer, "a DataTransfer", "vendor", "message data"),
    "contract": step(contract, "2.0.1: a contract is authorized", "token", "certificate responder"),
    "ev_certificate": step(
        ev_certificate, "2.0.1: a car wants its contract certificate", "", "update"
    ),
    "certificate_status": step(
        certificate_status, "2.0.1: OCSP status is asked for", "", "certificate responder"
    ),
}
