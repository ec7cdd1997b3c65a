"""What came of one attempt to deliver a webhook."""

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Final

EXCERPT_BYTES: Final = 1024
# Ten digits are 300 years; more are an attack on int().
RETRY_AFTER_DIGITS: Final = 10


class AttemptError(StrEnum):
    """Why there is no usable answer; stable, readable by partners."""

    FORBIDDEN_ADDRESS = "forbidden_address"
    NAME_NOT_RESOLVED = "name_not_resolved"
    CONNECT_FAILED = "connect_failed"
    TLS_FAILED = "tls_failed"
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection_lost"
    INVALID_RESPONSE = "invalid_response"
    RESPONSE_TOO_LARGE = "response_too_large"
    REDIRECT_REFUSED = "redirect_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """One attempt. *error* is ``None`` when a final answer came, whatever its status."""

    status_code: int | None
    duration_ms: int
    excerpt: str  # the first 1 KiB of the answer, control characters escaped
    error: AttemptError | None
    detail: str | None  # a sentence about the error, free of addresses and secrets
    retry_after_s: int | None

    @property
    def is_delivered(self) -> bool:
        """Tell whether the receiver has taken the webhook: a 2xx in time."""
        return self.error is None and self.status_code is not None and is_success(self.status_code)

    @property
    def is_gone(self) -> bool:
        """Tell whether the receiver wants no more of them: 410."""
        return self.status_code == HTTPStatus.GONE


def is_success(status_code: int) -> bool:
    return HTTPStatus.OK <= status_code < HTTPStatus.MULTIPLE_CHOICES


def excerpt_of(body: bytes) -> str:
    """Return the first 1 KiB of *body* as printable text, everything else escaped."""
    text = body[:EXCERPT_BYTES].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def parse_retry_after(value: str, *, now_unix_s: float) -> int | None:
    """Return the seconds of a ``Retry-After`` (RFC 9110 10.2.3), ``None`` for nonsense.

    A date is counted from *now_unix_s*; one that has passed is 0.
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        return int(value) if len(value) <= RETRY_AFTER_DIGITS else None
    try:
        at = parsedate_to_datetime(value)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return max(0, round(at.timestamp() - now_unix_s))
    except (ValueError, OverflowError):
        return None
