"""The quick start of docs/partners/test-mode.md, run as it stands on the page."""

import asyncio
import json
import os
import re
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from core.kernel.settings import Settings
from core.sandbox.cast import CAST
from core.sandbox.states import Act
from ops.serve import platform
from tests.sandbox.conftest import developer

PAGE = (Path(__file__).parents[2] / "docs" / "partners" / "test-mode.md").read_text()
BLOCK = re.compile(r"^```sh title=quick-start\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MOST_COMMANDS = 14


def commands() -> list[str]:
    [block] = BLOCK.findall(PAGE)
    return [line for line in block.splitlines() if line and not line.startswith("#")]


def test_it_is_under_fifteen_commands() -> None:
    assert len(commands()) <= MOST_COMMANDS


def test_the_page_names_every_charger_and_every_helper() -> None:
    assert re.findall(r"^\| `(SIM-[A-Z]+)`", PAGE, re.MULTILINE) == list(CAST)
    named = re.findall(r"^\| `([a-z_]+)`", PAGE, re.MULTILINE)
    assert named == [act.value for act in Act]


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=False)
async def test_nothing_but_a_test_key_leads_to_a_signed_webhook(
    settings: Settings, backend: str
) -> None:
    async with platform(settings) as running, developer(running) as dev:
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-eu",
            "-c",
            "\n".join(commands()),
            env={**os.environ, "API": running.api_url or "", "KEY": dev.key},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()

        assert process.returncode == 0, err.decode()
        inbox, chargers, started, succeeded, stopped, ordered = (
            json.loads(line) for line in out.decode().splitlines() if line
        )
        assert len(chargers["data"]) == len(CAST)
        assert (started["status"], stopped["type"]) == ("accepted", "stop_charge")
        [message] = succeeded["data"]
        event = Webhook(inbox["secret"]).verify(message["body"], message["headers"])
        assert event["data"]["object"]["id"] == started["id"]
        [order] = ordered["data"]
        assert order["event"]["data"]["object"]["stop_reason"] == "partner"
