"""Our own calls, so that an answer can be matched however late it comes, and whatever else not."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from core.commands.models import CommandRow
from core.kernel.clock import Clock

KEPT_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class SentCall:
    """A call that was written, or was about to be."""

    command: CommandRow
    message_id: str
    action: str
    sent_s: float


class SentCalls:
    """The unanswered calls of the last ten minutes on this node, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: OrderedDict[str, SentCall] = OrderedDict()

    def add(self, *, message_id: str, command: CommandRow, action: str) -> None:
        """Remember a call, before it is written; forget those that are too old."""
        now_s = self._clock.monotonic()
        while self._calls and now_s - next(iter(self._calls.values())).sent_s > KEPT_S:
            self._calls.popitem(last=False)
        self._calls[message_id] = SentCall(command, message_id, action, now_s)

    def take(self, message_id: str, *, charger_id: str) -> SentCall | None:
        """Return the call that *charger_id* answers, once; ``None`` if there is no such call."""
        call = self._calls.get(message_id)
        if call is None or call.command.charger_id != charger_id:
            return None
        del self._calls[message_id]
        return call if self._clock.monotonic() - call.sent_s <= KEPT_S else None
