"""The table of logged requests, and one as it is noted before anything is redacted."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text

from core.kernel.db import UtcDateTime, metadata

MAX_PATH_CHARS: Final = 300
MAX_ROUTE_CHARS: Final = 100
MAX_QUERY_CHARS: Final = 500
MAX_AGENT_CHARS: Final = 200


class Omitted(StrEnum):
    """Why a body that was there is not in the log."""

    NOT_JSON = "not_json"
    TOO_LARGE = "too_large"
    SUCCESSFUL_READ = "successful_read"


request_logs = Table(
    "request_logs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("partner_id", String(32), nullable=False),
    Column("livemode", Boolean, nullable=False),
    Column("key_id", String(32), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("method", String(10), nullable=False),
    Column("path", String(MAX_PATH_CHARS), nullable=False),
    Column("route", String(MAX_ROUTE_CHARS)),
    Column("query", String(MAX_QUERY_CHARS)),
    Column("status", Integer),
    Column("code", String(40)),
    Column("duration_ms", Integer, nullable=False),
    Column("remote_address", String(64)),
    Column("user_agent", String(MAX_AGENT_CHARS)),
    Column("request_id", String(64)),
    Column("operation_id", String(32)),
    Column("replayed", Boolean, nullable=False),
    Column("request_bytes", Integer, nullable=False),
    Column("request_body", Text),
    Column("request_omitted", String(20)),
    Column("response_bytes", Integer, nullable=False),
    Column("response_body", Text),
    Column("response_omitted", String(20)),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_request_logs_partner_id", "partner_id", "livemode", "updated_at", "id"),
    Index("ix_request_logs_updated_at", "updated_at"),
)


@dataclass(frozen=True, slots=True)
class Body:
    """What was sent in one direction: how many bytes, and they themselves if they may be kept."""

    size_bytes: int
    content: bytes | None = None
    omitted: Omitted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that was answered, as the server saw it; nothing is redacted yet.

    Attributes:
        id: Of the request, as in its header ``X-Request-Id``.
        at: When it began; database time.
        status: ``None``: the connection ended before there was an answer.
        idempotency_key: The header, if there was one.
    """

    id: str
    partner_id: str
    livemode: bool
    key_id: str
    at: datetime
    method: str
    path: str
    route: str | None
    query: str
    status: int | None
    code: str | None
    duration_ms: int
    remote_address: str | None
    user_agent: str | None
    idempotency_key: str | None
    replayed: bool
    request: Body
    response: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """A call in the log, redacted; bodies are JSON text.

    Attributes:
        request_id: What the partner chose for a control call.
        updated_at: When it was written; in this order they are listed.
    """

    id: str
    partner_id: str
    livemode: bool
    key_id: str
    at: datetime
    method: str
    path: str
    route: str | None
    query: str | None
    status: int | None
    code: str | None
    duration_ms: int
    remote_address: str | None
    user_agent: str | None
    request_id: str | None
    operation_id: str | None
    replayed: bool
    request_bytes: int
    request_body: str | None
    request_omitted: str | None
    response_bytes: int
    response_body: str | None
    response_omitted: str | None
    updated_at: datetime
