"""Table: tokens of operators."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, String, Table

from core.kernel.db import UtcDateTime, metadata


class Role(StrEnum):
    """What an operator may do; each role may read."""

    ADMIN = "admin"
    SUPPORT = "support"
    FINANCE = "finance"
    VIEWER = "viewer"


operator_tokens = Table(
    "operator_tokens",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("role", String(16), nullable=False),
    Column("secret_hash", String(128), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorToken:
    """A bearer token of the operator API; the secret itself is never stored."""

    id: str
    name: str
    role: Role
    secret_hash: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", Role(self.role))
