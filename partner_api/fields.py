"""Types of fields that several bodies and queries share."""

import re
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from core.kernel.times import to_millis

MAX_SEQ: Final = 2**63 - 1
MAX_METADATA_BYTES: Final = 4096

_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_DIGITS: Final = re.compile(r"-?[0-9]+")


class In(BaseModel):
    """A request body: exact types, no field that is not declared."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Out(BaseModel):
    """An answer, as documented; clients ignore fields and enum values they do not know."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


def _whole(value: Any) -> Any:
    """Return ``1.0`` as ``1``: in JSON they are the same number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _counted(value: Any) -> Any:
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise ValueError("must be a whole number in decimal digits")
    return value


def _instant(value: Any) -> Any:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("must be RFC 3339 with an offset, such as 2026-01-31T12:00:00Z")
    try:
        return to_millis(datetime.fromisoformat(value.upper()))
    except (ValueError, OverflowError) as exc:
        raise ValueError("there is no such instant") from exc


def _small(value: dict[str, Any]) -> dict[str, Any]:
    if len(msgspec.json.encode(value)) > MAX_METADATA_BYTES:
        raise ValueError(f"must have at most {MAX_METADATA_BYTES} bytes as JSON")
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
"""An integer; ``1.0`` is one, ``true`` and ``"1"`` are not."""

Count = Annotated[int, BeforeValidator(_counted)]
"""A whole number in a query: digits alone, neither ``1_0`` nor ``+1`` nor ``1.0``."""

Instant = Annotated[datetime, BeforeValidator(_instant)]
"""RFC 3339 with any offset, kept in UTC and whole milliseconds."""

RequestId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_.:-]{1,64}$",
        description="Chosen by you; repeating it returns the same operation. "
        "The header `Idempotency-Key` is an alias.",
        examples=["app-1"],
    ),
]
ObjectId = Annotated[str, Field(min_length=1, max_length=64)]
UserRef = Annotated[
    str, Field(min_length=1, max_length=200, description="Your name for the driver; echoed.")
]
IdToken = Annotated[
    str,
    Field(min_length=1, max_length=36, description="The driver's id token, checked if known."),
]
Metadata = Annotated[
    dict[str, Any],
    AfterValidator(_small),
    Field(max_length=50, description="Yours; echoed. At most 50 members and 4 kB."),
]
Seq = Annotated[int, Field(ge=0, le=MAX_SEQ)]
