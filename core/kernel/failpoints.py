"""Named places where a test may kill the process, to prove that nothing is lost there.

``VOLTGATE_FAILPOINT=csms.claimed`` (or ``csms.claimed:2`` for the second pass) makes the process
exit at once, without any clean-up, as ``kill -9`` would. Production refuses the variable.
"""

import os
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


def armed() -> bool:
    """Tell whether a fail point is set in the environment."""
    return bool(_armed.name)


def hit(name: str) -> None:
    """Exit the process if the fail point *name* is armed; else do nothing."""
    if name != _armed.name:
        return
    _armed.left -= 1
    if _armed.left <= 0:
        os._exit(_EXIT_CODE)
