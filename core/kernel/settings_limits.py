"""Settings of partners' limits: what holds for each that no operator gave others."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings


class LimitSettings(BaseSettings):
    """A part of ``Settings``."""

    requests_per_minute: int = Field(
        default=600, ge=1, description="A partner's, over all nodes; overrides: operator API."
    )
    control_calls_per_minute: int = Field(
        default=300, ge=1, description="A partner's start, reserve, cancel and unlock calls."
    )
    stop_calls_per_minute: int = Field(
        default=300, ge=1, description="A partner's; what stops an own session passes anyway."
    )
    active_operations: int = Field(
        default=200, ge=1, description="A partner's unfinished operations, stops aside."
    )
    key_expiring_before: timedelta = Field(
        default=timedelta(days=7), description="`key.expiring` is sent this long before."
    )
    open_reservations: int = Field(default=100, ge=1, description="A partner's, at a time.")
    open_streams: int = Field(
        default=20, ge=1, description="A partner's event, status and log streams on one node."
    )
