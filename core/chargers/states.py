"""What a charger and a connector can be; plain words, no protocol's."""

from enum import StrEnum
from typing import Final

from core.kernel.machine import Machine


class Registration(StrEnum):
    """Whether a charger may work here."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    """Nobody registered it, or an operator holds it back; an operator has to approve it."""
    REJECTED = "rejected"
    DISABLED = "disabled"


REGISTRATION: Final = Machine(
    {
        Registration.PENDING: frozenset({Registration.ACCEPTED, Registration.REJECTED}),
        Registration.ACCEPTED: frozenset({Registration.DISABLED, Registration.PENDING}),
        Registration.REJECTED: frozenset({Registration.ACCEPTED}),
        Registration.DISABLED: frozenset({Registration.ACCEPTED}),
    }
)
"""Who may follow whom; a removed charger moves no more."""


class ConnectorStatus(StrEnum):
    """Status of a connector as partners see it."""

    AVAILABLE = "available"
    PREPARING = "preparing"
    CHARGING = "charging"
    SUSPENDED_EV = "suspended_ev"
    SUSPENDED_EVSE = "suspended_evse"
    FINISHING = "finishing"
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"
    UNKNOWN = "unknown"


BUSY = frozenset(
    {
        ConnectorStatus.CHARGING,
        ConnectorStatus.SUSPENDED_EV,
        ConnectorStatus.SUSPENDED_EVSE,
    }
)
"""Energy flows or could flow: nobody else can start here."""


IN_USE = BUSY | {ConnectorStatus.PREPARING, ConnectorStatus.FINISHING}
"""A vehicle is there."""


class RefusalReason(StrEnum):
    """Why a charger may not connect; the charger itself is never told."""

    UNKNOWN_IDENTITY = "unknown_identity"
    INVALID_IDENTITY = "invalid_identity"
    TOO_MANY_PENDING = "too_many_pending"
    MISSING_PASSWORD = "missing_password"  # noqa: S105 - a reason
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a reason
    NO_CREDENTIAL = "no_credential"
    INSECURE_PROFILE = "insecure_profile"
    PROFILE_NOT_ALLOWED = "profile_not_allowed"
    MISSING_CERTIFICATE = "missing_certificate"
    CERTIFICATE_UNREADABLE = "certificate_unreadable"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_NOT_YET_VALID = "certificate_not_yet_valid"
    CERTIFICATE_REVOKED = "certificate_revoked"
    CERTIFICATE_UNFIT = "certificate_unfit"
    WRONG_CERTIFICATE_NAME = "wrong_certificate_name"
    WRONG_ORGANISATION = "wrong_organisation"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    DISABLED = "disabled"
    REJECTED = "rejected"
    TOO_MANY_FAILURES = "too_many_failures"
    NO_COMMON_SUBPROTOCOL = "no_common_subprotocol"
    SOCKET_IN_USE = "socket_in_use"
    WRONG_PATH = "wrong_path"


class TokenStatus(StrEnum):
    """Whether an id token may charge."""

    ACCEPTED = "accepted"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    INVALID = "invalid"
    """Not meant for what it was used for."""
    UNKNOWN = "unknown"
    CONCURRENT = "concurrent"
    """Already charging elsewhere."""
    NOT_HERE = "not_here"
    """Good at other places."""
    NOT_NOW = "not_now"
    """Good later."""
