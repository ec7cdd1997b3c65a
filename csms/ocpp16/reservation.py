"""OCPP 1.6 5.13: ReserveNow for any connector and for a group; the answers to it."""

from typing import Final

from core.commands.reservation import Hold
from csms import reserving
from csms.adapter import Block
from csms.protocol import Payload


def hold(wanted: Hold) -> tuple[str, Payload]:
    """Return the call; ``ValueError`` for a type of connector: 1.6 knows none."""
    if wanted.connector_type is not None:
        raise ValueError("OCPP 1.6 reserves no connector by its type")
    payload: Payload = {
        "connectorId": wanted.evse or 0,
        "expiryDate": wanted.expires_at,
        "idTag": wanted.token,
    }
    if wanted.group_token is not None:
        payload["parentIdTag"] = wanted.group_token
    return "ReserveNow", payload | {"reservationId": wanted.reservation}


RESERVATION: Final = Block(
    encoders={Hold: hold},
    learners={
        "ReserveNow": reserving.learn_of_hold,
        "CancelReservation": reserving.learn_of_release,
    },
)
