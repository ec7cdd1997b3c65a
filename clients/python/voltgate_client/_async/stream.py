"""Server-sent events: what happens, as it happens, over as many connections as it takes."""

from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from voltgate_client._async.sender import AsyncSender, log
from voltgate_client._call import Call
from voltgate_client._retrying import backoff_s
from voltgate_client.errors import ApiError, ConnectionFailed, RequestFailed

T = TypeVar("T")

LONGEST_PAUSE_S: Final = 30.0
_REFUSED: Final = frozenset({400, 401, 403, 404, 422})
"""What another attempt would be answered with, too; anything else may pass."""


class AsyncStream(Generic[T]):
    """What happens, for ever. A connection that breaks is made anew where it was.

    A context, too, which closes the connection.

    Attributes:
        last_id: Of the last one that you dealt with; ``None``: none has come.
    """

    def __init__(self, sender: AsyncSender, call: Call[T]) -> None:
        self.last_id: str | None = None
        self._sender = sender
        self._call = call
        self._items = self._follow()

    @property
    def after_seq(self) -> int | None:
        """Return the number to keep in order to go on later, where things are numbered."""
        if self.last_id is not None:
            return int(self.last_id) if self.last_id.isdecimal() else None
        began: int | None = self._call.query.get("after_seq")
        return began

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._items.aclose()

    def __aiter__(self) -> AsyncIterator[T]:
        return self._items

    async def _follow(self) -> AsyncGenerator[T, None]:
        failures = 0
        while True:
            try:
                async for id_, item in self._connection():
                    failures = 0
                    yield item
                    self.last_id = id_
                reason = "it has ended"
            except RequestFailed as failed:
                if not _may_pass(failed):
                    raise
                reason = str(failed)
            chance = self._sender.retrying.chance
            pause_s = backoff_s(failures, chance, most_s=LONGEST_PAUSE_S)
            log.info("%s is opened again in %.1f s: %s", self._call.path, pause_s, reason)
            await self._sender.sleep(pause_s)
            failures += 1

    async def _connection(self) -> AsyncGenerator[tuple[str, Any], None]:
        async with self._sender.streaming(self._call, self.last_id) as source:
            async for sent in source:
                if sent.data:
                    yield sent.id, self._sender.read(self._call, sent.data.encode())
                elif sent.id:  # where it begins, before anything has happened
                    self.last_id = sent.id


def _may_pass(failed: RequestFailed) -> bool:
    if isinstance(failed, ApiError):
        return failed.status not in _REFUSED
    return isinstance(failed, ConnectionFailed)
