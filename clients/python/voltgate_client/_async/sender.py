"""Sends calls: with the key, again where that helps, and makes models of the answers."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import httpx2
import msgspec

from voltgate_client._async.operation import AsyncOperation, bind
from voltgate_client._call import Call
from voltgate_client._events import typed
from voltgate_client._io import AsyncSleep
from voltgate_client._retrying import Retrying
from voltgate_client._wire import Bearer, Outgoing, Wire, connection_failed
from voltgate_client.errors import RequestFailed, UnexpectedAnswer, error_of
from voltgate_client.models import Event, Page

T = TypeVar("T")

log: Final = logging.getLogger("voltgate_client")


class AsyncSender:
    """What all resources of one client send with."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        wire: Wire,
        retrying: Retrying,
        *,
        sleep: AsyncSleep,
        clock: Callable[[], float],
    ) -> None:
        self.http = http
        self.retrying = retrying
        self.sleep = sleep
        self.clock = clock
        self._wire = wire

    async def send(self, call: Call[T]) -> T:
        """Return the answer to *call*.

        Raises:
            RequestFailed: There was none, or no good one, as often as it was tried.
        """
        request = self._wire.request(call)
        attempt = 0
        while True:
            try:
                content = await self._once(request, call.token)
                break
            except RequestFailed as failed:
                delay_s = self.retrying.delay_s(failed, attempt, repeatable=call.repeatable)
                if delay_s is None:
                    failed.sent_request_id = request.request_id
                    raise
                log.info("%s %s again in %.1f s: %s", call.method, call.path, delay_s, failed)
            await self.sleep(delay_s)
            attempt += 1
        return self.read(call, content)

    def read(self, call: Call[T], content: bytes) -> T:
        """Return *content* as what *call* is answered with.

        Raises:
            UnexpectedAnswer: It is something else.
        """
        return self._finished(decoded(call.answer, content))

    @asynccontextmanager
    async def streaming(
        self, call: Call[Any], last_id: str | None
    ) -> AsyncIterator[httpx2.EventSource]:
        """Open a stream of events, after *last_id*.

        Raises:
            RequestFailed: It was refused or broke; also while it is read.
        """
        request = self._wire.stream(call, last_id)
        try:
            async with self.http.stream(auth=self._auth(call.token), **request.arguments) as answer:
                if not answer.is_success:
                    raise error_of(answer.status_code, answer.headers, await answer.aread())
                yield httpx2.EventSource(answer)
        except httpx2.TransportError as exc:
            raise connection_failed(exc) from exc

    async def _once(self, request: Outgoing, token: str | None) -> bytes:
        try:
            answer = await self.http.request(auth=self._auth(token), **request.arguments)
        except httpx2.TransportError as exc:
            raise connection_failed(exc) from exc
        if not answer.is_success:
            raise error_of(answer.status_code, answer.headers, answer.content)
        return answer.content

    def _auth(self, token: str | None) -> Bearer:
        return self._wire.auth if token is None else Bearer(token)

    def _finished(self, answer: T) -> T:
        """Give operations their sender, and events their objects."""
        for part in answer.data if isinstance(answer, Page) else [answer]:
            if isinstance(part, AsyncOperation):
                bind(part, self)
            elif isinstance(part, Event):
                typed(part)
        return answer


def decoded(kind: type[T], content: bytes) -> T:
    """Return *content* as *kind*.

    Raises:
        UnexpectedAnswer: It is something else.
    """
    if kind is bytes:
        return content  # type: ignore[return-value]
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as exc:
        raise UnexpectedAnswer(f"the answer is not as described: {exc}") from exc
