"""A real node in a process of its own, which can be killed in mid work.

What it imports, one process imports for all nodes and forks them; from there on a node is on its
own: its environment, its directory, its loop, its connections. ``tests/ops/cli/test_serve.py``
starts the command line from nothing.
"""

import asyncio
import contextlib
import multiprocessing
import os
import random
import resource
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

import httpx2

from core.kernel import failpoints
from ops.cli import main
from tests.eventually import eventually

KILLED = 137
NODE_ID: Final = "crashing-node"

_forks: Final = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    ["ops.cli.serving", "ops.serve", "simulator.charger", "tests.crash.preload", __name__]
)


PORTS: Final = range(15_000, 32_000)
"""Below those that systems give to outgoing connections: one of them could take a dead node's."""


def free_port() -> int:
    """Return a port that nobody is using now, and that nobody is given unasked."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What is wrong with the machine that a node runs on.

    Attributes:
        descriptors: How many file descriptors the process may have (``RLIMIT_NOFILE``).
        clock_shift: A file with the seconds that the wall clock is off; it is read at each look.
        passes: A file that the names of all fail points are written to when they are first passed;
            nothing wrong, but only here can it be seen.
    """

    descriptors: int | None = None
    clock_shift: Path | None = None
    passes: Path | None = None


@dataclass(slots=True, kw_only=True)
class Node:
    """``voltgate serve`` with everything in it; the same ports after each restart."""

    database_url: str
    directory: Path
    api_port: int = field(default_factory=free_port)
    operator_port: int = field(default_factory=free_port)
    ocpp_port: int = field(default_factory=free_port)
    confirm_within: str = "PT60S"
    settings: dict[str, str] = field(default_factory=dict)
    """Further ``VOLTGATE_`` variables."""
    faults: Faults = field(default_factory=Faults)
    process: ForkServerProcess | None = None

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def operator_url(self) -> str:
        return f"http://127.0.0.1:{self.operator_port}"

    @property
    def ocpp_url(self) -> str:
        return f"ws://127.0.0.1:{self.ocpp_port}/ocpp"

    async def start(self, failpoint: str = "", *, may_die: bool = False) -> None:
        """Start the process and wait until it serves; *failpoint* kills it later.

        Args:
            may_die: It may do so already while it starts.
        """
        environment = {
            **os.environ,
            "VOLTGATE_DATABASE_URL": self.database_url,
            "VOLTGATE_NODE_ID": NODE_ID,
            "VOLTGATE_API_PORT": str(self.api_port),
            "VOLTGATE_OPERATOR_PORT": str(self.operator_port),
            "VOLTGATE_OCPP_PORT": str(self.ocpp_port),
            "VOLTGATE_CONFIRM_WITHIN": self.confirm_within,
            "VOLTGATE_COMMAND_TIMEOUT": "PT5S",
            "VOLTGATE_WEBHOOK_TIMEOUT": "PT1S",
            "VOLTGATE_WEBHOOK_ALLOW_INSECURE": "true",
            "VOLTGATE_LOG_LEVEL": "WARNING",
            "VOLTGATE_FAILPOINT": failpoint,
            **{f"VOLTGATE_{name.upper()}": value for name, value in self.settings.items()},
        }
        self.process = _forks.Process(
            target=_serve, args=(environment, self.directory, self._log, self.faults), daemon=True
        )
        self.process.start()
        async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
            await eventually(lambda: self._serves(client, may_die=may_die), within_s=30)

    async def dies(self, *, within_s: float) -> bool:
        """Wait until the fail point has killed the process; tell whether it has."""
        if self.process is None:
            return False
        await asyncio.to_thread(self.process.join, within_s)
        if self.process.exitcode not in (KILLED, None):
            raise AssertionError(self._said())
        return self.process.exitcode == KILLED

    async def died(self) -> None:
        """Wait until the fail point has killed the process."""
        if self.process is None:
            raise AssertionError("not started")
        await asyncio.to_thread(self.process.join, 20)
        assert self.process.exitcode == KILLED, self._said()

    @property
    def is_dead(self) -> bool:
        """Whether there is no process, or none any more."""
        return self.process is None or not self.process.is_alive()

    async def kill(self) -> None:
        """``kill -9``."""
        if self.process is not None:
            self.process.kill()
            await asyncio.to_thread(self.process.join)

    async def stop(self) -> None:
        """End the process in an orderly way."""
        if self.process is None or self.process.pid is None:
            return
        self.process.terminate()
        await asyncio.to_thread(self.process.join, 15)
        self.process.kill()
        await asyncio.to_thread(self.process.join)

    async def _serves(self, client: httpx2.AsyncClient, *, may_die: bool) -> bool:
        if self.process is None or not self.process.is_alive():
            if may_die and self.process is not None and self.process.exitcode == KILLED:
                return True
            raise AssertionError(self._said())
        try:
            return (await client.get(f"{self.api_url}/readyz")).status_code == 200
        except httpx2.HTTPError:
            return False

    @property
    def _log(self) -> Path:
        return self.directory / "node.log"

    def _said(self) -> str:
        return self._log.read_text() if self._log.exists() else ""


def _serve(environment: Mapping[str, str], directory: Path, said: Path, faults: Faults) -> None:
    """Be ``voltgate serve`` with this environment, in this forked process."""
    os.environ.clear()
    os.environ.update(environment)
    failpoints._armed = failpoints._Armed()  # it was read when the module was imported
    os.chdir(directory)
    with said.open("a") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    if faults.descriptors is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (faults.descriptors, faults.descriptors))
    if faults.clock_shift is not None:
        _shift_clock(faults.clock_shift)
    sys.argv = ["voltgate", "serve"]
    with contextlib.ExitStack() as stack:
        if faults.passes is not None:
            stack.enter_context(failpoints.told(_Noting(faults.passes)))
        main()


class _Noting:
    """Write every name down once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: set[str] = set()

    def __call__(self, name: str) -> None:
        if name not in self._known:
            self._known.add(name)
            with self._file.open("a") as output:
                output.write(f"{name}\n")


def _shift_clock(shift: Path) -> None:
    """Let this process's wall clock be off by what *shift* says, as if somebody had set it.

    Every reader of the wall clock is caught, not only those that ask the platform's clock; the
    monotonic clock goes on, as the kernel's does.
    """
    true_time = time.time

    def shifted() -> float:
        return true_time() + float(shift.read_text() or 0)

    time.time = shifted


@contextlib.asynccontextmanager
async def node(database_url: str, directory: Path) -> AsyncIterator[Node]:
    """A node that is not started yet; ended when the block is left."""
    created = Node(database_url=database_url, directory=directory)
    try:
        yield created
    finally:
        await created.stop()
