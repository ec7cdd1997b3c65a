"""Crowds, partners' streams and a killed server: they are measured, and errors are counted."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from benchmarks import crowds
from benchmarks.__main__ import app
from benchmarks.databases import DatabaseCpu, backend
from benchmarks.measuring import Lab
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import Ready, Target

CROWD = 8
Refuse = Callable[[ServerConnection, Request], Response | None]
ACCEPTED = {"status": "Accepted", "interval": 300}


def measured(scenarios: list[str], file: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Run scenarios with few chargers; return their rows."""
    options = ["--seconds", "0.1", "--rounds", "1", "--chargers", "2", "--json", str(file)]
    for name in scenarios:
        few = replace(SCENARIOS[name], crowd=min(SCENARIOS[name].crowd, CROWD))
        monkeypatch.setitem(SCENARIOS, name, few)
        options += ["-s", name]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    (document,) = json.loads(file.read_text())
    return {row["figure"]: row["value"] for row in document["rows"]}


@pytest.mark.timeout(120)
def test_many_at_once_are_answered_and_partners_hear_of_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenarios = ["statuses_at_once", "reconnect_at_once", "status_fan_out"]
    rows = measured(scenarios, tmp_path / "figures.json", monkeypatch)
    worst_ms = rows["50 statuses at once: worst, ms"]
    assert worst_ms >= rows["50 statuses at once: median, ms"] > 0
    assert rows["50 statuses at once: errors"] == 0
    assert rows["1,000 cut off at once: all back after, s"] > 0
    assert rows["1,000 cut off at once: errors"] == 0
    assert rows["  tries in vain"] == 0
    assert rows["status to 50 streams: p99, ms"] > rows["  from first to last of 50: p99, ms"] > 0


@pytest.mark.timeout(120)
def test_a_killed_server_comes_back_with_all_that_it_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = measured(["recovery"], tmp_path / "figures.json", monkeypatch)
    assert rows["  all are back after, s"] > rows["killed: serves again after, s"] > 0
    first_s, last_s = (
        rows["  first queued webhook after, s"],
        rows["  last queued webhook after, s"],
    )
    assert last_s >= first_s > 0
    for what in ("acknowledged and lost", "stored twice", "errors"):
        assert rows[f"killed: {what}"] == 0


@asynccontextmanager
async def lab_of(refuse: Refuse, status: str = "3") -> AsyncIterator[Lab]:
    """Serve chargers until the block is left; *status*: message type of answers to statuses."""

    async def answer(socket: ServerConnection) -> None:
        async for text in socket:
            _, number, action, _ = json.loads(text)
            if action == "BootNotification":
                await socket.send(json.dumps([3, number, ACCEPTED]))
            elif "Preparing" in str(text):
                await socket.send(f'[{status},"{number}",{{}}]')
            else:
                await socket.send(f'[3,"{number}",{{}}]')

    subprotocols = [Subprotocol("ocpp1.6")]
    async with serve(
        answer, "127.0.0.1", 0, process_request=refuse, subprotocols=subprotocols
    ) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ocpp"
        sqlite = backend("sqlite")
        target = Target(
            name="strange",
            ready=Ready(ocpp_url=url),
            process=psutil.Process(),
            database=DatabaseCpu(sqlite, ""),
            database_url="",
        )
        names = [f"CROWD-{number}" for number in range(CROWD)]
        yield Lab(target=target, backend=sqlite, seconds=0, chargers=(), crowd=names)


def let_all_in(_: ServerConnection, __: Request) -> Response | None:
    return None


def at_the_second_handshake(headers: dict[str, str]) -> Refuse:
    """Refuse each charger's second handshake, as a server does that has too much to do."""
    tries: dict[str, int] = {}

    def refuse(socket: ServerConnection, request: Request) -> Response | None:
        tries[request.path] = tries.get(request.path, 0) + 1
        if tries[request.path] != 2:
            return None
        response = socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "later\n")
        response.headers.update(headers)
        return response

    return refuse


async def test_a_charger_that_was_told_to_come_later_and_let_in_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowds, "RETRY_S", (0.0, 0.01))
    async with lab_of(at_the_second_handshake({"Retry-After": "0"})) as lab:
        figures = await crowds.reconnect_at_once(lab)
    assert (figures["retries"], figures["errors"], lab.wrong) == (CROWD, 0, [])


async def test_a_charger_that_was_told_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowds, "RETRY_S", (0.0, 0.01))
    async with lab_of(at_the_second_handshake({})) as lab:
        figures = await crowds.reconnect_at_once(lab)
    assert (figures["retries"], figures["errors"]) == (CROWD, CROWD)
    assert "503" in lab.wrong[0]


async def test_a_charger_that_is_not_let_in_in_time_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowds, "RETRY_S", (0.0, 0.01))
    async with lab_of(at_the_second_handshake({"Retry-After": "3600"})) as lab:
        figures = await crowds.reconnect_at_once(lab)
    assert (figures["retries"], figures["errors"]) == (0, CROWD)
    assert "was not back within" in lab.wrong[0]


async def test_a_refused_status_is_counted_and_told() -> None:
    async with lab_of(let_all_in, status="4") as lab:
        figures = await crowds.statuses_at_once(lab)
    assert figures["errors"] == CROWD
    assert "StatusNotification" in lab.wrong[0]
