"""Why the station answers as it does."""

from ocpp.v201.datatypes import StatusInfoType


def because(reason: str) -> StatusInfoType:
    """Return StatusInfo with a reason code of OCPP 2.0.1 appendix 5 (20 characters at most)."""
    return StatusInfoType(reason_code=reason)
