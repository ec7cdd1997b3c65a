"""Who has used up its limit, remembered for a moment: the next refusal costs next to nothing.

Only who keeps calling although it is refused is answered from here, and only for a moment: then one
call goes the whole way again. So whatever an operator changes is felt at once by everybody else,
and after that moment by who hammers.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from core.kernel.clock import Clock
from core.kernel.errors import PlatformError
from core.partners.service import Caller
from core.partners.tokens import Bucket, Verdict

FRESH_S: Final = 0.25
"""So long an answer is repeated."""

PATIENCE: Final = 10
"""So many refusals in a row are found out the long way."""

FORGET_S: Final = 5.0
"""After so long without a refusal it begins anew."""

MAX_REMEMBERED: Final = 10_000


@dataclass(slots=True)
class Refusal:
    """The last refusal of a caller: what it was told, and how often in a row."""

    caller: Caller
    verdict: Verdict
    error: PlatformError
    at_s: float
    in_a_row: int


_Key = tuple[bytes, str, Bucket]


class Refusals:
    """The callers that are out of tokens, by their key, address and bucket."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[_Key, Refusal] = OrderedDict()

    def find(self, credentials: bytes, address: str, *buckets: Bucket) -> Refusal | None:
        """Return the refusal to repeat, if there is one.

        One call after each moment gets none, and finds out whether it still holds.
        """
        if not self._known:
            return None
        now = self._clock.monotonic()
        for bucket in buckets:
            found = self._known.get((credentials, address, bucket))
            if found is None or found.in_a_row < PATIENCE:
                continue
            if now - found.at_s < FRESH_S:
                found.in_a_row += 1
                return found
            if now - found.at_s < FORGET_S:
                found.at_s = now  # the others are refused while this one looks
        return None

    def remember(
        self,
        credentials: bytes,
        address: str,
        caller: Caller,
        verdict: Verdict,
        error: PlatformError,
    ) -> None:
        """Note that a call was refused the long way."""
        now = self._clock.monotonic()
        key = (credentials, address, verdict.scarcest.bucket)
        before = self._known.pop(key, None)
        in_a_row = 1
        if before is not None and now - before.at_s < FORGET_S:
            in_a_row = before.in_a_row + 1
        self._known[key] = Refusal(caller, verdict, error, now, in_a_row)
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)

    def forget(self, credentials: bytes, address: str, *buckets: Bucket) -> None:
        """Note that a call had its tokens."""
        if self._known:
            for bucket in buckets:
                self._known.pop((credentials, address, bucket), None)
