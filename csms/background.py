"""When chargers are asked what the platform only wants to know: in turn, and after a crowd.

After a power cut thousands of chargers come back within a minute. What each of them is asked then
costs more than to let it in and to answer its boot, and nobody waits for it; but a driver waits in
front of a charger that is not let in yet.
"""

from collections.abc import Callable
from typing import Final, Protocol

AT_ONCE: Final = 16
"""Chargers for which a background command is looked for at the same time."""
AT_ONCE_IN_A_CROWD: Final = 1
"""The same while a crowd comes: even a crowd without end keeps nobody from being asked."""
BOOTS_OF_A_CROWD: Final = 8
"""Boots that wait for their answer."""


class Askable(Protocol):
    """The connection of a charger."""

    charger_id: str

    def look(self) -> bool:
        """Look for a command; tells whether ``Background.looked`` will be called after that."""
        ...


class Background:
    """The turns of a node's chargers; a turn is over when a command has been looked for."""

    def __init__(self) -> None:
        self._boots = 0
        self._doors: list[Callable[[], bool]] = []
        self._waiting: dict[str, Askable] = {}
        self._going_on: dict[str, Askable] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for a turn."""
        return not self._waiting

    @property
    def is_crowded(self) -> bool:
        """Whether many chargers come in at this moment."""
        return self._boots >= BOOTS_OF_A_CROWD or any(door() for door in self._doors)

    def heed(self, has_queue: Callable[[], bool]) -> None:
        """Heed a door: there is a crowd while logins wait at it."""
        self._doors.append(has_queue)

    def boot_began(self) -> None:
        """Count a boot that waits for its answer."""
        self._boots += 1

    def boot_ended(self) -> None:
        """Count it no longer."""
        self._boots -= 1
        self.go_on()

    def add(self, connection: Askable) -> None:
        """Give a charger for which something was queued a turn."""
        self._waiting[connection.charger_id] = connection
        self.go_on()

    def looked(self, connection: Askable) -> None:
        """Hear that a command was looked for: its turn is over, if it had one."""
        if self._going_on.get(connection.charger_id) is connection:
            del self._going_on[connection.charger_id]
            self.go_on()

    def forget(self, connection: Askable) -> None:
        """Hear that a connection has ended."""
        if self._waiting.get(connection.charger_id) is connection:
            del self._waiting[connection.charger_id]
        self.looked(connection)

    def go_on(self) -> None:
        """Begin the next turns, as many as there may be."""
        at_once = AT_ONCE_IN_A_CROWD if self.is_crowded else AT_ONCE
        while self._waiting and len(self._going_on) < at_once:
            charger_id = next(iter(self._waiting))
            connection = self._waiting.pop(charger_id)
            if connection.look():
                self._going_on[charger_id] = connection
