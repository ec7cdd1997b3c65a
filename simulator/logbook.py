"""What a charger writes into the files it uploads."""

import json

from simulator.clock import timestamp
from simulator.ledger import Payload
from simulator.station import Station

LINES = 500


def file_name(station: Station, *, security: bool) -> str:
    """Return a name no other upload of this charger has had."""
    kind = "security" if security else "diagnostics"
    at = timestamp(station.clock.now()).replace(":", "").replace(".", "")
    plain = "".join(c if c.isalnum() and c.isascii() else "-" for c in station.config.identity)
    return f"{kind}-{plain}-{at}.log"[:255]


def content(station: Station, *, security: bool) -> bytes:
    """Return the last entries, one JSON document a line."""
    entries: list[Payload] = station.security_log
    if not security:
        entries = [
            {"at": timestamp(call.at), "received": call.action, "error": call.error}
            for call in station.ledger.received
        ]
    lines = [json.dumps(entry, separators=(",", ":")) for entry in entries[-LINES:]]
    return "".join(f"{line}\n" for line in lines).encode()
