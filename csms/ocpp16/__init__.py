"""OCPP 1.6-J: translates frames to facts, commands to frames. No rules here."""

from typing import Final

from csms.adapter import Adapter
from csms.ocpp16 import (
    configuration,
    data_transfer,
    firmware,
    id_tags,
    inbound,
    local_list,
    logs,
    outbound,
    reservation,
    security,
    smart_charging,
)

OCPP16: Final = Adapter(
    version="1.6",
    subprotocol="ocpp1.6",
    boots_first=False,
    blocks=(
        inbound.CORE,
        outbound.CORE,
        configuration.CONFIGURATION,
        id_tags.AUTHORIZATION,
        data_transfer.DATA_TRANSFER,
        security.SECURITY,
        smart_charging.SMART_CHARGING,
        local_list.LOCAL_LIST,
        firmware.FIRMWARE,
        logs.LOGS,
        reservation.RESERVATION,
    ),
)
