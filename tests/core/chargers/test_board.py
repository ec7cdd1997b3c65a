"""The status board: one reader for all, the last state of each connector, no more memory."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.audit.service import CLI
from core.chargers import board as board_module
from core.chargers import connector_store, registry
from core.chargers.board import Board
from core.chargers.states import ConnectorStatus
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import DatabaseUnavailable
from tests.core.chargers.making import (
    connect,
    make_charger,
    make_partner,
    make_station,
    report,
    shown,
)
from tests.eventually import eventually

AVAILABLE = ConnectorStatus.AVAILABLE
CHARGING = ConnectorStatus.CHARGING


@pytest.fixture(params=["sqlite"])
def backend(request: pytest.FixtureRequest) -> str:
    """What differs between databases is in the statements, which ``test_telling`` runs on both."""
    return str(request.param)


@pytest.fixture
async def board(db: Database) -> AsyncIterator[Board]:
    made = Board(db, every_s=0.005)
    async with made.following():
        yield made


async def ready(board: Board) -> int:
    """Wait until the board has found the end of the feed; return it."""

    async def begun() -> bool:
        return board.since(2**62) is not None

    await eventually(begun)
    return board._head or 0


async def noted(board: Board, after: int, until: int) -> list[dict[str, Any]]:
    """Return what stands on the board after a number, once it has come to another."""

    async def there() -> bool:
        return (board._head or 0) >= until

    await eventually(there)
    return [json.loads(note.event.split(b"data: ")[1]) for note in board.since(after) or ()]


async def test_the_last_state_of_each_connector_stands_there_in_order(
    db: Database, vault: Vault, board: Board
) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    charger = await make_charger(db, vault, station_id)
    await connect(db, charger.id)
    head = await ready(board)
    for reported in (AVAILABLE, CHARGING, AVAILABLE, CHARGING):
        for evse in (2, 1):
            await report(db, charger.id, reported, evse=evse)
    rows = await shown(db, partner_id)
    assert await noted(board, head, rows[-1]["seq"]) == rows
    assert len(board._notes) == 2, "however often they changed"
    assert await noted(board, rows[0]["seq"], rows[-1]["seq"]) == rows[1:]


async def test_a_board_begins_with_what_there_is_when_the_first_comes(
    db: Database, vault: Vault
) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    charger = await make_charger(db, vault, station_id)
    for evse in (1, 2):
        await report(db, charger.id, AVAILABLE, evse=evse)
    rows = await shown(db, partner_id)
    board = Board(db, every_s=0.005)
    async with board.following():
        assert await noted(board, 0, rows[-1]["seq"]) == rows


async def test_a_board_forgets_the_oldest_and_says_so(
    db: Database, vault: Vault, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_module, "MOST", 2)
    monkeypatch.setattr(board_module, "AT_ONCE", 1)
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    charger = await make_charger(db, vault, station_id)
    head = await ready(board)
    for evse in (1, 2, 3, 4):
        await report(db, charger.id, AVAILABLE, evse=evse)
    rows = await shown(db, partner_id)
    assert await noted(board, rows[1]["seq"], rows[-1]["seq"]) == rows[2:]
    assert board.since(head) is None, "what is older the database knows"


async def test_a_charger_without_a_station_is_nobodys(
    db: Database, vault: Vault, board: Board
) -> None:
    charger = await make_charger(db, vault)
    head = await ready(board)
    await report(db, charger.id, AVAILABLE)
    assert await noted(board, head, head + 1) == []


async def test_who_waits_is_woken_by_a_change(db: Database, vault: Vault, board: Board) -> None:
    charger = await make_charger(db, vault, await make_station(db))
    await ready(board)
    waits = asyncio.create_task(board.turned(within_s=60))
    await report(db, charger.id, AVAILABLE)
    await asyncio.wait_for(waits, 30)


async def test_what_a_partner_may_see_is_read_again_only_after_a_change(
    db: Database, board: Board
) -> None:
    first, second = await make_station(db), await make_station(db)
    test_id = await make_station(db, livemode=False)
    partner_id = await make_partner(db, first, test_id)

    async def seen() -> frozenset[str]:
        async with db.transaction() as tx:
            return await board.visible(tx, partner_id, livemode=True)

    assert await seen() == {first}
    assert await seen() is await seen()
    async with db.transaction() as tx:
        await registry.grant_station(tx, CLI, partner_id, second, control=False)
    assert await seen() == {first, second}
    async with db.transaction() as tx:
        await registry.revoke_station(tx, CLI, partner_id, first)
    assert await seen() == {second}
    async with db.transaction() as tx:
        assert await board.visible(tx, partner_id, livemode=False) == {test_id}


async def test_an_outage_of_the_database_ends_no_reader(
    db: Database, vault: Vault, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    charger = await make_charger(db, vault, await make_station(db))
    head = await ready(board)
    failed = asyncio.Event()

    async def away(*_: Any) -> int:
        failed.set()
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(connector_store, "last_number", away)
        await asyncio.wait_for(failed.wait(), 30)
    await report(db, charger.id, AVAILABLE)
    assert len(await noted(board, head, head + 1)) == 1


async def test_a_reader_that_broke_tells_its_followers(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def bug(*_: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(connector_store, "last_number", bug)
    board = Board(db, every_s=0.005)

    async def follow() -> None:
        async with board.following():
            while True:
                await board.turned(within_s=0.01)

    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(follow(), 30)
