"""How often logins of chargers may fail (S6): counted in memory, by each node for itself."""

from collections import OrderedDict, deque
from typing import Final

from core.kernel.clock import Clock

WINDOW_S: Final = 60.0
KEYS_KEPT: Final = 20_000


class LoginLimit:
    """Failures of the last minute by identity and by address.

    Memory is bounded: beyond *KEYS_KEPT* the ones that failed longest ago are forgotten.
    """

    def __init__(self, clock: Clock, *, per_identity: int, per_address: int) -> None:
        self._clock = clock
        self._identities = _Failures(per_identity)
        self._addresses = _Failures(per_address)

    def is_over(self, identity: str, address: str) -> bool:
        """Tell whether logins of *identity*, or any from *address*, are refused now."""
        now_s = self._clock.monotonic()
        return self._identities.is_over(identity.lower(), now_s) or self._addresses.is_over(
            address, now_s
        )

    def failed(self, identity: str, address: str) -> None:
        """Count a failed login."""
        now_s = self._clock.monotonic()
        self._identities.add(identity.lower(), now_s)
        self._addresses.add(address, now_s)


class ConnectionLimit:
    """Handshakes of the last minute by address; memory is bounded as in ``LoginLimit``."""

    def __init__(self, clock: Clock, per_address: int) -> None:
        self._clock = clock
        self._limit = per_address
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def is_over(self, address: str) -> bool:
        """Count a handshake from *address*; tell whether it is one too many."""
        now_s = self._clock.monotonic()
        since_s, count = self._counts.get(address, (now_s, 0))
        if now_s - since_s >= WINDOW_S:
            since_s, count = now_s, 0
        self._counts[address] = (since_s, count + 1)
        self._counts.move_to_end(address)
        while len(self._counts) > KEYS_KEPT:
            self._counts.popitem(last=False)
        return count >= self._limit


class _Failures:
    """The instants of the last *limit* failures by key."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def is_over(self, key: str, now_s: float) -> bool:
        failed = self._failed.get(key)
        if failed is None or len(failed) < self._limit:
            return False
        return now_s - failed[0] < WINDOW_S

    def add(self, key: str, now_s: float) -> None:
        failed = self._failed.setdefault(key, deque(maxlen=self._limit))
        failed.append(now_s)
        self._failed.move_to_end(key)
        while len(self._failed) > KEYS_KEPT:
            self._failed.popitem(last=False)
