"""The life of a charger's request for a certificate: the table is the machine."""

from enum import StrEnum
from typing import Final

from core.kernel.machine import Machine


class RequestStatus(StrEnum):
    """How far a certificate signing request is."""

    OPEN = "open"
    """Accepted; waits for the signer."""
    SIGNED = "signed"
    """The certificate is on its way to the charger."""
    INSTALLED = "installed"
    """The charger took it."""
    REJECTED = "rejected"
    """The charger refused the certificate."""
    FAILED = "failed"
    """The signer would not, or could not for too long."""
    SUPERSEDED = "superseded"
    """The charger asked again before this was done."""
    REFUSED = "refused"
    """The request itself was not acceptable; the charger was told so at once."""


MACHINE: Final = Machine(
    {
        RequestStatus.OPEN: frozenset(
            {RequestStatus.SIGNED, RequestStatus.FAILED, RequestStatus.SUPERSEDED}
        ),
        RequestStatus.SIGNED: frozenset(
            {RequestStatus.INSTALLED, RequestStatus.REJECTED, RequestStatus.SUPERSEDED}
        ),
        RequestStatus.REJECTED: frozenset({RequestStatus.INSTALLED}),
        RequestStatus.INSTALLED: frozenset(),
        RequestStatus.FAILED: frozenset(),
        RequestStatus.SUPERSEDED: frozenset(),
        RequestStatus.REFUSED: frozenset(),
    }
)


class CertificateUse(StrEnum):
    """What a charger's own certificate is for."""

    CHARGING_STATION = "charging_station"
    """It authenticates the charger here (security profile 3)."""
    V2G = "v2g"
    """It authenticates the charger to vehicles (ISO 15118)."""


class RootUse(StrEnum):
    """What a certificate installed in a charger lets it trust."""

    CSMS = "csms"
    """This platform (OCPP 1.6: the central system)."""
    MANUFACTURER = "manufacturer"
    V2G = "v2g"
    MOBILITY_OPERATOR = "mobility_operator"
    V2G_CHAIN = "v2g_chain"
    """The charger's own chain for vehicles; reported, never installed by us."""


class Origin(StrEnum):
    """How we know a charger's certificate."""

    ISSUED = "issued"
    SEEN = "seen"
    """It logged in with it."""
