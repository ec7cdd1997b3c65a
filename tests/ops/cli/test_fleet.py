"""``voltgate charger set``, ``wanted``, ``reset`` and ``voltgate fleet``, on their own database."""

import asyncio
from typing import Any

import pytest

from core.audit.service import CLI
from core.chargers import presence, registry
from core.commands.commands import Answer, Verdict
from core.commands.configuration import Reset
from core.fleet import service as fleet
from core.kernel.clock import SystemClock
from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx
from core.kernel.doorbell import MemoryDoorbell
from core.operations import service as operations
from ops.cli import configuration as cli
from ops.cli.running import Opened, load_settings
from tests.ops.cli.test_cli import as_json, database, in_database, migrated, ok, voltgate

__all__ = ["database", "migrated"]


def connect(url: str, identity: str, version: str = "1.6") -> None:
    async def work(tx: Tx) -> None:
        charger = await registry.by_identity(tx, identity)
        assert charger is not None
        await presence.connected(
            tx, charger.id, node_id="node-a", version=version, address="192.0.2.7"
        )

    in_database(url, work)


@pytest.mark.parametrize(
    "command",
    [
        *(
            ["charger", name]
            for name in ("wanted", "set", "availability", "reset", "unlock", "hold")
        ),
        *(["fleet", name] for name in ("reset", "set", "raw", "list", "show", "watch")),
        *(["fleet", name] for name in ("pause", "resume", "cancel")),
    ],
)
def test_every_command_explains_itself_with_an_example(command: list[str]) -> None:
    shown = ok(*command, "--help")
    assert "Example" in shown


def test_a_value_is_wanted_and_shown(database: str) -> None:
    made = as_json("charger", "register", "CP-1")
    wish = as_json("charger", "set", "CP-1", "HeartbeatInterval", "300")
    assert (wish["status"], wish["wanted"]["value"]) == ("pending", "300")
    shown = ok("charger", "set", made["id"], "SimPin", "1234")
    assert "1234" not in shown
    assert "1234" not in ok("charger", "wanted", "CP-1")
    rows = as_json("charger", "wanted", "CP-1", "--kind", "variable")
    assert [row["key"] for row in rows] == ["heartbeatinterval", "simpin"]
    place = as_json("charger", "availability", "CP-1", "--out-of-service", "--evse", "1")
    assert (place["kind"], place["key"]) == ("availability", "1")
    connect(database, "CP-1", "2.0.1")
    wrong = voltgate("charger", "set", "CP-1", "HeartbeatInterval", "300")
    assert wrong.exit_code == 1
    assert "Component/Variable" in wrong.output


def test_an_act_needs_a_charger_that_is_there(database: str) -> None:
    ok("charger", "register", "CP-1")
    away = voltgate("charger", "reset", "CP-1")
    assert (away.exit_code, "not connected" in away.output) == (1, True)
    connect(database, "CP-1")
    wrong = voltgate("charger", "reset", "CP-1", "--type", "on_idle")
    assert (wrong.exit_code, "cannot wait" in wrong.output) == (1, True)
    silent = voltgate("charger", "reset", "CP-1", "--wait", "1")
    assert (silent.exit_code, "No answer yet" in silent.output) == (1, True)
    stuck = as_json("charger", "unlock", "CP-1", "--evse", "2", "--wait", "1")
    assert (stuck["kind"], stuck["status"]) == ("unlock", "queued")


def test_a_charger_is_held_and_approved(database: str) -> None:
    ok("charger", "register", "CP-1")
    held = as_json("charger", "hold", "CP-1", "odd meter")
    assert (held["registration"], held["held_reason"]) == ("pending", "odd meter")
    assert as_json("charger", "approve", "CP-1")["registration"] == "accepted"
    assert database


async def test_the_answer_of_a_reset_is_waited_for(database: str) -> None:
    """The one who asks sees what the charger said."""
    settings = load_settings()
    vault = Vault(settings)
    async with Database(database, doorbell=MemoryDoorbell(), clock=SystemClock()) as db:
        async with db.transaction() as tx:
            charger, _ = await registry.register(tx, vault, CLI, identity="CP-1")
            await presence.connected(
                tx, charger.id, node_id="node-a", version="1.6", address="192.0.2.7"
            )
        opened = Opened(settings=settings, db=db, vault=vault)
        act = Reset(type="soft")
        asking = asyncio.create_task(cli.ask(opened, "CP-1", act, wait_s=30))
        command = None
        while command is None:
            async with db.transaction() as tx:
                command = await operations.claim_next(tx, charger.id)
            await asyncio.sleep(0)
        async with db.transaction() as tx:
            answer = Answer(verdict=Verdict.ACCEPTED, response={"status": "Accepted"}, at=tx.now)
            await operations.record_answer(tx, command, answer)
        assert (await asking).response == {"status": "Accepted"}


def test_a_fleet_command_is_begun_watched_and_ended(database: str) -> None:
    for identity in ("CP-1", "CP-2"):
        ok("charger", "register", identity)
    begun = as_json("fleet", "set", "HeartbeatInterval", "300", "--all", "--no-watch")
    assert (begun["status"], begun["progress"]["pending"]) == ("running", 2)
    fleet_id = begun["id"]
    assert "paused" in voltgate("fleet", "pause", fleet_id).output
    assert "running" in voltgate("fleet", "resume", fleet_id).output

    async def advance(tx: Tx) -> None:
        await fleet.advance(tx, fleet_id)

    in_database(database, advance)
    assert as_json("fleet", "watch", fleet_id)["progress"]["skipped"] == 2
    shown = as_json("fleet", "show", fleet_id, "--status", "skipped")
    assert {one["reason"] for one in shown["targets"]} == {"charger_offline"}
    assert as_json("fleet", "list")[0]["status"] == "finished"
    assert voltgate("fleet", "cancel", fleet_id).exit_code == 1
    assert "No fleet command" in voltgate("fleet", "show", "flt_x").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reset"], "name chargers, or all"),
        (["reset", "--all", "--type", "now"], "reset"),
        (["raw", "Nonsense", "--all"], "Nonsense"),
        (["raw", "ClearCache", "{", "--all"], "no JSON"),
        (["reset", "--charger", "cp_x"], "cp_x"),
        (["set", "SimPin", "1", "--all"], "no secret"),
    ],
)
def test_what_cannot_be_is_said(database: str, arguments: list[str], said: str) -> None:
    ok("charger", "register", "CP-1")
    result = voltgate("fleet", *arguments)
    assert result.exit_code in {1, 2}
    assert said in result.output
    assert database


def test_failures_end_with_an_exit_code_and_the_next_step(database: str) -> None:
    ok("charger", "register", "CP-1")
    connect(database, "CP-1")
    begun: dict[str, Any] = as_json("fleet", "raw", "ClearCache", "--all", "--no-watch")

    async def fail(tx: Tx) -> None:
        await fleet.advance(tx, begun["id"])
        charger = await registry.by_identity(tx, "CP-1")
        assert charger is not None
        command = await operations.claim_next(tx, charger.id)
        assert command is not None
        answer = Answer(verdict=Verdict.REJECTED, reason="Rejected", response={}, at=tx.now)
        await operations.record_answer(tx, command, answer)
        await fleet.answered(tx, command, answer)
        await fleet.advance(tx, begun["id"])

    in_database(database, fail)
    result = voltgate("fleet", "watch", begun["id"])
    assert (result.exit_code, "--status failed" in result.output) == (1, True)
