"""The life of an operation and of a reservation: the tables are the machines."""

from enum import StrEnum
from typing import Final

from core.kernel.machine import Machine


class OperationType(StrEnum):
    START_CHARGE = "start_charge"
    STOP_CHARGE = "stop_charge"
    RESERVE = "reserve"
    CANCEL_RESERVATION = "cancel_reservation"
    UNLOCK_CONNECTOR = "unlock_connector"


class OperationStatus(StrEnum):
    """Status of an operation; the last four are final."""

    ACCEPTED = "accepted"
    """Durable; the charger has not been asked."""
    IN_PROGRESS = "in_progress"
    """The request is on its way to the charger, or was answered with Accepted."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


class Stage(StrEnum):
    """How far an operation has come; finer than the status."""

    QUEUED = "queued"
    SENT_TO_CHARGER = "sent_to_charger"
    ACCEPTED_BY_CHARGER = "accepted_by_charger"
    WAITING_FOR_VEHICLE = "waiting_for_vehicle"
    STARTED = "started"
    STOPPED = "stopped"
    RESERVED = "reserved"
    UNLOCKED = "unlocked"
    RELEASED = "released"


MACHINE: Final = Machine(
    {
        OperationStatus.ACCEPTED: frozenset(
            {
                OperationStatus.IN_PROGRESS,
                # A stop whose session ends by itself before the charger was asked.
                OperationStatus.SUCCEEDED,
                OperationStatus.FAILED,
                OperationStatus.TIMED_OUT,
                OperationStatus.CANCELLED,
            }
        ),
        OperationStatus.IN_PROGRESS: frozenset(
            {
                # StartTransaction may overtake the answer to RemoteStart.
                OperationStatus.SUCCEEDED,
                OperationStatus.FAILED,
                OperationStatus.TIMED_OUT,
            }
        ),
        OperationStatus.SUCCEEDED: frozenset(),
        OperationStatus.FAILED: frozenset(),
        OperationStatus.TIMED_OUT: frozenset(),
        OperationStatus.CANCELLED: frozenset(),
    }
)

ACHIEVED: Final = {
    OperationType.START_CHARGE: Stage.STARTED,
    OperationType.STOP_CHARGE: Stage.STOPPED,
    OperationType.RESERVE: Stage.RESERVED,
    OperationType.CANCEL_RESERVATION: Stage.RELEASED,
    OperationType.UNLOCK_CONNECTOR: Stage.UNLOCKED,
}
"""The stage of an operation that succeeded."""


class ReservationStatus(StrEnum):
    PENDING = "pending"
    """The charger has not confirmed it."""
    ACTIVE = "active"
    USED = "used"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUSED = "refused"


RESERVATION_MACHINE: Final = Machine(
    {
        ReservationStatus.PENDING: frozenset(
            {
                ReservationStatus.ACTIVE,
                ReservationStatus.REFUSED,
                ReservationStatus.CANCELLED,
                ReservationStatus.EXPIRED,
            }
        ),
        ReservationStatus.ACTIVE: frozenset(
            {ReservationStatus.USED, ReservationStatus.EXPIRED, ReservationStatus.CANCELLED}
        ),
        ReservationStatus.USED: frozenset(),
        ReservationStatus.EXPIRED: frozenset(),
        ReservationStatus.CANCELLED: frozenset(),
        ReservationStatus.REFUSED: frozenset(),
    }
)


class Responsible(StrEnum):
    """Who caused a failure (OP-8)."""

    PLATFORM = "platform"
    PARTNER = "partner"
    CHARGER = "charger"
    VEHICLE = "vehicle"
    DRIVER = "driver"


class FailureCode(StrEnum):
    CHARGER_REJECTED = "charger_rejected"
    CHARGER_NO_RESPONSE = "charger_no_response"
    CHARGER_DISCONNECTED = "charger_disconnected"
    EVSE_OCCUPIED = "evse_occupied"
    EVSE_INOPERATIVE = "evse_inoperative"
    EVSE_RESERVED = "evse_reserved"
    VEHICLE_NOT_CONNECTED = "vehicle_not_connected"
    AUTHORIZATION_REJECTED = "authorization_rejected"
    NOT_SUPPORTED = "not_supported"
    UNKNOWN_TRANSACTION = "unknown_transaction"
    UNKNOWN_RESERVATION = "unknown_reservation"
    CHARGER_ERROR = "charger_error"
    CONFIRM_TIMEOUT = "confirm_timeout"
    INTERNAL_ERROR = "internal_error"
