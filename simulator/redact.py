"""Keeps passwords out of the ledger and the live log."""

from typing import Any

HIDDEN = "***"
_SECRET_NAMES = frozenset({"authorizationkey", "basicauthpassword"})

_SECRET_MEMBERS = frozenset({"apnpassword", "simpin", "password"})
"""Members of network profiles."""


def redacted(payload: Any) -> Any:
    """Return *payload* with the values of secret settings hidden (1.6 key, 2.0.1 variable)."""
    if isinstance(payload, list):
        return [redacted(item) for item in payload]
    if not isinstance(payload, dict):
        return payload
    if _names_secret(payload):
        return {
            key: HIDDEN if key in {"value", "attributeValue"} else value
            for key, value in payload.items()
        }
    return {
        key: HIDDEN if key.lower() in _SECRET_MEMBERS else redacted(value)
        for key, value in payload.items()
    }


def _names_secret(payload: dict[str, Any]) -> bool:
    variable = payload.get("variable")
    named = variable.get("name") if isinstance(variable, dict) else payload.get("key")
    return isinstance(named, str) and named.lower() in _SECRET_NAMES
