"""OCPP 2.0.1 H01: ReserveNow for any EVSE, a type of connector, a group; the answers to it."""

from typing import Final

from core.commands.reservation import Hold
from csms import reserving
from csms.adapter import Block
from csms.protocol import Payload


def hold(wanted: Hold) -> tuple[str, Payload]:
    payload: Payload = {
        "id": wanted.reservation,
        "expiryDateTime": wanted.expires_at,
        "idToken": {"idToken": wanted.token, "type": wanted.token_kind},
    }
    if wanted.connector_type is not None:
        payload["connectorType"] = wanted.connector_type
    if wanted.evse:
        payload["evseId"] = wanted.evse
    if wanted.group_token is not None:
        payload["groupIdToken"] = {"idToken": wanted.group_token, "type": wanted.group_kind}
    return "ReserveNow", payload


RESERVATION: Final = Block(
    encoders={Hold: hold},
    learners={
        "ReserveNow": reserving.learn_of_hold,
        "CancelReservation": reserving.learn_of_release,
    },
)
