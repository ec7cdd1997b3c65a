"""Security events, and certificates the charger asks for."""

import logging
from datetime import datetime
from functools import partial

from simulator import certificates
from simulator.certificates import STATION_CERTIFICATE, V2G_CERTIFICATE
from simulator.clock import timestamp
from simulator.ledger import Payload
from simulator.outbox import ask
from simulator.power import cut
from simulator.station import Station
from simulator.telling import may_speak, tell
from simulator.tls import CLIENT_CERTIFICATE_PROFILE
from simulator.wire import Disconnected, NoAnswer, Refused, payload_of

log = logging.getLogger("simulator")
INVALID_CERTIFICATE = {
    "1.6": "InvalidChargePointCertificate",
    "2.0.1": "InvalidChargingStationCertificate",
}


def security_event(station: Station, type_: str, info: str | None = None) -> None:
    """Write a security event into the log and report it (OCPP 2.0.1 A04)."""
    at: datetime = station.clock.now()
    entry: Payload = {"type": type_, "timestamp": timestamp(at), "techInfo": info}
    station.security_log.append(entry)
    request = station.dialect.security_event(type_, timestamp(at), info)

    async def work() -> None:
        await tell(station, request)

    station.spawn(work())


def request_certificate(station: Station, use: str = STATION_CERTIFICATE) -> None:
    """Make a key and ask for its certificate, now and again until it comes (A02.FR.17-19)."""
    old = station.jobs.get(use)
    if old is not None:
        old.cancel()
    station.jobs[use] = station.spawn(_ask_for_certificate(station, use))


async def _ask_for_certificate(station: Station, use: str) -> None:
    csr = certificates.new_csr(
        station.certificates,
        use,
        name=station.config.identity,
        organization=station.settings.text(station.dialect.names["organization"]),
    )
    wait_s = float(station.number("signing_wait_s"))
    for _ in range(station.number("signing_repeats") + 1):
        await may_speak(station)
        try:
            answer = await ask(station, *payload_of(station.dialect.sign_certificate(csr, use)))
        except (Disconnected, NoAnswer, Refused):
            answer = {}
        if answer and answer.get("status") != "Accepted":
            return
        await station.clock.sleep(wait_s)
        if use not in station.certificates.waiting:
            return
        wait_s *= 2


def certificate_signed(station: Station, chain_pem: str, use: str = STATION_CERTIFICATE) -> bool:
    """Use a signed certificate, from a new connection on; or refuse it and say so (A02, A03)."""
    taken = certificates.take_signed(station.certificates, use, chain_pem, now=station.clock.now())
    if not taken:
        station.then(partial(security_event, station, INVALID_CERTIFICATE[station.dialect.version]))
        return False
    job = station.jobs.pop(use, None)
    if job is not None:
        job.cancel()
    profile = station.config.security_profile
    if use != V2G_CERTIFICATE and profile >= CLIENT_CERTIFICATE_PROFILE:
        station.then(lambda: cut(station, away_s=0.0))
    return True


def install(station: Station, use: str, pem: str) -> str:
    """Take a CA certificate; return the answer."""
    return certificates.install(
        station.certificates,
        use,
        pem,
        limit=station.config.switches.certificates_max,
        now=station.clock.now(),
    )
