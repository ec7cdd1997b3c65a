"""How often a partner may call: a token bucket for each, in this process."""

import math
from dataclasses import dataclass

from core.kernel.clock import Clock

WINDOW_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What is left to a partner; *reset_s*: until all of it is there again."""

    allowed: bool
    quota: int
    remaining: int
    reset_s: int
    retry_after_s: int

    def headers(self) -> dict[str, str]:
        """Return the headers of draft-ietf-httpapi-ratelimit-headers."""
        return {
            "RateLimit-Policy": f'"default";q={self.quota};w={WINDOW_S}',
            "RateLimit": f'"default";r={self.remaining};t={self.reset_s}',
        }


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Limiter:
    """The buckets of this process, each full at first and refilled all the time."""

    def __init__(self, clock: Clock, *, per_minute: int) -> None:
        self._clock = clock
        self._quota = per_minute
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str, *, always: bool = False) -> Allowance:
        """Take one request of *key*; with *always* it is allowed even if nothing is left."""
        now = self._clock.monotonic()
        bucket = self._buckets.setdefault(key, _Bucket(self._quota, now))
        per_s = self._quota / WINDOW_S
        tokens = min(self._quota, bucket.tokens + max(0.0, now - bucket.at) * per_s)
        enough = tokens >= 1
        bucket.tokens = tokens - 1 if enough else tokens
        bucket.at = now
        return Allowance(
            allowed=enough or always,
            quota=self._quota,
            remaining=int(bucket.tokens),
            reset_s=math.ceil((self._quota - bucket.tokens) / per_s),
            retry_after_s=max(1, math.ceil((1 - bucket.tokens) / per_s)),
        )
