"""Logs while a million odd frames pass: nothing but what must never be logged, which is kept."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

Event = dict[str, Any]

_NOT_FOR_A_FRAME = frozenset({"call_refused", "socket_given_up", "socket_no_longer_ours"})
"""Warnings that no content of a frame may bring about."""


@contextmanager
def only_errors() -> Iterator[list[Event]]:
    """Collect errors with their tracebacks, and a few warnings; drop all other events."""
    found: list[Event] = []

    def keep(_: Any, level: str, event: Any) -> Any:
        if level != "warning" or event["event"] in _NOT_FOR_A_FRAME:
            found.append(dict(event))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[
            structlog.processors.format_exc_info,
            keep,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        cache_logger_on_first_use=False,
    )
    try:
        yield found
    finally:
        structlog.configure(**before)
