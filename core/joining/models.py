"""Tables: applications, their documents and notes, errands outside, and how many came today."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from core.joining.states import ApplicationStatus, DocumentKind, ErrandKind, ErrandStatus
from core.kernel.db import Json, UtcDateTime, metadata

applications = Table(
    "partner_applications",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("partner_id", ForeignKey("partners.id"), nullable=False, unique=True),
    Column("legal_name", String(200), nullable=False),
    Column("country", String(2), nullable=False),
    Column("registration_kind", String(16), nullable=False),
    Column("registration_number", String(64), nullable=False),
    Column("place", Json, nullable=False),
    Column("website", String(2048)),
    Column("contact_name", String(100), nullable=False),
    Column("email", String(254), nullable=False),
    Column("phone", String(16), nullable=False),
    Column("purpose", Text),
    Column("terms_version", String(32), nullable=False),
    Column("address", String(45)),
    Column("token_hash", String(128), nullable=False),
    Column("email_token_hash", String(128)),
    Column("email_token_until", UtcDateTime),
    Column("email_proven_at", UtcDateTime),
    Column("webhook_url", String(2048)),
    Column("webhook_proven_at", UtcDateTime),
    Column("requested", Json),
    Column("reasons", Json),
    Column("decided_at", UtcDateTime),
    Column("decided_by", String(64)),
    Column("live_key_id", ForeignKey("api_keys.id")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_partner_applications_status", "status", "updated_at"),
    Index("ix_partner_applications_registration", "country", "registration_number"),
    Index("ix_partner_applications_email", "email"),
)

documents = Table(
    "application_documents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("application_id", ForeignKey("partner_applications.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("name", String(120), nullable=False),
    Column("media_type", String(32), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("file", String(64), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
)

notes = Table(
    "application_notes",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("application_id", ForeignKey("partner_applications.id"), nullable=False, index=True),
    Column("author", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,
)

errands = Table(
    "application_errands",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("application_id", ForeignKey("partner_applications.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("subject", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("sealed", Text),
    Column("result", Json),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_application_errands_due", "status", "due_at"),
)

counters = Table(
    "application_counters",
    metadata,
    Column("key", String(100), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("count", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A company that wants to join; its partner exists from the first day, in test mode.

    Attributes:
        place: Its postal address: line1, line2, postal_code, city.
        address: From which network it was sent.
        requested: What an operator asked for last: message, fields, at.
    """

    id: str
    status: ApplicationStatus
    partner_id: str
    legal_name: str
    country: str
    registration_kind: str
    registration_number: str
    place: dict[str, Any]
    website: str | None
    contact_name: str
    email: str
    phone: str
    purpose: str | None
    terms_version: str
    address: str | None
    token_hash: str
    email_token_hash: str | None
    email_token_until: datetime | None
    email_proven_at: datetime | None
    webhook_url: str | None
    webhook_proven_at: datetime | None
    requested: dict[str, Any] | None
    reasons: list[str] | None
    decided_at: datetime | None
    decided_by: str | None
    live_key_id: str | None
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", ApplicationStatus(self.status))


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What an applicant attached; *file* is its random name in the directory of documents."""

    id: str
    application_id: str
    kind: DocumentKind
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    file: str
    created_at: datetime
    deleted_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", DocumentKind(self.kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What an operator wrote beside an application; the applicant never sees it."""

    number: int
    application_id: str
    author: str
    text: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Something to be done outside for an application: a mail, a challenge, a look-up.

    Attributes:
        subject: Which mail; of the others it is their kind.
        sealed: What it needs, encrypted; ``None`` once it is over.
        result: What came of it: the evidence.
    """

    id: str
    application_id: str
    kind: ErrandKind
    subject: str
    status: ErrandStatus
    attempts: int
    due_at: datetime
    sealed: str | None
    result: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", ErrandKind(self.kind))
        object.__setattr__(self, "status", ErrandStatus(self.status))
