"""OCPP 2.0.1: translates frames to facts, commands to frames. No rules here."""

from typing import Final

from csms.adapter import Adapter
from csms.ocpp201 import (
    contracts,
    cost,
    customer_information,
    data_transfer,
    display,
    firmware,
    inbound,
    local_list,
    logs,
    monitoring,
    outbound,
    provisioning,
    reservation,
    security,
    smart_charging,
)

OCPP201: Final = Adapter(
    version="2.0.1",
    subprotocol="ocpp2.0.1",
    boots_first=True,
    blocks=(
        inbound.CORE,
        outbound.CORE,
        provisioning.PROVISIONING,
        contracts.CONTRACTS,
        data_transfer.DATA_TRANSFER,
        security.SECURITY,
        smart_charging.SMART_CHARGING,
        cost.COST,
        local_list.LOCAL_LIST,
        firmware.FIRMWARE,
        logs.LOGS,
        monitoring.MONITORING,
        display.DISPLAY,
        customer_information.CUSTOMER_INFORMATION,
        reservation.RESERVATION,
    ),
)
