"""Certificates, passwords over the air and security events on the command line."""

from pathlib import Path

from tests.ops.cli.test_cli import as_json, database, migrated, ok, voltgate
from tests.pki import Pki

__all__ = ["database", "migrated"]


def test_a_password_is_changed_once_at_a_time(database: str) -> None:
    as_json("charger", "register", "CP-1")
    view = as_json("charger", "rotate-password", "CP-1")
    assert (view["status"], view["accepted_passwords"]) == ("pending", 2)
    assert as_json("charger", "rotate-password", "CP-1", "--status") == view
    again = voltgate("charger", "rotate-password", "CP-1")
    assert again.exit_code == 1
    assert "under way" in again.stderr
    ok("charger", "set-password", "CP-1")
    as_json("charger", "rotate-password", "CP-1")


def test_certificates_are_listed_installed_and_revoked(database: str, tmp_path: Path) -> None:
    as_json("charger", "register", "CP-1")
    assert as_json("certificate", "list", "--expires-within", "30") == []
    assert as_json("certificate", "requests", "--charger", "CP-1") == []
    wish = as_json("certificate", "install", "CP-1", str(Pki(tmp_path).path))
    assert (wish["use"], wish["status"]) == ("csms", "pending")
    assert as_json("certificate", "revoke", "0A:1B", "--reason", "stolen")["serial_number"] == "a1b"
    assert "revoked already" in voltgate("certificate", "revoke", "a1b").stderr
    away = voltgate("certificate", "renew", "CP-1")
    assert away.exit_code == 1
    assert "not connected" in away.stderr


def test_the_root_of_the_built_in_authority_is_printed(database: str) -> None:
    first = ok("certificate", "authority")
    assert first.startswith("-----BEGIN CERTIFICATE-----")
    assert ok("certificate", "authority") == first


def test_security_events_are_listed(database: str) -> None:
    as_json("charger", "register", "CP-1")
    assert as_json("charger", "security-events", "CP-1") == []
    assert as_json("charger", "security-events", "--critical") == []
