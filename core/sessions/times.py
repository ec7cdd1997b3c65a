"""When something happened: the charger's word, if it can be true."""

from datetime import datetime, timedelta
from typing import Final

CLOCK_AHEAD: Final = timedelta(minutes=5)
CLOCK_BEHIND: Final = timedelta(days=400)
"""Nobody replays a transaction after so long; the clock was never set."""


def plausible_time(reported: datetime | None, received: datetime) -> tuple[datetime, list[str]]:
    """Return when it happened and what is doubtful: else it is when we heard of it."""
    if reported is None:
        return received, ["timestamp_unreadable"]
    if reported > received + CLOCK_AHEAD or reported < received - CLOCK_BEHIND:
        return received, ["clock_suspect"]
    return reported, []
