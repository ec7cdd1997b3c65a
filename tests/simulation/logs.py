"""What the platform logs becomes a part of the trace; what it may never log becomes a finding."""

import asyncio
import contextlib
import logging
import sys
import traceback
from collections.abc import Iterator
from typing import Any, Final

import structlog

from core.kernel.log import say
from tests.simulation.loop import OWNER, SimLoop, SimTask
from tests.simulation.trace import Trace

_EXPECTED: Final = frozenset({"webhook_dead_lettered", "webhook_endpoint_disabled"})
"""What is logged as an error, and may happen."""


class Logs(logging.Handler):
    """Catches all logs of a run.

    Attributes:
        wrong: Exceptions that code of a living process did not expect.
    """

    def __init__(self, trace: Trace, loop: SimLoop) -> None:
        super().__init__(logging.WARNING)
        self.wrong: list[str] = []
        self._trace = trace
        self._loop = loop

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        """Catch them until the block is left."""
        before = structlog.get_config()
        structlog.configure(
            processors=[structlog.contextvars.merge_contextvars, say, self._take],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            cache_logger_on_first_use=False,
        )
        self._loop.set_exception_handler(self._unhandled)
        logging.getLogger().addHandler(self)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(self)
            structlog.configure(**before)

    def emit(self, record: logging.LogRecord) -> None:
        failure = record.exc_info[1] if record.exc_info else None
        self._note(record.name, record.levelname.lower(), {"message": record.getMessage()}, failure)

    def _take(self, _: Any, level: str, event: Any) -> Any:
        name = event.pop("event")
        failure = event.pop("exc_info", None)
        if failure is True:
            failure = sys.exc_info()[1]
        self._note(name, level, event, failure)
        raise structlog.DropEvent

    def _note(self, name: str, level: str, facts: dict[str, Any], failure: Any) -> None:
        owner = OWNER.get()
        if owner is not None and owner.is_dead():
            return
        who = "-" if owner is None else owner.name
        self._trace.note(name, **({"who": who} | facts))
        if level in {"error", "critical", "exception"} and name not in _EXPECTED:
            told = "" if failure is None else _told(failure)
            self.wrong.append(f"LOG: {name} {facts} on {who}\n{told}")

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        task = context.get("task") or context.get("future")
        owner = task.owner if isinstance(task, SimTask) else OWNER.get()
        if owner is not None and owner.is_dead():
            return
        failure = context.get("exception")
        told = "" if failure is None else _told(failure)
        self._trace.note("unhandled", who="-", message=context["message"], task=_name(task))
        self.wrong.append(f"LOOP: {context['message']} {_name(task)}\n{told}")


def _told(failure: BaseException) -> str:
    return "".join(traceback.format_exception(failure)[-12:])


def _name(task: Any) -> str:
    return str(getattr(task.get_coro(), "__qualname__", "")) if isinstance(task, SimTask) else ""
