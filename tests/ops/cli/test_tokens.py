"""``voltgate token`` and ``voltgate charger local-list``: what they print and change."""

from tests.ops.cli.test_cli import as_json, database, migrated, ok, voltgate

__all__ = ["database", "migrated"]


def test_a_token_is_stored_shown_listed_and_forgotten(database: str) -> None:
    ok("charger", "register", "CP-1")
    made = as_json(
        *("token", "put", "04ab12cd", "--group", "fleet", "--at", "CP-1"),
        *("--expires", "2090-01-01T00:00:00Z", "--sessions", "2"),
    )
    assert (made["token"], made["group_token"], made["max_sessions"]) == ("04AB12CD", "FLEET", 2)
    assert len(made["places"]) == 1
    assert as_json("token", "show", "04AB12CD") == made
    assert [one["token"] for one in as_json("token", "list")] == ["04AB12CD"]
    ok("token", "delete", "04ab12cd")
    assert voltgate("token", "show", "04AB12CD").exit_code == 1


def test_an_odd_token_is_kept_and_told(database: str) -> None:
    made = as_json("token", "put", "not hex", "--kind", "ISO14443")
    assert made["oddity"] == "not_like_ISO14443"


def test_a_local_list_is_wanted_and_cleared(database: str) -> None:
    ok("charger", "register", "CP-1")
    ok("token", "put", "04AB12CD")
    wanted = as_json("charger", "local-list", "set", "CP-1")
    assert (wanted["source"], wanted["status"], wanted["entries_wanted"]) == ("all", "pending", 1)
    unknown = voltgate("charger", "local-list", "set", "CP-1", "chosen", "--token", "NOBODY")
    assert unknown.exit_code == 1
    assert as_json("charger", "local-list", "clear", "CP-1")["source"] is None
    assert as_json("charger", "data-transfers", "CP-1") == []


def test_i34_a_key_code_is_printed_by_its_name(database: str) -> None:
    made = as_json("token", "put", "73914ab62", "--kind", "KeyCode")
    assert made["token"].startswith("KEYCODE:")
    assert as_json("token", "show", "73914AB62") == made
    assert "73914" not in ok("token", "list")
    assert "73914" not in ok("token", "delete", "73914ab62")
    assert voltgate("token", "show", made["token"]).exit_code == 1
