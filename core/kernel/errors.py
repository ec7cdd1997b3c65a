"""The error catalogue: every failure the platform expects and can name.

Anything that is not a ``PlatformError`` is a bug: it is logged with a traceback and answered as
an opaque ``internal_error`` (HTTP) or ``InternalError`` (OCPP).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of the catalogue; *code* is part of the public API and never changes."""

    code: str
    status: int
    title: str
    retryable: bool = False


_KINDS: Final = (
    ErrorKind("malformed_json", 400, "The body is not valid JSON"),
    ErrorKind("invalid_parameter", 400, "A parameter has a wrong type, format or value"),
    ErrorKind("unknown_field", 400, "The body names a field that does not exist"),
    ErrorKind("missing_request_id", 400, "Control calls need a request_id"),
    ErrorKind("idempotency_mismatch", 400, "Idempotency-Key and request_id differ"),
    ErrorKind("invalid_cursor", 400, "The cursor is not one of ours for this list"),
    ErrorKind("invalid_credentials", 401, "The API key is missing, wrong, expired or revoked"),
    ErrorKind("signature_required", 401, "This call must be signed"),
    ErrorKind("invalid_signature", 401, "The signature of the request does not verify"),
    ErrorKind("signature_replayed", 401, "The nonce of the signature was used before"),
    ErrorKind("insufficient_scope", 403, "The API key lacks the scope this call needs"),
    ErrorKind("ip_not_allowed", 403, "The API key may not be used from this address"),
    ErrorKind("station_not_granted", 403, "You may see this station but not control it"),
    ErrorKind("partner_suspended", 403, "The partner is suspended"),
    ErrorKind("temporarily_banned", 403, "The partner is banned for a while", retryable=True),
    ErrorKind("test_mode_only", 403, "This call needs a test key"),
    ErrorKind("not_found", 404, "There is no such object"),
    ErrorKind("method_not_allowed", 405, "The address exists, but not with this method"),
    ErrorKind("charger_offline", 409, "The charger is not connected", retryable=True),
    ErrorKind("connector_busy", 409, "The connector is in use", retryable=True),
    ErrorKind("connector_faulted", 409, "The connector reports a fault", retryable=True),
    ErrorKind("connector_reserved", 409, "The connector is reserved", retryable=True),
    ErrorKind("connector_unavailable", 409, "The connector is out of service", retryable=True),
    ErrorKind("session_not_active", 409, "The session is not active"),
    ErrorKind("operation_not_cancellable", 409, "The charger has already been asked"),
    ErrorKind("request_in_progress", 409, "The same request is being handled", retryable=True),
    ErrorKind("conflict", 409, "The object exists already or is in use"),
    ErrorKind("events_expired", 410, "Events after this number have been deleted"),
    ErrorKind("body_too_large", 413, "The body is larger than allowed"),
    ErrorKind("unsupported_media_type", 415, "Send application/json"),
    ErrorKind("idempotency_key_reused", 422, "This request_id was used for another request"),
    ErrorKind("limit_invalid", 422, "A limit is not possible"),
    ErrorKind("expiry_out_of_range", 422, "The expiry is too near or too far"),
    ErrorKind("webhook_url_forbidden", 422, "Webhooks may not be sent to this address"),
    ErrorKind("document_refused", 422, "The document is not of an accepted kind"),
    ErrorKind("payload_invalid", 422, "The payload does not fit the schema of the OCPP action"),
    ErrorKind("rate_limited", 429, "Too many requests", retryable=True),
    ErrorKind("too_many_active_operations", 429, "Too many unfinished operations", retryable=True),
    ErrorKind("abnormal_usage", 429, "The usage looks abnormal", retryable=True),
    ErrorKind("internal_error", 500, "Something went wrong on our side", retryable=True),
    ErrorKind("not_implemented", 501, "This is not available yet"),
    ErrorKind("overloaded", 503, "The platform is overloaded", retryable=True),
    ErrorKind("dependency_unavailable", 503, "A part of the platform is away", retryable=True),
)

CATALOGUE: Final[Mapping[str, ErrorKind]] = {kind.code: kind for kind in _KINDS}


class PlatformError(Exception):
    """A failure with a name from the catalogue.

    Attributes:
        kind: The row of the catalogue.
        detail: What is wrong in this case and what to do; safe to show to the caller.
        facts: Further members of the problem document (``operation_id``, ``retry_after``, ...).
    """

    def __init__(self, code: str, detail: str, **facts: Any) -> None:
        super().__init__(f"{code}: {detail}")
        self.kind = CATALOGUE[code]
        self.detail = detail
        self.facts = facts

    @property
    def code(self) -> str:
        return self.kind.code


def not_found(what: str) -> PlatformError:
    """Return the error for an object that does not exist, or is another's: the same bytes."""
    return PlatformError("not_found", f"No such {what}, or it is not visible to you.")


class DatabaseUnavailable(PlatformError):
    """The database cannot be reached or gave up on the transaction; nothing was written."""

    def __init__(self, detail: str = "The database cannot be reached; try again.") -> None:
        super().__init__("dependency_unavailable", detail, retry_after=2)


class Collided(DatabaseUnavailable):
    """The database gave up on a transaction that was in another's way; done again, it succeeds."""
