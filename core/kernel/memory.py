"""What the process does with memory: when it looks for garbage, and with what is free again."""

import ctypes
import gc
import os
from typing import Final

LARGE_BYTES: Final = 64 * 1024
"""From this size on a block is mapped by itself, and unmapped when it is freed."""

_NEW_OBJECTS: Final = 20_000
_OLDER: Final = 10
"""How many looks through the newest objects until one through older ones, and so on."""

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def collect_seldom() -> None:
    """Have the garbage collector look through all objects seldom; for a process that will serve.

    Ten thousand connections are two million objects. To look through them takes a second, in which
    nobody is answered; with Python's own thresholds that was every half a minute. What is there
    now stays to the end of the process, and is not looked at any more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, _OLDER, _OLDER)


def return_what_is_freed() -> bool:
    """Have glibc give large blocks back at once; return whether the process has glibc.

    Left alone it raises the size from which blocks are mapped by themselves with each one that is
    freed, up to 32 MiB: a few large frames, and small blocks come to lie between the holes that
    they leave. Settings of the environment (``MALLOC_MMAP_THRESHOLD_``, ...) are overridden.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is None:
        return False
    mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
    mallopt(_M_TRIM_THRESHOLD, LARGE_BYTES)
    mallopt(_M_ARENA_MAX, 1)  # its few threads take turns anyway
    return True
