"""``voltgate charger firmware`` and ``voltgate charger log``."""

import re

import pytest

from core.chargers import presence, registry
from core.chargers.facts import Booted
from core.kernel.db import Tx
from core.upkeep import transfers
from core.upkeep.facts import TransferNews
from core.upkeep.states import LOGS, Stage, TransferKind
from tests.ops.cli.test_cli import (
    as_json,
    database,  # noqa: F401 - a fixture
    in_database,
    migrated,  # noqa: F401 - a fixture
    ok,
    voltgate,
)

LOCATION = "https://files.example.org/fw.bin"


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("database"))


def connect(url: str) -> None:
    async def work(tx: Tx) -> None:
        charger = await registry.by_identity(tx, "CP-1")
        assert charger is not None
        await presence.connected(
            tx, charger.id, node_id="node-a", version="1.6", address="192.0.2.7"
        )

    in_database(url, work)


def tell(url: str, word: str, stage: Stage, *kinds: TransferKind) -> None:
    async def work(tx: Tx) -> None:
        charger = await registry.by_identity(tx, "CP-1")
        assert charger is not None
        news = TransferNews(
            charger_id=charger.id, kinds=kinds, request=None, stage=stage, word=word
        )
        await transfers.told(tx, news)

    in_database(url, work)


@pytest.mark.parametrize(
    "command",
    [
        *(["firmware", name] for name in ("set", "show", "list", "retry", "forget")),
        *(["log", name] for name in ("get", "list", "show")),
    ],
    ids=" ".join,
)
def test_help_shows_an_example(command: list[str]) -> None:
    assert "Example" in ok("charger", *command, "--help")


def test_firmware_is_wished_for_shown_and_forgotten(url: str) -> None:
    as_json("charger", "register", "CP-1")
    wish = as_json("charger", "firmware", "set", "CP-1", LOCATION, "--version", "2.1")
    assert (wish["status"], wish["wanted"]["version"]) == ("pending", "2.1")
    shown = as_json("charger", "firmware", "show", "CP-1")
    assert (shown["version"], shown["wish"]["id"]) == (None, wish["id"])
    connect(url)
    assert as_json("charger", "firmware", "retry", "CP-1")["status"] == "sent"
    (update,) = as_json("charger", "firmware", "list", "CP-1")
    assert (update["status"], update["location"]) == ("requested", LOCATION)
    tell(url, "Downloading", Stage.UNDER_WAY, TransferKind.FIRMWARE)
    assert "Downloading" in ok("charger", "firmware", "show", "CP-1")
    ok("charger", "firmware", "forget", "CP-1")
    refused = voltgate("charger", "firmware", "forget", "CP-1")
    assert refused.exit_code == 1
    assert "voltgate charger firmware set" in re.sub(r"\s+", " ", refused.stderr)


def test_following_ends_when_the_charger_runs_the_version(url: str) -> None:
    as_json("charger", "register", "CP-1")
    connect(url)

    async def boot(tx: Tx) -> None:
        charger = await registry.by_identity(tx, "CP-1")
        assert charger is not None
        fact = Booted(
            charger_id=charger.id,
            vendor="V",
            model="M",
            serial_number=None,
            firmware_version="2.1",
            reason=None,
        )
        await presence.booted(tx, fact, answer="Accepted")

    in_database(url, boot)
    wish = as_json("charger", "firmware", "set", "CP-1", LOCATION, "--version", "2.1", "--follow")
    assert wish["status"] == "accepted"
    assert as_json("charger", "firmware", "list", "CP-1") == []


def test_an_address_that_cannot_be_is_refused_in_words(url: str) -> None:
    as_json("charger", "register", "CP-1")
    refused = voltgate("charger", "firmware", "set", "CP-1", "gopher://host/x")
    assert refused.exit_code == 1
    assert "https, http, ftps, ftp, sftp" in refused.stderr


def test_a_log_is_asked_for_and_shown(url: str) -> None:
    as_json("charger", "register", "CP-1")
    away = voltgate("charger", "log", "get", "CP-1", "ftp://h/logs/")
    assert (away.exit_code, "not connected" in away.stderr) == (1, True)
    connect(url)
    log = as_json("charger", "log", "get", "CP-1", "ftp://joe:s3cret@h/logs/")
    assert (log["kind"], log["location"]) == ("diagnostics_log", "ftp://***@h/logs/")
    tell(url, "Uploaded", Stage.DONE, *LOGS)
    assert as_json("charger", "log", "list", "CP-1")[0]["status"] == "succeeded"
    assert "Uploaded" in ok("charger", "log", "show", log["id"])
