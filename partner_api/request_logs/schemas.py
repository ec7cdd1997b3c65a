"""Entries of the request log."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from core.request_log.models import Omitted
from partner_api.fields import Out


class RequestLog(Out):
    """A call of yours, as lists show it."""

    id: str = Field(description="Of the request, as in `X-Request-Id` and in problems.")
    object: Literal["request_log"]
    livemode: bool
    at: datetime = Field(description="When it began.")
    method: str
    path: str
    route: str | None = Field(description="The path with names in place of ids.")
    query: str | None = Field(description="Secrets hidden.")
    status: int | None = Field(description="Null: the connection ended before the answer.")
    code: str | None = Field(description="Of the problem, if it was one.")
    duration_ms: int
    key_id: str
    remote_address: str | None
    user_agent: str | None
    request_id: str | None = Field(description="That you chose for a control call.")
    operation_id: str | None
    replayed: bool = Field(description="An operation that was there already was answered.")
    updated_at: datetime = Field(description="When it was written; in this order they are listed.")


class LoggedBody(Out):
    """What was sent in one direction: JSON, secrets hidden, long texts and lists cut."""

    bytes: int
    body: Any
    omitted: Omitted | None = Field(description="Why there is no body, if one was sent.")


class RequestLogWithBodies(RequestLog):
    """A call of yours with what was sent and answered."""

    request: LoggedBody
    response: LoggedBody
