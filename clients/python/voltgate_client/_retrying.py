"""When a request is sent again, and after how long: rules without any input or output."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx2

from voltgate_client.errors import ApiError, ConnectionFailed, RequestFailed

FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 8.0
LONGEST_RETRY_AFTER_S: Final = 65.0
"""The platform gives tokens back within a minute; who is told to wait longer is told so."""

_TOO_MANY: Final = 429
_FAILED: Final = frozenset({500, 502, 503, 504})
_NEVER_ARRIVED: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Retrying:
    """How often, at most, and with which chance (0 to 1) to spread delays."""

    most: int
    chance: Callable[[], float]

    def delay_s(self, error: RequestFailed, attempt: int, *, repeatable: bool) -> float | None:
        """Return how long to wait before the next attempt; ``None``: there is none.

        Args:
            attempt: The number of the one that failed, from 0.
            repeatable: To carry it out twice is the same as once.
        """
        if attempt >= self.most or not _may_pass(error, repeatable=repeatable):
            return None
        told_s = error.retry_after if isinstance(error, ApiError) else None
        if told_s is None:
            return backoff_s(attempt, self.chance)
        if told_s > LONGEST_RETRY_AFTER_S:
            return None
        return told_s + self.chance() * FIRST_DELAY_S  # so that many do not come back at once


def backoff_s(
    attempt: int, chance: Callable[[], float], *, most_s: float = LONGEST_DELAY_S
) -> float:
    """Return a delay that doubles with each attempt up to *most_s*, shortened by up to a half."""
    full_s = min(most_s, FIRST_DELAY_S * float(1 << min(attempt, 16)))
    return full_s * (1 - chance() / 2)


def _may_pass(error: RequestFailed, *, repeatable: bool) -> bool:
    if isinstance(error, ConnectionFailed):
        return repeatable or isinstance(error.__cause__, _NEVER_ARRIVED)
    if not isinstance(error, ApiError):
        return False
    if error.status == _TOO_MANY:  # has done nothing, whatever it was
        return True
    return repeatable and (error.status in _FAILED or error.code == "request_in_progress")
