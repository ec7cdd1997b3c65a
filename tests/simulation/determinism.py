"""The few places of the standard library where chance and time come from, made to obey."""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from sqlalchemy.sql import selectable


@contextmanager
def patched(*patches: tuple[Any, str, Any]) -> Iterator[None]:
    """Give owners (modules, classes) other members, until the block is left."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in patches]
    try:
        for owner, name, replacement in patches:
            setattr(owner, name, replacement)
        yield
    finally:
        for owner, name, original in before:
            setattr(owner, name, original)


@contextmanager
def determined(
    *, rng: random.Random, monotonic: Callable[[], float], unix: Callable[[], float]
) -> Iterator[None]:
    """Let all randomness come from *rng* and all time from the two functions, in this process.

    Everything that makes a secret or an id ends at ``os.urandom``: ``secrets``, ``uuid``,
    ``SystemRandom`` and our own ids. What libraries draw from ``random`` itself is seeded.
    SQLAlchemy names aliases by chance when a statement is built, which is once in a process for
    most of them: it goes on with what the system gives.
    """
    state = random.getstate()
    try:
        random.seed(rng.getrandbits(64))
        with patched(
            (selectable, "os", SimpleNamespace(urandom=os.urandom)),
            (os, "urandom", rng.randbytes),
            (random, "_urandom", rng.randbytes),
            (time, "time", unix),
            (time, "time_ns", lambda: int(unix() * 1000) * 1_000_000),
            (time, "monotonic", monotonic),
            (time, "perf_counter", monotonic),
        ):
            yield
    finally:
        random.setstate(state)


async def inline(_: Any, func: Callable[..., Any], args: Any, *more: Any, **options: Any) -> Any:
    """Run what a library hands to a thread at once, in its caller."""
    return func(*args)
