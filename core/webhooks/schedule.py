"""When a webhook is attempted again, and when an endpoint is given up (WH-2)."""

from datetime import datetime, timedelta
from typing import Final

# A driver stands at the charger: operations get two quick attempts before the common schedule.
OPERATION_PREFIX: Final = "operation."
QUICK_DELAYS: Final = (timedelta(seconds=5), timedelta(seconds=20))
DELAYS: Final = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
    timedelta(hours=24),
    timedelta(hours=24),
)
JITTER: Final = 0.2
DISABLE_AFTER: Final = timedelta(hours=120)


def base_delays(event_type: str) -> tuple[timedelta, ...]:
    """Return the delays between the attempts for an event of this type, without jitter."""
    return QUICK_DELAYS + DELAYS if event_type.startswith(OPERATION_PREFIX) else DELAYS


def max_attempts(event_type: str) -> int:
    """Return how many attempts an event of this type gets, the first included."""
    return len(base_delays(event_type)) + 1


def next_delay(
    event_type: str,
    attempts_made: int,
    *,
    jitter: float,
    retry_after_s: float | None = None,
    shortest: timedelta = DELAYS[0],
) -> timedelta | None:
    """Return how long to wait before the next attempt, or ``None``: dead letter.

    Args:
        event_type: Such as ``operation.succeeded``.
        attempts_made: Attempts that have failed so far; 0 means that the first is due at once.
        jitter: A random number from 0 to 1; 0.5 changes nothing, the ends are 20 % either way.
        retry_after_s: The receiver's ``Retry-After``. The wait is never shorter, except that
            twice the base delay is the most a receiver can ask for.
        shortest: The first of the common delays; all others are in proportion to it.
    """
    if attempts_made <= 0:
        return timedelta()
    delays = base_delays(event_type)
    if attempts_made > len(delays):
        return None
    base = delays[attempts_made - 1] * (shortest / DELAYS[0])
    delay = base * (1 + JITTER * (2 * min(max(jitter, 0.0), 1.0) - 1))
    if retry_after_s is None or retry_after_s <= 0:
        return delay
    longest_s = 2 * base.total_seconds()
    return max(delay, timedelta(seconds=min(retry_after_s, longest_s)))


def is_given_up(*, failing_since: datetime | None, now: datetime) -> bool:
    """Tell whether an endpoint has done nothing but fail for 120 hours and is to be disabled.

    *failing_since* is the time of the first failure after the last success, ``None`` if the last
    attempt succeeded.
    """
    return failing_since is not None and now - failing_since >= DISABLE_AFTER
