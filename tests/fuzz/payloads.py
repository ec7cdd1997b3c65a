"""Random payloads that are valid by the official schemas, and values that are only just so."""

import json
import random
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from csms.codes import Version

Payload = dict[str, Any]
Kind = Literal["request", "response"]

_FOLDERS: Final[dict[Version, str]] = {"1.6": "v16", "2.0.1": "v201"}
_REQUEST_SUFFIX: Final[dict[Version, str]] = {"1.6": "", "2.0.1": "Request"}

ODD_INTEGERS: Final = (0, -1, 2**31 - 1, 2**31, -(2**31), 2**53 + 1, 2**63, 2**70, -(2**70))
ODD_NUMBERS: Final = (
    0,
    -0.0,
    -1,
    0.1,
    1e12,
    1e300,
    5e-324,
    float("nan"),
    float("inf"),
    float("-inf"),
    2**70,
)
ODD_TEXTS: Final = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "\ufeffx",
    "\u202eabc",
    "e\u0301\u0301",
    "\U0001f50c",
    "\x1b[31m",
    "'; DROP TABLE chargers; --",
    "../../etc/passwd",
    "null",
    "NaN",
    "-0",
    "1e400",
    "{}",
    "%s%n",
)
ODD_TIMES: Final = (
    "x",
    "",
    "2026-11-21T10:00:00",
    "2026-11-21 10:00:00Z",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "0001-01-01T00:00:00+14:00",
    "2026-02-30T10:00:00Z",
    "2026-11-21T10:00:00.123456789012345678901234567890123Z",
    "2026-11-21T10:00:00+99:99",
    "2026-11-21T24:00:00Z",
)
_FEW: Final[dict[str, tuple[Any, ...]]] = {
    "connectorId": (0, 1, 1, 2),
    "evseId": (0, 1, 1, 2),
    "id": (1, 1, 2, 3),
    "idTag": ("T1", "t1", "T2", "BLOCKED", "T3"),
    "idToken": ("T1", "t1", "T2", "BLOCKED", "T3"),
    "requestId": (1, 2, 3),
    "reservationId": (1, 2, 3),
    "seqNo": (0, 1, 2, 3),
    "vendorId": ("com.vendor", "org.openchargealliance", "x"),
}
"""Values that make messages meet: the same connector, token and transaction again and again."""

_TRANSACTIONS: Final = 40


@cache
def schema_of(version: Version, action: str, kind: Kind = "request") -> dict[str, Any]:
    """Return the official schema as it is in the ``ocpp`` package."""
    suffix = "Response" if kind == "response" else _REQUEST_SUFFIX[version]
    path = files("ocpp").joinpath(_FOLDERS[version], "schemas", f"{action}{suffix}.json")
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig"))
    return schema


def valid(
    rng: random.Random, version: Version, action: str, *, odd: float, kind: Kind = "request"
) -> Payload:
    """Return a payload that its schema accepts.

    Args:
        odd: How likely a leaf has a value that only the schema likes.
    """
    schema = schema_of(version, action, kind)
    made: Payload = _Maker(rng, schema.get("definitions", {}), odd).value(schema, action)
    return made


class _Maker:
    def __init__(self, rng: random.Random, definitions: dict[str, Any], odd: float) -> None:
        self._rng = rng
        self._definitions = definitions
        self._odd = odd

    def value(self, schema: dict[str, Any], name: str) -> Any:  # noqa: PLR0911 - one a type
        if "$ref" in schema:
            return self.value(self._definitions[schema["$ref"].rpartition("/")[2]], name)
        if "enum" in schema:
            return self._rng.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                return self._object(schema)
            case "array":
                return self._array(schema, name)
            case "string":
                return self._text(schema, name)
            case "integer":
                return self._integer(schema, name)
            case "number":
                return self._number(schema)
            case "boolean":
                return self._rng.random() < 0.5
            case _:
                return self._rng.choice(("x", 1, None, {"a": [1]}, [True]))

    def _object(self, schema: dict[str, Any]) -> Payload:
        required = schema.get("required", ())
        chance = self._rng.choice((0.0, 0.2, 0.6))
        return {
            name: self.value(inner, name)
            for name, inner in schema.get("properties", {}).items()
            if name in required or self._rng.random() < chance
        }

    def _array(self, schema: dict[str, Any], name: str) -> list[Any]:
        least = schema.get("minItems", 0)
        count = max(least, self._rng.choice((1, 1, 1, 2, 3)))
        count = min(count, schema.get("maxItems", count))
        return [self.value(schema.get("items", {}), name) for _ in range(count)]

    def _text(self, schema: dict[str, Any], name: str) -> str:
        limit = schema.get("maxLength", 100)
        rng = self._rng
        if schema.get("format") == "date-time":
            if rng.random() < self._odd:
                return rng.choice(ODD_TIMES)
            return f"2026-11-21T{rng.randrange(24):02}:{rng.randrange(60):02}:00Z"
        if rng.random() < self._odd:
            text: str = rng.choice((*ODD_TEXTS, "x" * limit, "\u00e4" * limit))
        elif name == "transactionId":
            text = f"tx-{rng.randrange(_TRANSACTIONS)}"
        elif name == "value":
            text = rng.choice(("1234", "12.5", "0", "-3"))
        else:
            text = str(rng.choice(_FEW.get(name, ("x", "Vendor", "A-1"))))
        return text[:limit]

    def _integer(self, schema: dict[str, Any], name: str) -> int:
        least, most = schema.get("minimum"), schema.get("maximum")
        if self._rng.random() < self._odd:
            value = self._rng.choice(ODD_INTEGERS)
        elif name == "transactionId":
            value = self._rng.randrange(1, _TRANSACTIONS)
        else:
            value = self._rng.choice(_FEW.get(name, (1, 2, 10, 1000)))
        value = value if least is None else max(value, least)
        return value if most is None else min(value, most)

    def _number(self, schema: dict[str, Any]) -> Any:
        step = schema.get("multipleOf")
        if step is not None:
            return self._rng.randrange(1000)
        least, most = schema.get("minimum"), schema.get("maximum")
        value: Any = self._rng.choice(
            ODD_NUMBERS if self._rng.random() < self._odd else (1, 10.5, 230, 22000.0)
        )
        if least is not None and not value >= least:
            return least
        return most if most is not None and not value <= most else value
