"""Structured logs: one JSON line per record, ids and never objects, no secret."""

import json
import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar, Token
from functools import lru_cache
from types import TracebackType
from typing import Any, Final, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

_SECRET_NAMES: Final = re.compile(
    r"password|secret|authorization|token|api_key|credential", re.IGNORECASE
)
_ALLOWED_NAMES: Final = frozenset({"id_token_status"})
_SECRET_VALUES: Final = re.compile(
    r"(vg_(?:live|test|op)_[0-9a-z]+_)[A-Za-z0-9_-]+|(whsec_)[A-Za-z0-9+/=]+"
    r"|(Basic )[A-Za-z0-9+/=]+"
)
_HIDDEN: Final = "[hidden]"
_ENCODE: Final = msgspec.json.Encoder(enc_hook=repr, decimal_format="string").encode
# Local variables of a frame may hold secrets (S19); structlog shows them unless told otherwise.
_TRACEBACKS: Final = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)

_FACTS: Final[ContextVar[Mapping[str, Any]]] = ContextVar("facts_of_log_lines")


class Saying:
    """What every line carries that is logged in the block; for blocks that are entered often.

    structlog binds each fact by itself and takes it back again, at a tenth of what a message costs.
    """

    __slots__ = ("_facts", "_token")

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._facts = facts
        self._token: Token[Mapping[str, Any]] | None = None

    def __enter__(self) -> None:
        self._token = _FACTS.set(self._facts)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._token is not None:
            _FACTS.reset(self._token)


def say(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Add what ``Saying`` says to a line; a processor of structlog's."""
    for name, value in _FACTS.get({}).items():
        event.setdefault(name, value)
    return event


def hide(text: str) -> str:
    """Return *text* with anything that looks like one of our secrets blanked out."""
    if not ("vg_" in text or "whsec_" in text or "Basic " in text):
        return text
    return _SECRET_VALUES.sub(
        lambda found: next(part for part in found.groups() if part) + _HIDDEN, text
    )


@lru_cache(1_024)
def _is_secret(name: str) -> bool:
    return _SECRET_NAMES.search(name) is not None and name not in _ALLOWED_NAMES


def _hide_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        if _is_secret(name):
            event[name] = _HIDDEN
        elif isinstance(value, str):
            event[name] = hide(value)
    return event


def _line(event: Any, **settings: Any) -> str:
    """Return an event as JSON; what JSON has no form for as Python shows it."""
    try:
        return _ENCODE(event).decode()
    except (TypeError, UnicodeEncodeError):  # a key that is no text, a lone surrogate
        return json.dumps(event, **settings)


def configure(
    *, level: str, format_: str, bound: Mapping[str, Any], stream: TextIO | None = None
) -> None:
    """Set up logging of the process: ours and the libraries', to *stream* (standard error).

    Args:
        level: ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``.
        format_: ``json`` (one object a line) or ``console`` (for people).
        bound: Facts that every line carries, such as the node.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        say,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _hide_secrets,
    ]
    stream = stream or sys.stderr
    json_lines = format_ == "json"
    tail: list[Any] = (
        [
            structlog.processors.ExceptionRenderer(_TRACEBACKS),
            structlog.processors.JSONRenderer(_line),
        ]
        if json_lines
        else [
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    number = getattr(logging, level)
    structlog.configure(
        processors=[*shared, *tail],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(**bound)
    handler = logging.StreamHandler(stream)
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *tail],
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
    )
    handler.setFormatter(formatter)
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
