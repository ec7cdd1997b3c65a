"""Lists that get their pages by themselves."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Generic, TypeVar

from voltgate_client._async.sender import AsyncSender
from voltgate_client._call import Call
from voltgate_client.models import Page

T = TypeVar("T")


class AsyncListing(Generic[T]):
    """A list. Nothing is asked for before you iterate, over the items or over ``pages()``."""

    def __init__(self, sender: AsyncSender, call: Call[Page[T]]) -> None:
        self._sender = sender
        self._call = call

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._call.path}>"

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.data:
                yield item

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Yield page by page; at least one."""
        call = self._call
        while True:
            page = await self._sender.send(call)
            yield page
            if not page.has_more:
                return
            onward = {"cursor": page.next_cursor, "after_seq": page.next_seq}
            known = {name: value for name, value in onward.items() if value is not None}
            call = replace(call, query={**call.query, **known})

    async def page(self) -> Page[T]:
        """Return the first page."""
        return await self._sender.send(self._call)

    async def first(self) -> T | None:
        """Return the first item, if there is one."""
        page = await self.page()
        return page.data[0] if page.data else None
