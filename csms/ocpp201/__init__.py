"""OCPP 2.0.1: translates frames to facts, commands to frames. No rules here."""

from typing import Final

from csms.adapter import Adapter
from csms.ocpp201.inbound import ACKNOWLEDGED, ROUTES
from csms.ocpp201.outbound import encode, learn, verdict
from csms.protocol import FrameRules

OCPP201: Final = Adapter(
    version="2.0.1",
    subprotocol="ocpp2.0.1",
    rules=FrameRules(version="2.0.1"),
    routes=ROUTES,
    acknowledged=ACKNOWLEDGED,
    boots_first=True,
    encode=encode,
    verdict=verdict,
    learn=learn,
)
