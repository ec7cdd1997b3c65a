"""The steps of docs/partners/reconciling.md, run as they stand on the page."""

import asyncio
import os
import re
from pathlib import Path

import pytest

from core.kernel.settings import Settings
from core.kernel.times import rfc3339
from ops.serve import platform
from tests.eventually import eventually
from tests.sandbox.conftest import developer

PAGE = (Path(__file__).parents[2] / "docs" / "partners" / "reconciling.md").read_text()
BLOCK = re.compile(r"^```sh title=reconcile\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=False)
async def test_after_the_steps_nothing_is_missed(settings: Settings, backend: str) -> None:
    [script] = BLOCK.findall(PAGE)
    async with platform(settings) as running, developer(running) as dev:
        endpoint = await dev.open_inbox()
        path = f"/v1/webhook_endpoints/{endpoint['id']}"

        async def at_rest() -> bool:
            return not (await dev.get(f"{path}/deliveries?status=due"))["data"]

        await eventually(at_rest, within_s=30)
        last_seq = (await dev.get("/v1/events?limit=200"))["next_seq"]
        since = rfc3339(running.db.now())
        await dev.call("PATCH", path, {"enabled": False})
        for number in range(3):
            body = {"name": f"key {number}", "scopes": ["events:read"]}
            await dev.call("POST", "/v1/api_keys", body, status=201)
        created = await dev.get(f"/v1/events?after_seq={last_seq}&type=key.created")
        missed = {event["id"] for event in created["data"]}
        assert len(missed) == 3

        process = await asyncio.create_subprocess_exec(
            "bash",
            "-euo",
            "pipefail",
            "-c",
            script,
            env={
                **os.environ,
                "API": running.api_url or "",
                "KEY": dev.key,
                "ENDPOINT": endpoint["id"],
                "SINCE": since,
                "LAST_SEQ": str(last_seq),
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        said = out.decode()

        assert process.returncode == 0, err.decode()
        [count] = re.findall(r'"object":"replay","count":(\d+),"has_more":false', said)
        assert int(count) >= len(missed)
        assert missed <= set(re.findall(r"^evt_\w+$", said, re.MULTILINE))
        [read_up_to] = re.findall(r"^LAST_SEQ=(\d+)$", said, re.MULTILINE)
        assert int(read_up_to) >= max(event["seq"] for event in created["data"])

        async def arrived() -> bool:
            inbox = (await dev.get("/v1/test_helpers/inbox"))["data"]
            return missed <= {message["event_id"] for message in inbox}

        await eventually(arrived, within_s=30)
        health = (await dev.get(path))["health"]
        assert health["status"] == "ok"
