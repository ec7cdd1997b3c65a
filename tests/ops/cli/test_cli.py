"""The command line on a database of its own: what it prints, what it changes, how it fails."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from core.chargers import login
from core.chargers.states import RefusalReason
from core.kernel.clock import SystemClock
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.webhooks.models import deliveries
from migrations import run as migrations
from ops.cli import app
from ops.tables import import_tables
from tests.core.doctor.scene import build
from tests.partner_api.joining import png

runner = CliRunner()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with every migration, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "empty.db"
    import_tables()
    asyncio.run(migrations.upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture
def database(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migrated database that the environment names."""
    shutil.copy(migrated, tmp_path / "voltgate.db")
    url = f"sqlite:///{tmp_path}/voltgate.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOLTGATE_DATABASE_URL", url)
    return url


def voltgate(*arguments: str) -> Result:
    return runner.invoke(app, list(arguments))


def ok(*arguments: str) -> str:
    result = voltgate(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def as_json(*arguments: str) -> Any:
    return json.loads(ok(*arguments, "--json"))


def failing(*arguments: str) -> str:
    result = voltgate(*arguments)
    assert result.exit_code != 0
    return result.output


def in_database(url: str, work: Any) -> None:
    async def run() -> None:
        async with (
            Database(url, doorbell=MemoryDoorbell(), clock=SystemClock()) as db,
            db.transaction() as tx,
        ):
            await work(tx)

    asyncio.run(run())


COMMANDS = [
    [],
    ["demo"],
    ["serve"],
    ["api"],
    ["csms"],
    ["worker"],
    ["migrate"],
    ["doctor"],
    *(["station", n] for n in ("create", "list", "hours", "add-picture", "take-picture")),
    *(["station", "group", n] for n in ("create", "list", "show", "add", "take")),
    *(["station", "group", n] for n in ("grant", "ungrant", "delete")),
    *(["partner", n] for n in ("create", "list", "suspend", "reinstate", "grant", "ungrant")),
    *(["key", name] for name in ("create", "list", "rotate", "revoke", "operator")),
    *(["charger", n] for n in ("register", "list", "show", "refused", "approve", "reject")),
    *(["charger", name] for name in ("disable", "enable", "set-password")),
    *(["token", name] for name in ("put", "show", "list", "delete")),
    *(["charger", "local-list", name] for name in ("show", "set", "clear")),
    ["charger", "data-transfers"],
    *(["event", name] for name in ("list", "show", "resend", "tail", "replay")),
    ["replay", "dead-letters"],
    ["partner", "signatures"],
    *(["key", name] for name in ("signing-keys", "revoke-signing-key")),
    *(["audit", name] for name in ("list", "head", "verify", "export")),
    ["logs", "tail"],
    ["logs", "show"],
    ["partner", "logs"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_says_what_a_command_does(command: list[str]) -> None:
    help_ = ok(*command, "--help")
    assert "Usage:" in help_
    assert "Example" in help_ or len(command) == 0 or command[0] in {"api", "csms", "worker"}


def test_a_station_gets_hours_and_pictures_and_is_granted_by_group(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOLTGATE_PICTURE_DIRECTORY", str(tmp_path / "pictures"))
    station = as_json("station", "create", "Depot")["id"]
    always = as_json("station", "hours", station, "--always")
    assert always["opening_times"]["twentyfourseven"] is True
    hours = tmp_path / "hours.json"
    hours.write_text('{"regular_hours": [{"weekday": 1, "period_begin": "08:00"}]}')
    assert "regular_hours/0" in failing("station", "hours", station, "--file", str(hours))
    assert "--file" in failing("station", "hours", station)
    picture = tmp_path / "entrance.png"
    picture.write_bytes(png())
    shown = as_json("station", "add-picture", station, str(picture), "--caption", "Entrance")
    ok("station", "take-picture", station, shown["id"])
    group = as_json("station", "group", "create", "Berlin")["id"]
    partner = as_json("partner", "create", "App")["id"]
    ok("station", "group", "add", group, station)
    assert as_json("station", "group", "grant", group, partner, "--control")["control"] is True
    (row,) = as_json("partner", "list")
    assert row["grants"][0] | {"created_at": ""} == {
        "object": "grant",
        "partner_id": partner,
        "station_id": station,
        "control": True,
        "direct": False,
        "created_at": "",
    }
    assert as_json("station", "group", "show", group)["station_ids"] == [station]
    ok("station", "group", "take", group, station)
    ok("station", "group", "ungrant", group, partner)
    ok("station", "group", "delete", group)
    assert as_json("station", "group", "list") == []


def test_from_a_station_to_a_key_in_the_order_of_the_help(database: str) -> None:
    station = as_json("station", "create", "Depot", "--city", "Berlin")
    charger = as_json("charger", "register", "CP-1", "--station", station["id"])
    assert charger["url"] == "ws://127.0.0.1:9000/ocpp/CP-1"
    assert len(charger["password"]) == 40
    partner = as_json("partner", "create", "App")
    grant = as_json("partner", "grant", partner["id"], station["id"], "--control")
    assert grant["control"]
    key = as_json("key", "create", "--scope", "control:start")
    assert key["secret"].startswith("vg_live_")
    assert key["scopes"] == ["control:start"]
    assert as_json("key", "create", "--test")["secret"].startswith("vg_test_")
    (row,) = as_json("partner", "list")
    assert row["grants"][0]["station_id"] == station["id"]
    assert len(as_json("key", "list")) == 2
    assert as_json("key", "operator", "--name", "alice", "--role", "admin")["role"] == "admin"
    (listed,) = as_json("station", "list")
    assert [one["id"] for one in listed["chargers"]] == [charger["id"]]
    assert "All" in ok("doctor")


def test_a_registration_prints_what_to_enter_in_the_charger(database: str) -> None:
    printed = ok("charger", "register", "CP 1", "--password", "correct-horse-battery")
    assert "ws://127.0.0.1:9000/ocpp/CP%201" in printed
    assert "correct-horse-battery" in printed
    assert "Basic authentication" in printed


def test_keys_rotate_and_end(database: str) -> None:
    as_json("partner", "create", "App")
    old = as_json("key", "create")
    new = as_json("key", "rotate", old["id"], "--overlap-hours", "0")
    assert new["replaces"] == old["id"]
    assert as_json("key", "revoke", new["id"])["revoked_at"] is not None
    assert voltgate("key", "revoke", new["id"]).exit_code == 1


def test_a_partner_is_suspended_and_reinstated(database: str) -> None:
    partner = as_json("partner", "create", "App")
    assert as_json("partner", "suspend", partner["id"])["status"] == "suspended"
    assert as_json("partner", "reinstate", partner["id"])["status"] == "active"


def test_a_charger_is_named_by_identity_or_id(database: str) -> None:
    made = as_json("charger", "register", "CP-1")
    for named in ("CP-1", "cp-1", made["id"]):
        assert as_json("charger", "show", named)["id"] == made["id"]
    assert as_json("charger", "disable", "CP-1")["registration"] == "disabled"
    assert as_json("charger", "enable", "CP-1")["registration"] == "accepted"
    assert as_json("charger", "set-password", "CP-1")["password"] != made["password"]
    assert voltgate("charger", "approve", "CP-1").exit_code == 1
    missing = voltgate("charger", "show", "CP-9")
    assert missing.exit_code == 1
    assert "No such charger CP-9" in missing.stderr


def test_why_a_charger_was_refused_is_said_in_plain_words(database: str) -> None:
    async def refuse(tx: Any) -> None:
        reason = RefusalReason.UNKNOWN_IDENTITY
        await login.refuse(tx, identity="CP-9", address="192.0.2.7", reason=reason)

    in_database(database, refuse)
    (refusal,) = as_json("charger", "refused")
    assert (refusal["identity"], refusal["count"]) == ("CP-9", 1)
    assert "voltgate charger register IDENTITY" in refusal["fix"]


def test_events_are_listed_shown_and_sent_again(database: str) -> None:
    in_database(database, build)
    assert len(as_json("event", "list", "--about", "op")) == 1
    assert len(as_json("event", "list", "--partner", "prt")) == 3
    shown = as_json("event", "show", "evt-1")
    assert shown["deliveries"][0]["attempts"][0]["status_code"] == 204
    assert as_json("event", "resend", "evt-1")[0]["status"] == "due"
    assert "session.ended" in ok("event", "list")


def test_dead_letters_are_replayed(database: str) -> None:
    async def give_up(tx: Any) -> None:
        await build(tx)
        await tx.execute(update(deliveries).values(status="dead"))

    in_database(database, give_up)
    assert as_json("replay", "dead-letters", "--since", "1m") == {"count": 0}
    assert as_json("replay", "dead-letters", "--until", "10d") == {"count": 0}
    assert as_json("replay", "dead-letters", "--type", "key.*") == {"count": 0}
    assert as_json("replay", "dead-letters", "--since", "1d") == {"count": 3}
    assert "0 dead letters" in ok("event", "replay")
    assert voltgate("event", "replay", "--since", "yesterday").exit_code == 2
    assert voltgate("event", "replay", "--type", "nonsense").exit_code == 1


def test_doctor_prints_offending_rows_and_fails(database: str) -> None:
    async def spoil(tx: Any) -> None:
        await build(tx)
        await tx.execute(update(deliveries).values(attempts=2))

    in_database(database, spoil)
    result = voltgate("doctor")
    assert result.exit_code == 1
    assert "dlv-1" in result.stdout
    assert "I12" in result.stderr
    machine = voltgate("doctor", "--json")
    assert machine.exit_code == 1
    assert json.loads(machine.stdout)[0]["invariant"] == "I12"


def test_migrate_brings_tables_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOLTGATE_DATABASE_URL", f"sqlite:///{tmp_path}/new.db")
    for command in (["migrate", "--check"], ["doctor"], ["partner", "list"]):
        result = voltgate(*command)
        assert (result.exit_code, "voltgate migrate" in result.stderr) == (1, True), command
    assert not (tmp_path / "new.db").exists()
    assert "nothing to" in ok("migrate").replace("from nothing to", "nothing to")
    assert "up to date" in ok("migrate")
    assert "up to date" in ok("migrate", "--check")


def test_a_database_that_is_away_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    url = "postgresql+asyncpg://voltgate:s3cret@127.0.0.1:1/voltgate"
    monkeypatch.setenv("VOLTGATE_DATABASE_URL", url)
    result = voltgate("partner", "list")
    assert result.exit_code == 1
    assert "cannot be reached" in result.stderr
    assert "s3cret" not in result.output


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"VOLTGATE_OCPP_PORT": "many"}, "VOLTGATE_OCPP_PORT"),
        ({"VOLTGATE_ENVIRONMENT": "production"}, "VOLTGATE_SECRET_KEY"),
        ({"VOLTGATE_HOST": "192.0.2.1"}, "VOLTGATE_ALLOW_INSECURE_OCPP"),
    ],
)
def test_serve_refuses_settings_that_are_wrong_or_unsafe(
    database: str, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = voltgate("serve")
    assert result.exit_code == 2
    assert said in result.stderr
