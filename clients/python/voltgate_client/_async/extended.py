"""What resources can do besides the calls of the API."""

from collections.abc import AsyncIterator
from datetime import timedelta

from voltgate_client._async.operation import WITHIN, AsyncOperation
from voltgate_client._async.resources import AsyncEventsCalls, AsyncOperationsCalls
from voltgate_client.models import Event, EventType


class AsyncOperations(AsyncOperationsCalls):
    """``client.operations``."""

    async def find(self, request_id: str) -> AsyncOperation | None:
        """Return the operation of a ``request_id``, if it made one."""
        return await self.list(request_id=request_id).first()

    async def wait(self, operation_id: str, *, within: timedelta = WITHIN) -> AsyncOperation:
        """Return an operation when it is final, whether it succeeded or not.

        Raises:
            NotFinishedInTime: It was not, after *within*; it goes on.
        """
        operation = await self.get(operation_id)
        return await operation.wait(within=within)


class AsyncEvents(AsyncEventsCalls):
    """``client.events``."""

    def feed(self, *, after_seq: int = 0, type: EventType | str | None = None) -> "AsyncFeed":
        """Return what happened after *after_seq*, and each time you iterate what is new since."""
        return AsyncFeed(self, after_seq=after_seq, type=type)


class AsyncFeed:
    """Events in their order; ``after_seq`` is what to keep in order to go on later."""

    def __init__(
        self, events: AsyncEvents, *, after_seq: int, type: EventType | str | None
    ) -> None:
        self.after_seq = after_seq
        self._events = events
        self._type = type

    async def __aiter__(self) -> AsyncIterator[Event]:
        pages = self._events.list(after_seq=self.after_seq, type=self._type, limit=200).pages()
        async for page in pages:
            for event in page.data:
                yield event
                self.after_seq = event.seq  # once you have dealt with it
            self.after_seq = max(self.after_seq, page.next_seq or 0)
