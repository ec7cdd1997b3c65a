"""OCPP 2.0.1: translates frames to facts, commands to frames. No rules here."""

from typing import Final

from csms.adapter import Adapter
from csms.ocpp201 import inbound, outbound

OCPP201: Final = Adapter(
    version="2.0.1",
    subprotocol="ocpp2.0.1",
    boots_first=True,
    blocks=(inbound.CORE, outbound.CORE),
    acknowledged=inbound.ACKNOWLEDGED,
)
