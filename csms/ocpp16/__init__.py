"""OCPP 1.6-J: translates frames to facts, commands to frames. No rules here."""

from typing import Final

from csms.adapter import Adapter
from csms.ocpp16.inbound import ACKNOWLEDGED, ROUTES
from csms.ocpp16.outbound import encode, learn, verdict
from csms.protocol import FrameRules

OCPP16: Final = Adapter(
    version="1.6",
    subprotocol="ocpp1.6",
    rules=FrameRules(version="1.6"),
    routes=ROUTES,
    acknowledged=ACKNOWLEDGED,
    boots_first=False,
    encode=encode,
    verdict=verdict,
    learn=learn,
)
