"""``voltgate partner limits`` and ``voltgate key change``."""

import pytest

from tests.ops.cli.test_cli import as_json, database, migrated, ok, voltgate

__all__ = ["database", "migrated"]


@pytest.mark.usefixtures("database")
def test_limits_are_shown_changed_and_given_back() -> None:
    partner = as_json("partner", "create", "Acme")["id"]
    changed = as_json(
        "partner",
        "limits",
        partner,
        "--set",
        "requests_per_minute=9",
        "--set",
        "active_operations=2",
    )
    assert changed["overrides"] == {"active_operations": 2, "requests_per_minute": 9}
    assert "requests_per_minute" in ok("partner", "limits", partner)
    back = as_json("partner", "limits", partner, "--default", "requests_per_minute")
    assert back["overrides"] == {"active_operations": 2}
    for wrong in ("requests_per_minute", "requests_per_minute=-1", "speed=1"):
        assert voltgate("partner", "limits", partner, "--set", wrong).exit_code != 0


@pytest.mark.usefixtures("database")
def test_a_key_is_changed_in_what_is_named() -> None:
    partner = as_json("partner", "create", "Acme")["id"]
    key = as_json("key", "create", "--partner", partner, "--ip", "192.0.2.1")
    changed = as_json(
        "key", "change", key["id"], "--ip", "203.0.113.7/24", "--expires", "2099-01-01"
    )
    assert changed["ip_allowlist"] == ["203.0.113.0/24"]
    assert changed["expires_at"] == "2099-01-01T00:00:00.000Z"
    assert changed["scopes"] == key["scopes"]
    assert as_json("key", "change", key["id"], "--any-ip")["ip_allowlist"] == []
