"""The client itself."""

import os
import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import httpx2

from voltgate_client._async.api import AsyncApi
from voltgate_client._async.sender import AsyncSender
from voltgate_client._io import AsyncSleep, async_sleep
from voltgate_client._retrying import Retrying
from voltgate_client._wire import Bearer, Wire, new_request_id
from voltgate_client.signing import Signer

API_KEY: Final = "VOLTGATE_API_KEY"
API_URL: Final = "VOLTGATE_API_URL"
TIMEOUT_S: Final = 30.0
RETRIES: Final = 3


class AsyncVoltgate(AsyncApi):
    """The partner API. Keep one for as long as you need it; close it, or use it as a context.

    Args:
        api_key: Else ``VOLTGATE_API_KEY``. What needs no key works without one.
        base_url: Else ``VOLTGATE_API_URL``.
        max_retries: How often a call is sent again after what may pass.
        timeout_s: How long the platform may be silent.
        signer: Signs each attempt, such as a ``RequestSigner``.
        http: A client of your own (proxies, certificates); you close it.
        sleep: For tests.
        clock: Seconds that only go forward; for tests.
        chance: From 0 to 1, to spread delays; for tests.
        new_request_id: Makes the ids of control calls.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        max_retries: int = RETRIES,
        timeout_s: float = TIMEOUT_S,
        signer: Signer | None = None,
        http: httpx2.AsyncClient | None = None,
        sleep: AsyncSleep = async_sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        new_request_id: Callable[[], str] = new_request_id,
    ) -> None:
        address = (base_url or os.environ.get(API_URL, "")).rstrip("/")
        if not address.startswith(("https://", "http://")):
            raise ValueError(f"give base_url, or set {API_URL}: https://...")
        self._base_url = address
        self._http = http or httpx2.AsyncClient()
        self._is_own = http is None
        wire = Wire(
            base_url=address,
            auth=Bearer(api_key or os.environ.get(API_KEY), signer),
            timeout_s=timeout_s,
            new_id=new_request_id,
        )
        retrying = Retrying(max_retries, chance)
        super().__init__(AsyncSender(self._http, wire, retrying, sleep=sleep, clock=clock))

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
        """Close its connections."""
        if self._is_own:
            await self._http.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._base_url}>"
