"""Table: device_reports, the progress of what 2.x chargers report in many parts."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table, UniqueConstraint

from core.kernel.db import BigKey, UtcDateTime, metadata

reports = Table(
    "device_reports",
    metadata,
    Column("number", BigKey, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("request", Integer, nullable=False),
    Column("kind", String(24), nullable=False),
    Column("command_id", String(32)),
    Column("parts", Integer, nullable=False),
    Column("variables", Integer, nullable=False),
    Column("last_seq", Integer),
    Column("gaps", Integer, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_part_at", UtcDateTime),
    UniqueConstraint("charger_id", "request"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How far a report of a charger has come (OCPP 2.0.1 B06 to B08).

    *kind* is the report base, ``custom``, or ``unasked`` where nobody here asked for the
    *request* id. *gaps* counts parts that never came; *complete*: the last part is here.
    *command_id* is the request that asked for it.
    """

    number: int
    id: str
    charger_id: str
    request: int
    kind: str
    command_id: str | None
    parts: int
    variables: int
    last_seq: int | None
    gaps: int
    complete: bool
    created_at: datetime
    last_part_at: datetime | None
