"""What can go wrong, as exceptions. All are a ``VoltgateError``."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec


class VoltgateError(Exception):
    """Anything that this package raises on purpose."""


class InvalidSignature(VoltgateError):
    """A webhook was not signed with this secret just now; answer it with 401."""


class NotFinishedInTime(VoltgateError):
    """An operation was not final when the time to wait for it was over; it goes on."""


class RequestFailed(VoltgateError):
    """A request brought no good answer.

    Attributes:
        sent_request_id: The ``request_id`` of a control call. If it is not known what became of
            it, make the same call with it again: it is carried out once.
    """

    sent_request_id: str | None = None


class ConnectionFailed(RequestFailed):
    """There was no answer: no connection, a broken one, or none in time."""


class UnexpectedAnswer(RequestFailed):
    """The answer is not one of the partner API: a proxy's page, another version."""


class ErrorDetail(msgspec.Struct, frozen=True):
    """One mistake of a request; *pointer* is a JSON pointer into its body, or ``/query/limit``."""

    pointer: str = ""
    detail: str = ""


class ApiError(RequestFailed):
    """The API refused a request, with a problem document (RFC 9457).

    Attributes:
        status: Of HTTP.
        code: What to match on; it never changes. ``docs/partners/errors.md`` lists them.
        detail: What is wrong in this case and what to do, for people.
        request_id: Name it when you ask the operator.
        retryable: The same request may work later.
        retry_after: In so many seconds, if the platform said.
        errors: What is wrong with which field.
        problem: The whole document, with what only some codes have.
    """

    def __init__(
        self, status: int, problem: Mapping[str, Any], *, retry_after: float | None
    ) -> None:
        self.status = status
        self.problem = dict(problem)
        self.code = str(problem.get("code", "unknown"))
        self.detail = str(problem.get("detail", ""))
        self.request_id: str | None = problem.get("request_id")
        self.retryable = problem.get("retryable") is True
        self.retry_after = retry_after
        self.errors: Sequence[ErrorDetail] = _details(problem.get("errors"))
        super().__init__(self._text())

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (type(self), self.status, self.problem, self.retry_after)

    def _text(self) -> str:
        wrong = "".join(f"\n  {one.pointer}: {one.detail}" for one in self.errors)
        asked = f" ({self.request_id})" if self.request_id else ""
        return f"{self.status} {self.code}: {self.detail}{asked}{wrong}"


class InvalidRequest(ApiError):
    """The request cannot be carried out as it is: 400, 405, 413, 415, 422."""


class RequestIdReused(InvalidRequest):
    """The ``request_id`` belongs to another request; ``operation_id`` is what that one made."""

    @property
    def operation_id(self) -> str | None:
        found: str | None = self.problem.get("operation_id")
        return found


class AuthenticationFailed(ApiError):
    """The API key is missing, wrong, expired or revoked: 401."""


class PermissionDenied(ApiError):
    """The key or the partner may not do this: 403."""


class NotFound(ApiError):
    """There is no such object, or it is not yours: 404."""


class Conflict(ApiError):
    """The state of things does not allow it: 409."""


class ConnectorNotReady(Conflict):
    """The connector cannot be used at present; another one may, or this one later."""


class RateLimited(ApiError):
    """Too much at once: 429."""


class ServerError(ApiError):
    """The platform failed, or a part of it is away: 5xx."""


_OF_CODE: Final[Mapping[str, type[ApiError]]] = {
    "charger_offline": ConnectorNotReady,
    "connector_busy": ConnectorNotReady,
    "connector_faulted": ConnectorNotReady,
    "connector_reserved": ConnectorNotReady,
    "connector_unavailable": ConnectorNotReady,
    "idempotency_key_reused": RequestIdReused,
}
_OF_STATUS: Final[Mapping[int, type[ApiError]]] = {
    401: AuthenticationFailed,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}
_FIRST_OF_SERVER: Final = 500


def error_of(status: int, headers: Mapping[str, str], content: bytes) -> RequestFailed:
    """Return the exception for an answer that is no success."""
    try:
        problem = msgspec.json.decode(content)
    except msgspec.DecodeError:
        problem = None
    retry_after = _seconds(headers.get("retry-after", ""))
    if not isinstance(problem, dict) or "code" not in problem:
        if status >= _FIRST_OF_SERVER:  # of a proxy in between
            return ServerError(status, {"code": "unknown"}, retry_after=retry_after)
        return UnexpectedAnswer(f"{status} without a problem document; is this a partner API?")
    kind = _OF_CODE.get(str(problem["code"])) or _OF_STATUS.get(status)
    if kind is None:
        kind = ServerError if status >= _FIRST_OF_SERVER else InvalidRequest
    return kind(status, problem, retry_after=retry_after)


def _remade(
    kind: type[ApiError], status: int, problem: Mapping[str, Any], retry_after: float | None
) -> ApiError:
    """Return an exception that was sent to another process."""
    return kind(status, problem, retry_after=retry_after)


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() else None


def _details(found: object) -> Sequence[ErrorDetail]:
    try:
        return tuple(msgspec.convert(found or [], list[ErrorDetail]))
    except msgspec.ValidationError:
        return ()
