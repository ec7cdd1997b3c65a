"""Conversations with the server as the OCA test-case documents have them, over real sockets.

``@pytest.mark.ocpp("1.6", "Reset")`` says that a test puts a request of that action on the wire, in
either direction. It is verified here, and ``docs/ocpp-support.md`` names the test. Every frame that
the server sends in any of these tests must be valid, compact and in order.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from tests.conformance import matrix
from tests.conformance.wire import Wire, marked, watched
from tests.csms.live import Running, running


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tell ``make docs`` which test has which request on the wire."""
    if path := os.environ.get(matrix.MARKS_FILE):
        matrix.dump(session.items, Path(path))


@pytest.fixture
def backend() -> str:
    """One database is enough here: a module may ask for both with a fixture of this name."""
    return "sqlite"


@pytest.fixture(autouse=True)
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    """What crosses the sockets; checked against the marks and the schemas at the end."""
    with watched() as wire:
        yield wire
    chosen = getattr(request.node, "callspec", None)
    version = None if chosen is None else chosen.params.get("version")
    marks = marked([mark.args for mark in request.node.iter_markers("ocpp")])
    promised = {pair for pair in marks if version in (None, pair[0])}
    missing = promised - wire.calls()
    assert not missing, f"marked, but never on the wire: {sorted(missing)}"
    wire.check_the_server()


@pytest.fixture(params=["1.6", "2.0.1"])
def version(request: pytest.FixtureRequest) -> str:
    """Run the test once in each version; only the marks of that version count for it."""
    return str(request.param)


@pytest.fixture
async def server(db: Database, settings: Settings, vault: Vault) -> AsyncIterator[Running]:
    """The server for chargers, on a port of its own."""
    async with running(db, settings, vault) as server:
        yield server
