"""Tables: the built-in authority, requests, certificates, revocations, installed certificates."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from core.certificates.states import CertificateUse, Origin, RequestStatus, RootUse
from core.kernel.db import BigKey, UtcDateTime, metadata

_OPEN = text("status = 'open'")
_UNDER_WAY = text("status IN ('open', 'signed')")

authorities = Table(
    "certificate_authorities",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("certificate", Text, nullable=False),
    Column("sealed_key", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

certificate_requests = Table(
    "certificate_requests",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("use", String(20), nullable=False),
    Column("csr", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", String(500)),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("certificate_id", String(32)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Index(
        "uq_certificate_requests_under_way",
        "charger_id",
        "use",
        unique=True,
        sqlite_where=_UNDER_WAY,
        postgresql_where=_UNDER_WAY,
    ),
    Index("ix_certificate_requests_due_at", "due_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_certificate_requests_charger_id", "charger_id", "number"),
    sqlite_autoincrement=True,
)

certificates = Table(
    "charger_certificates",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("use", String(20), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("serial_number", String(40), nullable=False),
    Column("subject", String(300), nullable=False),
    Column("issuer", String(300), nullable=False),
    Column("not_before", UtcDateTime, nullable=False),
    Column("not_after", UtcDateTime, nullable=False),
    Column("chain", Text, nullable=False),
    Column("installed_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Column("superseded_at", UtcDateTime),
    Column("renewal_asked_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("charger_id", "fingerprint"),
    Index("ix_charger_certificates_not_after", "not_after"),
    sqlite_autoincrement=True,
)

revocations = Table(
    "certificate_revocations",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("serial_number", String(40), nullable=False, unique=True),
    Column("reason", String(200)),
    Column("revoked_at", UtcDateTime, nullable=False),
    Column("revoked_by", String(64), nullable=False),
    sqlite_autoincrement=True,
)

installed_certificates = Table(
    "installed_certificates",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("use", String(20), nullable=False),
    Column("hash_algorithm", String(6), nullable=False),
    Column("issuer_name_hash", String(128), nullable=False),
    Column("issuer_key_hash", String(128), nullable=False),
    Column("serial_number", String(40), nullable=False),
    Column("reported_at", UtcDateTime, nullable=False),
    Index("ix_installed_certificates_charger_id", "charger_id", "use"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate authority of ours; *sealed_key* is its private key, encrypted."""

    name: str
    certificate: str
    sealed_key: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequest:
    """A charger's wish to have a certificate signed, and what came of it."""

    number: int
    id: str
    charger_id: str
    use: CertificateUse
    csr: str
    status: RequestStatus
    reason: str | None
    attempts: int
    due_at: datetime
    certificate_id: str | None
    created_at: datetime
    changed_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "use", CertificateUse(self.use))
        object.__setattr__(self, "status", RequestStatus(self.status))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerCertificate:
    """A certificate of a charger that was signed for it, or with which it logged in.

    *chain* is PEM, the charger's certificate first; *serial_number* is hexadecimal.
    *superseded_at*: a newer one took its place.
    """

    number: int
    id: str
    charger_id: str
    use: CertificateUse
    origin: Origin
    fingerprint: str
    serial_number: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    chain: str
    installed_at: datetime | None
    last_used_at: datetime | None
    superseded_at: datetime | None
    renewal_asked_at: datetime | None
    created_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "use", CertificateUse(self.use))
        object.__setattr__(self, "origin", Origin(self.origin))


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """A certificate, by its serial number, that is accepted no more."""

    number: int
    serial_number: str
    reason: str | None
    revoked_at: datetime
    revoked_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledCertificate:
    """A certificate that a charger says it has, by its hashes (OCPP CertificateHashDataType)."""

    number: int
    charger_id: str
    use: RootUse
    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    reported_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "use", RootUse(self.use))
