"""How to sleep, with and without asyncio."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

AsyncSleep = Callable[[float], Awaitable[None]]
Sleep = Callable[[float], None]

async_sleep: Final[AsyncSleep] = asyncio.sleep
sync_sleep: Final[Sleep] = time.sleep
