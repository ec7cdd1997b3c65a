"""OCPP 1.6-J: translates frames to facts, commands to frames. No rules here."""

from typing import Final

from csms.adapter import Adapter
from csms.ocpp16 import inbound, outbound

OCPP16: Final = Adapter(
    version="1.6",
    subprotocol="ocpp1.6",
    boots_first=False,
    blocks=(inbound.CORE, outbound.CORE),
    acknowledged=inbound.ACKNOWLEDGED,
)
