"""The examples of the guides, run as they stand on the page."""

import asyncio
import json
import os
import re
import runpy
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.kernel.settings import Settings
from ops.serve import platform
from tests.sandbox.conftest import developer

GUIDES = Path(__file__).parents[2] / "docs" / "partners"
BLOCK = re.compile(r"^```(\w+)(?: title=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def block(guide: str, language: str, title: str = "") -> str:
    """Return the last block of a language, with that title, of a guide."""
    text = (GUIDES / guide).read_text(encoding="utf-8")
    found: list[str] = [one[2] for one in BLOCK.findall(text) if one[:2] == (language, title)]
    return found[-1]


@pytest.fixture
def backend() -> str:
    return "sqlite"


async def test_late_starts_can_be_tried_as_the_guide_says(settings: Settings) -> None:
    # SIM-LATE starts a quarter of the deadline later: enough for a busy machine to see it pass
    quick = settings.model_copy(update={"confirm_within": timedelta(seconds=6)})
    async with platform(quick) as running, developer(running) as dev:
        await dev.open_inbox()
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-eu",
            "-c",
            block("late-starts.md", "sh"),
            env={**os.environ, "API": running.api_url or "", "KEY": dev.key},
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        started, timed_out, late, stopped = (
            json.loads(line) for line in out.decode().splitlines() if line
        )
        assert process.returncode == 0
        assert started["status"] == "accepted"
        assert timed_out["data"][0]["event"]["data"]["object"]["id"] == started["id"]
        assert late["data"][0]["event"]["data"]["object"]["late_outcome"]["action"] == "kept"
        assert stopped["type"] == "stop_charge"


async def test_a_retry_as_the_guide_has_it_is_carried_out_once(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "retry.py"
    file.write_text(block("idempotency.md", "python", "retry.py"))
    control: Any = runpy.run_path(str(file))["control"]
    async with platform(settings) as running, developer(running) as dev:
        connector_id = (await dev.charger("SIM-OK"))["connector_id"]
        body = {"request_id": "trip-4711", "connector_id": connector_id}
        start = partial(control, running.api_url, dev.key, "start_charge")
        first = await asyncio.to_thread(start, body)
        again = await asyncio.to_thread(start, body)
        assert first["id"] == again["id"]
        with pytest.raises(RuntimeError, match="idempotency_key_reused"):
            await asyncio.to_thread(start, {**body, "user_ref": "another"})
