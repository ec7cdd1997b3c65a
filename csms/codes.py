"""The versions spoken and the CALLERROR codes of each.

Source: OCPP-J 1.6 4.2.3, OCPP 2.0.1 part 4 4.3. Version 1.6 keeps two misspelt names for good (its
errata 5.1, 5.2); 2.0.1 corrected the first, 2.1 the second.
"""

from typing import Final, Literal

Version = Literal["1.6", "2.0.1"]

INTERNAL_ERROR: Final = "InternalError"
MESSAGE_TYPE_NOT_SUPPORTED: Final = "MessageTypeNotSupported"
NOT_IMPLEMENTED: Final = "NotImplemented"
NOT_SUPPORTED: Final = "NotSupported"
PROPERTY_VIOLATION: Final = "PropertyConstraintViolation"
PROTOCOL_ERROR: Final = "ProtocolError"
RPC_FRAMEWORK_ERROR: Final = "RpcFrameworkError"
SECURITY_ERROR: Final = "SecurityError"
TYPE_VIOLATION: Final = "TypeConstraintViolation"

FORMAT_VIOLATION: Final[dict[Version, str]] = {
    "1.6": "FormationViolation",
    "2.0.1": "FormatViolation",
}
OCCURRENCE_VIOLATION: Final[dict[Version, str]] = {
    "1.6": "OccurenceConstraintViolation",
    "2.0.1": "OccurenceConstraintViolation",
}
