"""What of a request is the same with and without asyncio: address, headers, timeouts, ids."""

import platform
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx2

from voltgate_client._call import Call
from voltgate_client._version import __version__
from voltgate_client.errors import ConnectionFailed
from voltgate_client.signing import Signer

CONNECT_TIMEOUT_S: Final = 5.0
SILENT_FOR_S: Final = 45.0
"""A stream says something every 15 s; so much longer without it is a broken connection."""

USER_AGENT: Final = f"voltgate-client/{__version__} python/{platform.python_version()}"


class Bearer(httpx2.Auth):
    """The header with a key, and the signature, if any; ``repr`` does not show it."""

    requires_request_body = True

    def __init__(self, key: str | None, signer: Signer | None = None) -> None:
        self._key = key
        self._signer = signer

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        if self._key is not None:
            request.headers["Authorization"] = f"Bearer {self._key}"
        if self._signer is not None:
            signed = self._signer(request.method, str(request.url), request.content)
            request.headers.update(signed)
        yield request

    def __repr__(self) -> str:
        return "<Bearer>"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request that is sent as often as need be, with the same ``request_id``."""

    arguments: dict[str, Any]
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Wire:
    """How requests of one client look.

    Attributes:
        base_url: Without a slash at the end.
        timeout_s: How long the platform may be silent, besides what it was asked to wait.
        new_id: Makes a ``request_id``.
    """

    base_url: str
    auth: Bearer
    timeout_s: float
    new_id: Callable[[], str]

    def request(self, call: Call[Any]) -> Outgoing:
        """Return what to send for *call*; a control call without a ``request_id`` gets one."""
        request_id = None
        if call.is_control and call.body is not None:
            request_id = call.body["request_id"] or self.new_id()
            call = replace(call, body={**call.body, "request_id": request_id})
        return Outgoing(self._arguments(call, self.timeout_s + call.wait_s), request_id)

    def stream(self, call: Call[Any], last_id: str | None) -> Outgoing:
        """Return what to send for a stream of events that goes on after *last_id*."""
        arguments = self._arguments(call, SILENT_FOR_S)
        if last_id is not None:
            arguments["headers"]["Last-Event-ID"] = last_id
        return Outgoing(arguments, None)

    def _arguments(self, call: Call[Any], silent_s: float) -> dict[str, Any]:
        headers = {"User-Agent": USER_AGENT, "Accept": "*/*"}
        content = call.encoded()
        if content is not None:
            kind = "octet-stream" if call.content is not None else "json"
            headers["Content-Type"] = f"application/{kind}"
        return {
            "method": call.method,
            "url": self.base_url + call.path,
            "params": call.parameters(),
            "content": content,
            "headers": headers,
            "timeout": httpx2.Timeout(silent_s, connect=CONNECT_TIMEOUT_S),
            "follow_redirects": False,  # the key is for this address
        }


def new_request_id() -> str:
    """Return an id that nobody else has."""
    return f"py-{uuid.uuid4().hex}"


def connection_failed(exc: httpx2.TransportError) -> ConnectionFailed:
    """Return what *exc* is for the caller."""
    return ConnectionFailed(f"no answer: {str(exc) or type(exc).__name__}")
