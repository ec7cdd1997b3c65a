"""A real node in a process of its own, which can be killed in mid work."""

import asyncio
import contextlib
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.eventually import eventually

KILLED = 137
_START = "from ops.cli import main; main()"


def free_port() -> int:
    """Return a port that nobody is using now."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True, kw_only=True)
class Node:
    """``voltgate serve`` with everything in it; the same ports after each restart."""

    database_url: str
    directory: Path
    api_port: int = field(default_factory=free_port)
    operator_port: int = field(default_factory=free_port)
    ocpp_port: int = field(default_factory=free_port)
    confirm_within: str = "PT60S"
    process: Process | None = None

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def ocpp_url(self) -> str:
        return f"ws://127.0.0.1:{self.ocpp_port}/ocpp"

    async def start(self, failpoint: str = "") -> None:
        """Start the process and wait until it serves; *failpoint* kills it later."""
        environment = {
            **os.environ,
            "VOLTGATE_DATABASE_URL": self.database_url,
            "VOLTGATE_NODE_ID": "crashing-node",
            "VOLTGATE_API_PORT": str(self.api_port),
            "VOLTGATE_OPERATOR_PORT": str(self.operator_port),
            "VOLTGATE_OCPP_PORT": str(self.ocpp_port),
            "VOLTGATE_CONFIRM_WITHIN": self.confirm_within,
            "VOLTGATE_COMMAND_TIMEOUT": "PT5S",
            "VOLTGATE_WEBHOOK_TIMEOUT": "PT1S",
            "VOLTGATE_WEBHOOK_ALLOW_INSECURE": "true",
            "VOLTGATE_LOG_LEVEL": "WARNING",
            "VOLTGATE_FAILPOINT": failpoint,
        }
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _START,
            "serve",
            cwd=self.directory,
            env=environment,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
        )
        async with httpx2.AsyncClient(trust_env=False) as client:
            await eventually(lambda: self._serves(client), within_s=30)

    async def died(self) -> None:
        """Wait until the fail point has killed the process."""
        if self.process is None:
            raise AssertionError("not started")
        async with asyncio.timeout(20):
            code = await self.process.wait()
        assert code == KILLED, await self._said()

    async def stop(self) -> None:
        """End the process in an orderly way."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            async with asyncio.timeout(15):
                await self.process.communicate()
        except TimeoutError:
            self.process.kill()
            await self.process.communicate()

    async def _serves(self, client: httpx2.AsyncClient) -> bool:
        if self.process is None or self.process.returncode is not None:
            raise AssertionError(await self._said())
        try:
            return (await client.get(f"{self.api_url}/readyz")).status_code == 200
        except httpx2.HTTPError:
            return False

    async def _said(self) -> str:
        if self.process is None or self.process.stderr is None:
            return ""
        return (await self.process.stderr.read()).decode()


@contextlib.asynccontextmanager
async def node(database_url: str, directory: Path) -> AsyncIterator[Node]:
    """A node that is not started yet; ended when the block is left."""
    created = Node(database_url=database_url, directory=directory)
    try:
        yield created
    finally:
        await created.stop()
