"""``voltgate partner conduct | ban | throttle | lift | tune``."""

import pytest

from tests.ops.cli.test_cli import as_json, database, migrated, ok, voltgate

__all__ = ["database", "migrated"]


@pytest.mark.usefixtures("database")
def test_a_partner_is_banned_throttled_and_lifted() -> None:
    partner = as_json("partner", "create", "Acme")["id"]
    assert "good" in ok("partner", "conduct", partner)
    banned = as_json("partner", "ban", partner, "--for", "1h", "--reason", "floods us")
    assert (banned["step"], banned["opened_by"]) == ("banned_1h", "cli")
    throttled = as_json("partner", "throttle", partner, "--test", "--reason", "asked")
    assert (throttled["step"], throttled["livemode"]) == ("throttled", False)
    assert "floods us" in ok("partner", "conduct", partner)
    found = as_json("partner", "conduct", partner)
    assert [one["id"] for one in found["incidents"]] == [throttled["id"], banned["id"]]
    assert as_json("partner", "lift", partner, "--reason", "mended")["step"] == "good"
    assert voltgate("partner", "lift", partner).exit_code == 1
    assert as_json("partner", "lift", partner, "--test")["step"] == "good"
    assert voltgate("partner", "ban", partner).exit_code == 2
    assert "All" in ok("doctor")


@pytest.mark.usefixtures("database")
def test_rules_are_shown_and_tuned() -> None:
    partner = as_json("partner", "create", "Acme")["id"]
    assert "hammering" in ok("partner", "tune")
    tuned = as_json("partner", "tune", "scanning", "--count", "500", "--partner", partner, "--off")
    assert tuned["overrides"] == {"scanning": {"count": 500, "enabled": False}}
    assert as_json("partner", "tune")["overrides"] == {}
    back = as_json("partner", "tune", "scanning", "--partner", partner, "--default")
    assert back["overrides"] == {}
    for wrong in (["--count", "5"], ["teleport"], ["scanning", "--share", "101"]):
        assert voltgate("partner", "tune", *wrong).exit_code != 0
