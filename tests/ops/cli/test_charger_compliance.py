"""``voltgate charger compliance | why | profile | profiles``."""

from tests.ops.cli.test_cli import as_json, database, migrated, ok, voltgate

__all__ = ["database", "migrated"]


def test_rules_are_shown_set_and_cleared(database: str) -> None:
    ok("charger", "register", "CP-1")
    assert as_json("charger", "profile", "CP-1")["profile"] == "standard"
    made = as_json("charger", "profile", "CP-1", "--rules", '{"settle_s": 5}')
    assert made["settle_s"] == 5
    assert as_json("charger", "profile", "CP-1", "--clear")["settle_s"] == 0
    assert voltgate("charger", "profile", "CP-1", "--rules", "[1]").exit_code == 2
    assert voltgate("charger", "profile", "CP-1", "--rules", '{"x": 1}').exit_code == 1
    assert {"no-subprotocol"} <= {row["name"] for row in as_json("charger", "profiles")}


def test_a_report_is_printed_as_markdown(database: str) -> None:
    ok("charger", "register", "CP-1")
    result = voltgate("charger", "compliance", "CP-1", "--restart")
    assert result.exit_code == 0
    assert result.stdout.startswith("# OCPP compliance of CP-1\n")
    assert as_json("charger", "compliance", "CP-1")["verdict"] == "not_seen"
    assert "has not connected yet" in voltgate("charger", "compliance", "CP-1").stdout


def test_why_says_what_to_do(database: str) -> None:
    ok("charger", "register", "CP-1")
    result = voltgate("charger", "why", "CP-l")
    assert result.exit_code == 0
    assert "Nobody registered" in result.stdout
    assert "enter CP-1 in it" in result.stdout
    assert as_json("charger", "why", "CP-1")["state"] == "never_seen"
