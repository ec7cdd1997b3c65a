"""Tables: what requests are signed with, and the nonces that were used."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Boolean, Column, ForeignKey, Index, String, Table

from core.kernel.db import UtcDateTime, metadata


class Algorithm(StrEnum):
    """Of RFC 9421 3.3, by its name there."""

    HMAC_SHA256 = "hmac-sha256"
    ED25519 = "ed25519"


signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("partner_id", ForeignKey("partners.id"), nullable=False, index=True),
    Column("livemode", Boolean, nullable=False),
    Column("api_key_id", ForeignKey("api_keys.id"), nullable=False, index=True),
    Column("algorithm", String(16), nullable=False),
    Column("secret", String(512)),
    Column("public_key", String(64)),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

signature_nonces = Table(
    "signature_nonces",
    metadata,
    Column("signing_key_id", String(32), primary_key=True),
    Column("nonce", String(128), primary_key=True),
    Column("used_at", UtcDateTime, nullable=False),
    Index("ix_signature_nonces_used_at", "used_at"),
)
"""A row is a request that was taken; the primary key lets one of two replays pass, on all nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """What one side of a signature is made or checked with.

    Attributes:
        api_key_id: The API key that it signs for, and those that this one was rotated into.
        secret: Of HMAC: base64 of the key's bytes, encrypted (S22); nobody is shown it again.
        public_key: Of Ed25519: base64 of 32 bytes. The private key never comes to us.
        expires_at: It was rotated and works on until then.
    """

    id: str
    partner_id: str
    livemode: bool
    api_key_id: str
    algorithm: Algorithm
    secret: str | None
    public_key: str | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "algorithm", Algorithm(self.algorithm))
