"""Named places where a test may kill the process, to prove that nothing is lost there.

``VOLTGATE_FAILPOINT=csms.claimed`` (or ``csms.claimed:2`` for the second pass) makes the process
exit at once, without any clean-up, as ``kill -9`` would. Production refuses the variable.

A test that runs many nodes in one process is told of every pass instead (``told``).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_VARIABLE: Final = "VOLTGATE_FAILPOINT"
_EXIT_CODE: Final = 137


class _Armed:
    """The place, and how many passes are left before the exit."""

    def __init__(self) -> None:
        name, _, count = os.environ.get(_VARIABLE, "").partition(":")
        self.name = name
        self.left = int(count or 1)


_armed = _Armed()
_told: list[Callable[[str], None]] = []


def armed() -> bool:
    """Tell whether a fail point is set in the environment."""
    return bool(_armed.name)


@contextmanager
def told(handler: Callable[[str], None]) -> Iterator[None]:
    """Call *handler* with the name of each place that is passed, until the block is left.

    What it raises is raised there: an exception that nobody catches ends what was under way.
    """
    _told.append(handler)
    try:
        yield
    finally:
        _told.remove(handler)


def hit(name: str) -> None:
    """Exit the process if the fail point *name* is armed; else do nothing."""
    for handler in _told:
        handler(name)
    if name != _armed.name:
        return
    _armed.left -= 1
    if _armed.left <= 0:
        os._exit(_EXIT_CODE)
