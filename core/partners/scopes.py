"""What an API key may do (deny by default), and what is left to a suspended partner."""

from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """A right of an API key, as written in the contract."""

    STATIONS_READ = "stations:read"
    STATUS_READ = "status:read"
    SESSIONS_READ = "sessions:read"
    ORDERS_READ = "orders:read"
    EVENTS_READ = "events:read"
    CONTROL_START = "control:start"
    CONTROL_STOP = "control:stop"
    CONTROL_RESERVE = "control:reserve"
    CONTROL_UNLOCK = "control:unlock"
    WEBHOOKS_MANAGE = "webhooks:manage"
    KEYS_MANAGE = "keys:manage"


CONTROL: Final = frozenset({scope for scope in Scope if scope.startswith("control:")})
"""What moves a charger; an operator may ask for signatures on it."""

WHILE_SUSPENDED: Final = frozenset(
    {scope for scope in Scope if scope.endswith(":read")} | {Scope.CONTROL_STOP}
)
"""A suspended partner still sees its data and can stop its own sessions (I33)."""
