"""From nothing to a signed webhook: the blocks of the pages, run as they stand there."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from core.kernel.settings import Settings
from core.kernel.webhook_signature import new_secret, sign
from core.sandbox.cast import CAST
from ops.serve import Platform, platform

PAGES = Path(__file__).parents[2] / "docs" / "partners"
MOST_COMMANDS = 14
MOST_LINES = 19
LOCAL = "http://127.0.0.1:8080"


def block(page: str, language: str) -> str:
    fence = rf"^```{language} title=quick-start\n(.*?)^```$"
    [found] = re.findall(fence, (PAGES / page).read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


def commands() -> list[str]:
    """The commands of the shell; one that goes on in further lines has them indented."""
    lines = block("quick-start.md", "sh").splitlines()
    return [line for line in lines if line and not line.startswith(("#", " "))]


@pytest.fixture
def backend() -> str:
    """Nothing here is a matter of the database."""
    return "sqlite"


@pytest.fixture
async def running(settings: Settings) -> AsyncIterator[Platform]:
    async with platform(settings) as started:
        yield started


async def run(*command: str, **environment: str) -> list[str]:
    """Return the lines that a program prints."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return [line for line in out.decode().splitlines() if line]


async def test_curl_and_the_client_lead_from_nothing_to_a_signed_webhook(running: Platform) -> None:
    url = running.api_url or ""
    script = block("quick-start.md", "sh")
    program = block("python.md", "python")
    assert LOCAL in program
    shell, python = await asyncio.gather(
        run("bash", "-eu", "-c", script, API=url),
        run(sys.executable, "-c", program.replace(LOCAL, url)),
    )

    application, started, found, verdict, stopped, ordered = shell
    assert json.loads(application)["status"] == "submitted"
    assert json.loads(started)["status"] == "accepted"
    [received] = json.loads(found)["data"]
    assert received["event"]["data"]["object"]["request_id"] == "first-1"
    assert verdict == "the signature is right"
    assert json.loads(stopped)["type"] == "stop_charge"
    [order] = json.loads(ordered)["data"]
    assert order["event"]["data"]["object"]["stop_reason"] == "partner"

    event, status = python
    assert re.fullmatch(r"operation\.succeeded cs_\w+", event)
    assert status == "succeeded"


SECRET = new_secret()
BODY = json.dumps(
    {"id": "evt_1", "city": "K\u00f6ln", "odd": '" \\ \n $HOME %s `x`'}, ensure_ascii=False
)


def message(body: str, *, signed: str) -> str:
    """Return the inbox as the API shows it, with one message."""
    signature = sign([SECRET], message_id="evt_1", timestamp=1_795_262_400, body=signed.encode())
    names = {"webhook-id": "evt_1", "webhook-timestamp": "1795262400"}
    headers = names | {"webhook-signature": signature}
    shown = {"headers": headers, "body": body, "event": json.loads(body), "received_at": "-"}
    return msgspec.json.encode({"object": "list", "data": [shown], "has_more": False}).decode()


async def test_the_shell_tells_a_forged_webhook_from_a_true_one() -> None:
    whole = block("quick-start.md", "sh")
    check = whole.partition("# 5.")[2].partition("# 6.")[0].partition("\n")[2]
    [value] = [line for line in commands() if line.startswith("value()")]
    script = f"{value}\n{check.rstrip()} || echo refused"

    for body, said in (
        (BODY, "the signature is right"),
        (BODY.replace("evt_1", "evt_2"), "refused"),
    ):
        found = message(body, signed=BODY)
        assert await run("bash", "-eu", "-c", script, MESSAGE=found, SECRET=SECRET) == [said]


def test_they_are_as_short_as_promised() -> None:
    assert len(commands()) <= MOST_COMMANDS
    lines = [line for line in block("python.md", "python").splitlines() if line]
    assert len(lines) <= MOST_LINES


def test_the_first_charger_of_the_sandbox_is_the_good_one() -> None:
    assert next(iter(CAST)) == "SIM-OK"
