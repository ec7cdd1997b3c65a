"""Tokens that all nodes count together: in Redis, each step one script and so atomic.

A hash for each slot of time, with the fields of ``tokens.Counts``. Time is that of Redis. All keys
carry the same hash tag, so that a cluster keeps them in one place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from core.kernel.ids import new_body
from core.partners.tokens import Used, Window

ANSWERS_WITHIN_S: Final = 0.5

_PREFIX: Final = "{voltgate:limits}:"

_TAKE: Final = """
local time = redis.call('TIME')
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
local slot_ms, slots = tonumber(ARGV[1]), tonumber(ARGV[2])
local slot = math.floor(ms / slot_ms)
local allowed = 1
local answer = {ms, 0}
for i = 3, #ARGV, 2 do
  local used, oldest, newest = 0, -1, -1
  for s = slot - slots, slot do
    local count = tonumber(redis.call('HGET', KEYS[1] .. string.format('%d', s), ARGV[i]) or 0)
    if count > 0 then
      used = used + count
      if oldest < 0 then oldest = s end
      newest = s
    end
  end
  if used >= tonumber(ARGV[i + 1]) then allowed = 0 end
  answer[#answer + 1] = used
  answer[#answer + 1] = oldest
  answer[#answer + 1] = newest
end
if allowed == 1 then
  local key = KEYS[1] .. string.format('%d', slot)
  for i = 3, #ARGV, 2 do redis.call('HINCRBY', key, ARGV[i], 1) end
  redis.call('PEXPIRE', key, (slots + 2) * slot_ms)
end
answer[2] = allowed
return answer
"""

_EXCHANGE: Final = """
local time = redis.call('TIME')
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
local slot_ms, slots = tonumber(ARGV[1]), tonumber(ARGV[2])
local slot = math.floor(ms / slot_ms)
local from = math.max(tonumber(ARGV[4]), slot - slots)
redis.call('SET', KEYS[1] .. 'memory', ARGV[3], 'NX')
for i = 5, #ARGV, 3 do
  local key = KEYS[1] .. ARGV[i]
  redis.call('HINCRBY', key, ARGV[i + 1], ARGV[i + 2])
  redis.call('PEXPIRE', key, (slots + 2) * slot_ms)
end
local answer = {ms, redis.call('GET', KEYS[1] .. 'memory')}
for s = from, slot do
  answer[#answer + 1] = s
  answer[#answer + 1] = redis.call('HGETALL', KEYS[1] .. string.format('%d', s))
end
return answer
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a call found: *used* before it, for each of its fields; *at_s*: Redis's time."""

    at_s: float
    allowed: bool
    used: Sequence[Used]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What Redis knows; *memory* is another than before if it has forgotten in between."""

    at_s: float
    memory: str
    slots: dict[int, dict[str, int]]


class SharedTokens:
    """The counts of all nodes; every method may raise one of ``unreachable``."""

    unreachable: Final = (RedisError, OSError, TimeoutError)

    def __init__(self, url: str, window: Window) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=ANSWERS_WITHIN_S,
            socket_connect_timeout=ANSWERS_WITHIN_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._window = (round(window.slot_s * 1000), window.slots)
        self._take = self._redis.register_script(_TAKE)
        self._exchange = self._redis.register_script(_EXCHANGE)

    async def take(self, quotas: Sequence[tuple[str, int]]) -> Taken:
        """Take a token of each field, if each has one left; else take none."""
        asked = [part for pair in quotas for part in pair]
        found: list[int] = await self._take(keys=[_PREFIX], args=[*self._window, *asked])
        used = [
            Used(count=count, oldest=_slot(oldest), newest=_slot(newest))
            for count, oldest, newest in zip(found[2::3], found[3::3], found[4::3], strict=True)
        ]
        return Taken(at_s=found[0] / 1000, allowed=bool(found[1]), used=used)

    async def exchange(self, told: Iterable[tuple[int, str, int]], *, since: int) -> Seen:
        """Add what Redis does not know, and return what it knows of slot *since* and later."""
        added = [part for one in told for part in one]
        found: list[Any] = await self._exchange(
            keys=[_PREFIX], args=[*self._window, new_body(), since, *added]
        )
        slots = {
            int(slot): {
                name.decode(): int(count)
                for name, count in zip(fields[0::2], fields[1::2], strict=True)
            }
            for slot, fields in zip(found[2::2], found[3::2], strict=True)
        }
        return Seen(at_s=found[0] / 1000, memory=found[1].decode(), slots=slots)

    async def close(self) -> None:
        await self._redis.aclose()


def _slot(number: int) -> int | None:
    return None if number < 0 else number
