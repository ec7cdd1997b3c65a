"""OCPP 1.6 firmware: UpdateFirmware, the signed update of the security extension, their trains."""

from typing import Final

from core.commands.firmware import UpdateFirmware
from csms.adapter import Block, Route
from csms.protocol import Payload
from csms.raw_transfers import learn_of_update
from csms.upkeep import StatusNotified, firmware_of, firmware_status, named, replaced_or_refused


def update_firmware(wanted: UpdateFirmware) -> tuple[str, Payload]:
    """Return UpdateFirmware, or SignedUpdateFirmware where there is a signature."""
    retries = named({"retries": wanted.retries, "retryInterval": wanted.retry_s})
    if wanted.signature is not None:
        signed = {"requestId": wanted.request, "firmware": firmware_of(wanted)}
        return "SignedUpdateFirmware", retries | signed
    if wanted.install_at is not None:
        raise ValueError("UpdateFirmware of OCPP 1.6 has no install_at; leave it out or sign")
    plain = {"location": wanted.location, "retrieveDate": wanted.retrieve_at}
    return "UpdateFirmware", retries | plain


FIRMWARE: Final = Block(
    routes={
        action: Route(message=StatusNotified, handle=firmware_status)
        for action in ("FirmwareStatusNotification", "SignedFirmwareStatusNotification")
    },
    encoders={UpdateFirmware: update_firmware},
    learners={"SignedUpdateFirmware": learn_of_update, "UpdateFirmware": learn_of_update},
    judges={"SignedUpdateFirmware": replaced_or_refused},
)
