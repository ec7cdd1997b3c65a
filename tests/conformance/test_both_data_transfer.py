"""Vendors' own messages, both ways (OCPP 1.6 4.3, 5.6; 2.0.1 P01, P02)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from core.chargers import transfers
from core.chargers.transfer_models import DataTransfer
from core.commands.data_transfer import SendData
from core.commands.states import CommandStatus
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import FixedSettings, Settings
from csms.hooks import HOOKS, Hooks, Reply, Transfer
from tests.conformance.support import ask, asked_and_answered, booted, charger_of, done
from tests.csms.live import Running, running
from tests.eventually import eventually

pytestmark = [
    pytest.mark.ocpp("1.6", "DataTransfer"),
    pytest.mark.ocpp("2.0.1", "DataTransfer"),
]
VENDOR = "com.example"


@pytest.fixture
async def hooks() -> AsyncIterator[list[Transfer]]:
    """Hooks of a vendor: one answers, one fails, one hangs, two say rubbish."""
    seen: list[Transfer] = []

    async def echo(transfer: Transfer) -> Reply:
        seen.append(transfer)
        return Reply(status="Accepted", data=transfer.data)

    async def fail(_: Transfer) -> Reply:
        raise RuntimeError("a vendor's bug")

    async def hang(_: Transfer) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError

    async def rubbish(_: Transfer) -> Any:
        return {"status": "Accepted"}

    async def odd(_: Transfer) -> Reply:
        return Reply(status="Accepted", data=object())

    names = {"Echo": echo, "Fail": fail, "Hang": hang, "Rubbish": rubbish, "Odd": odd}
    for name, hook in names.items():
        HOOKS.register(VENDOR, name, hook)
    yield seen
    for name in names:
        HOOKS.unregister(VENDOR, name)


@pytest.fixture
async def server(db: Database, settings: Settings, vault: Vault) -> AsyncIterator[Running]:
    """A server whose hooks have half a second."""
    short = {"data_transfer_timeout": timedelta(seconds=0.5)}
    async with running(db, FixedSettings(**{**settings.model_dump(), **short}), vault) as server:
        yield server


async def kept(server: Running) -> Sequence[DataTransfer]:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        return await transfers.search(tx, charger_id=row.id)


async def test_a_vendor_that_nobody_knows_is_told_so_and_all_is_kept(
    server: Running, version: str
) -> None:
    async with booted(server, version) as cp:
        asked = {"vendorId": "nobody", "messageId": "m", "data": "password=hunter2"}
        assert await cp.result("DataTransfer", asked) == {"status": "UnknownVendorId"}
        (one,) = await kept(server)
        assert (one.direction, one.vendor_id, one.message_id) == ("in", "nobody", "m")
        assert (one.status, one.answer) == ("UnknownVendorId", None)
        assert "hunter2" not in str(one.data)


async def test_a_hook_answers_its_message_and_no_other(
    server: Running, version: str, hooks: list[Transfer]
) -> None:
    async with booted(server, version) as cp:
        asked = {"vendorId": VENDOR, "messageId": "Echo", "data": "ping"}
        assert await cp.result("DataTransfer", asked) == {"status": "Accepted", "data": "ping"}
        assert [(one.identity, one.ocpp_version) for one in hooks] == [("CP-1", version)]
        other = {"vendorId": VENDOR, "messageId": "Other"}
        assert await cp.result("DataTransfer", other) == {"status": "UnknownMessageId"}
        assert [one.answer for one in await kept(server)] == [None, "ping"]


@pytest.mark.parametrize("name", ["Fail", "Hang", "Rubbish", "Odd"])
async def test_a_bad_hook_costs_a_rejection_and_nothing_else(
    server: Running, version: str, hooks: list[Transfer], name: str
) -> None:
    async with booted(server, version) as cp:
        asked = {"vendorId": VENDOR, "messageId": name}
        assert await cp.result("DataTransfer", asked) == {"status": "Rejected"}
        assert "currentTime" in await cp.result("Heartbeat", {})
        assert [one.status for one in await kept(server)] == ["Rejected"]


@pytest.mark.parametrize("version", ["2.0.1"])
@pytest.mark.parametrize(
    "data", [None, 7, [1, {"a": None}], {"deep": {"er": [True]}}, "\ud800\x00"]
)
async def test_data_of_201_is_any_json(
    server: Running, version: str, hooks: list[Transfer], data: Any
) -> None:
    async with booted(server, version) as cp:
        answer = await cp.call("DataTransfer", {"vendorId": "x", "messageId": "m", "data": data})
        assert answer[2] == {"status": "UnknownVendorId"}
        assert len(await kept(server)) == 1


async def test_very_long_data_is_cut_in_what_is_kept(server: Running, version: str) -> None:
    async with booted(server, version) as cp:
        asked = {"vendorId": "x", "data": "y" * 100_000}
        assert (await cp.result("DataTransfer", asked))["status"] == "UnknownVendorId"
        (one,) = await kept(server)
        assert one.data == {"cut": "y" * transfers.MAX_DATA_CHARS}


@pytest.mark.parametrize(
    ("status", "verdict"),
    [("Accepted", CommandStatus.ANSWERED), ("UnknownVendorId", CommandStatus.ANSWERED)],
)
async def test_what_we_say_and_the_answer_are_kept(
    server: Running, version: str, status: str, verdict: CommandStatus
) -> None:
    async with booted(server, version) as cp:
        payload, row = await asked_and_answered(
            server,
            cp,
            SendData(vendor_id=VENDOR, message_id="Show", data="hello"),
            "DataTransfer",
            {"status": status, "data": "seen"},
        )
        assert payload == {"vendorId": VENDOR, "messageId": "Show", "data": "hello"}
        assert row.status is verdict

        async def is_kept() -> Sequence[DataTransfer]:
            return await kept(server)

        (one,) = await eventually(is_kept)
        assert (one.direction, one.status, one.answer) == ("out", status, "seen")
        assert one.command_id == row.id


@pytest.mark.parametrize("version", ["2.0.1"])
async def test_we_may_say_any_json_in_201(server: Running, version: str) -> None:
    async with booted(server, version) as cp:
        data = {"lines": [1, None, "three"]}
        payload, _ = await asked_and_answered(
            server,
            cp,
            SendData(vendor_id=VENDOR, data=data),
            "DataTransfer",
            {"status": "Rejected"},
        )
        assert payload == {"data": data, "vendorId": VENDOR}


@pytest.mark.parametrize("version", ["1.6"])
async def test_data_of_16_is_a_text_or_not_sent(server: Running, version: str) -> None:
    async with booted(server, version) as cp:
        row = await done(server, await ask(server, SendData(vendor_id=VENDOR, data={"no": "text"})))
        assert row.status is CommandStatus.TIMED_OUT
        assert cp.calls_of("DataTransfer") == []
        assert (await cp.result("DataTransfer", {"vendorId": "x"}))["status"] == "UnknownVendorId"


async def test_of_one_charger_the_newest_are_kept(server: Running, version: str) -> None:
    async with booted(server, version) as cp:
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            for number in range(transfers.KEPT_PER_CHARGER + 5):
                await transfers.record(
                    tx,
                    charger_id=row.id,
                    direction="in",
                    vendor_id="x",
                    message_id=None,
                    data=number,
                    status="Rejected",
                )
        await cp.result("DataTransfer", {"vendorId": "last"})
        async with server.db.transaction() as tx:
            found = await transfers.search(tx, charger_id=row.id, limit=5000)
        assert len(found) == transfers.KEPT_PER_CHARGER
        assert found[0].vendor_id == "last"


async def test_two_hooks_for_one_message_are_a_mistake(server: Running, version: str) -> None:
    async def hook(_: Transfer) -> Reply:
        return Reply(status="Accepted")

    hooks = Hooks()
    hooks.register("v", None, hook)
    with pytest.raises(ValueError, match="two hooks"):
        hooks.register("v", None, hook)
    async with booted(server, version) as cp:
        await cp.result("DataTransfer", {"vendorId": "v"})
