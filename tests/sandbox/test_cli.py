"""``voltgate listen`` and ``voltgate trigger``, as a developer runs them."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from core.kernel.webhook_signature import new_secret
from ops.demo.receiver import receiving
from ops.developer.triggering import RECIPES
from ops.serve import Platform
from tests.sandbox.conftest import Developer, key_of

COMMAND = [sys.executable, "-c", "from ops.cli import main; main()"]


def environment(running: Platform, key: str | None) -> dict[str, str]:
    given = {"VOLTGATE_API_URL": running.api_url or "", "VOLTGATE_API_KEY": key or ""}
    return {**os.environ, **given, "COLUMNS": "200"}


async def voltgate(running: Platform, dev: Developer, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        env=environment(running, dev.key),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@asynccontextmanager
async def listening(
    running: Platform, dev: Developer, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run ``voltgate listen``; the block begins when it is connected."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "listen",
        *arguments,
        env=environment(running, dev.key),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        while b"connected" not in (line := await process.stderr.readline()):
            assert line, "it ended"
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def test_listen_forwards_what_trigger_lets_happen_signed(
    running: Platform, dev: Developer
) -> None:
    secret = new_secret()
    async with receiving() as receiver:
        receiver.secrets.append(secret)
        arguments = ["--forward-to", receiver.url, "--secret", secret]
        arguments += ["--events", "session.ended", "--count", "1"]
        async with listening(running, dev, *arguments) as process:
            code, out, err = await voltgate(running, dev, "trigger", "session.ended")
            assert code == 0, err
            event = await receiver.wait("session.ended")

            assert await process.wait() == 0
        assert receiver.forged == 0
        assert out.split() == [event["id"], "session.ended"]
        assert event["livemode"] is False


async def test_listen_says_what_the_other_side_answered(running: Platform, dev: Developer) -> None:
    await dev.get("/v1/stations")
    arguments = ["--forward-to", "http://127.0.0.1:9/", "--count", "1"]
    async with listening(running, dev, *arguments) as process:
        await dev.helper("SIM-OK", "plug")

        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        assert line.startswith("charger.online evt_")
        assert "->" in line


@pytest.mark.impatient
@pytest.mark.parametrize("event", sorted(RECIPES))
async def test_every_event_that_can_be_triggered_is(
    running: Platform, dev: Developer, event: str
) -> None:
    await dev.open_inbox()

    code, out, err = await voltgate(running, dev, "trigger", event)

    assert code == 0, err
    event_id, type_ = out.split()
    assert type_ == event
    stored = await dev.get(f"/v1/events/{event_id}")
    assert json.loads(json.dumps(stored))["type"] == event


async def test_another_event_is_refused_with_the_list(running: Platform, dev: Developer) -> None:
    code, _, err = await voltgate(running, dev, "trigger", "partner.suspended")

    assert code == 1
    assert "order.finalized" in err


@pytest.mark.parametrize("command", [["listen"], ["trigger", "ping"]])
async def test_live_keys_and_no_keys_are_refused(
    running: Platform, dev: Developer, command: list[str]
) -> None:
    async with key_of(running, dev.partner_id, livemode=True) as live:
        code, _, err = await voltgate(running, live, *command)
        assert (code, "vg_test_" in err) == (1, True)
    nobody = Developer(dev.partner_id, "", dev.api)
    code, _, err = await voltgate(running, nobody, *command)
    assert (code, "VOLTGATE_API_KEY" in err) == (2, True)
    wrong = Developer(dev.partner_id, dev.key[:-43] + "x" * 43, dev.api)
    code, _, err = await voltgate(running, wrong, *command)
    assert (code, "invalid_credentials" in err) == (1, True)
