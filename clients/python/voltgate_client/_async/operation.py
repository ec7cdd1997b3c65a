"""An operation that knows how to wait for its end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from voltgate_client import models
from voltgate_client._call import Call, path_of
from voltgate_client.errors import NotFinishedInTime
from voltgate_client.models import OperationStatus

if TYPE_CHECKING:
    from voltgate_client._async.sender import AsyncSender

LONGEST_WAIT_S: Final = 30
WITHIN: Final = timedelta(minutes=3)
FINAL: Final = frozenset(
    {
        OperationStatus.SUCCEEDED,
        OperationStatus.FAILED,
        OperationStatus.TIMED_OUT,
        OperationStatus.CANCELLED,
    }
)


class AsyncOperation(models.Operation, frozen=True, kw_only=True, dict=True):
    """What became of a control call, as it was when it was asked for."""

    @property
    def is_final(self) -> bool:
        """Tell whether it has ended; then it does not change any more."""
        return self.status in FINAL

    @property
    def has_succeeded(self) -> bool:
        """Tell whether the charger did it; else ``failure`` says why not."""
        return self.status == OperationStatus.SUCCEEDED

    async def refresh(self) -> AsyncOperation:
        """Return it as it is now."""
        return await self._again(0)

    async def wait(self, *, within: timedelta = WITHIN) -> AsyncOperation:
        """Return it when it is final, whether it succeeded or not.

        Raises:
            NotFinishedInTime: It was not, after *within*; it goes on.
        """
        clock = self._sender.clock
        until_s = clock() + within.total_seconds()
        operation = self
        while not operation.is_final:
            left_s = until_s - clock()
            if left_s <= 0:
                text = f"{self.id} is {operation.status} after {within.total_seconds():g} s"
                raise NotFinishedInTime(text)
            operation = await self._again(max(1, min(LONGEST_WAIT_S, int(left_s))))
        return operation

    async def cancel(self) -> AsyncOperation:
        """Cancel it, if the charger was not asked yet."""
        path = path_of("/v1/operations/{}/cancel", self.id)
        return await self._sender.send(Call(AsyncOperation, "POST", path))

    async def _again(self, wait_s: int) -> AsyncOperation:
        path = path_of("/v1/operations/{}", self.id)
        query = {"wait": wait_s or None}
        return await self._sender.send(
            Call(AsyncOperation, "GET", path, query=query, repeatable=True)
        )

    @property
    def _sender(self) -> AsyncSender:
        sender: AsyncSender = self.__dict__["sender"]
        return sender


def bind(operation: AsyncOperation, sender: AsyncSender) -> None:
    """Let *operation* ask by *sender*."""
    msgspec.structs.force_setattr(operation, "sender", sender)
