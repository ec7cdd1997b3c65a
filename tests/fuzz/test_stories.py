"""Whole stories over real sockets: each call is answered, and telling all again adds nothing."""

import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.doctor.service import examine
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.page import Page
from core.kernel.settings import Settings
from core.sessions import queries
from csms.codes import Version
from tests.csms.live import RawCharger, Running, charger, running
from tests.fuzz.mutants import written
from tests.fuzz.oracle import RESULT, due, is_valid_result
from tests.fuzz.quiet import only_errors
from tests.fuzz.stored import unstorable
from tests.fuzz.stories import Act, acts

CHARGERS = 2
TRANSACTIONS = 6


@pytest.fixture(params=["1.6", "2.0.1"])
def version(request: pytest.FixtureRequest) -> Version:
    chosen: Version = request.param
    return chosen


@dataclass
class Cast:
    """The chargers of a story; one that lost its socket comes back with its next message."""

    server: Running
    version: Version
    stack: AsyncExitStack
    sockets: dict[int, RawCharger] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    waiting: dict[int, list[str]] = field(default_factory=dict)

    async def play(self, act: Act) -> None:
        if act.text is None:
            if (cp := self.sockets.pop(act.charger, None)) is not None:
                self.lost += self.waiting.pop(act.charger, [])
                cp.socket.transport.abort()
            return
        cp = await self.socket_of(act.charger)
        await cp.send(act.text)
        self.waiting.setdefault(act.charger, []).append(act.text)

    async def socket_of(self, number: int) -> RawCharger:
        if number not in self.sockets:
            identity = f"CP-{number}"
            opened = charger(self.server, identity, self.version)
            self.sockets[number] = await self.stack.enter_async_context(opened)
            await self.sockets[number].boot()
        return self.sockets[number]

    async def settle(self) -> None:
        """Wait for the answers to all that was sent over living sockets, and judge them."""
        for number, cp in self.sockets.items():
            beat = await cp.call("Heartbeat", {}, f"end-{len(cp.answers)}")
            assert beat[0] == 3, beat
            self.judge(number, cp)

    def judge(self, number: int, cp: RawCharger) -> None:
        expected = [due(self.version, text) for text in self.waiting.pop(number, [])]
        wanted = [one for one in expected if one.message_id is not None]
        answers = [frame for frame in cp.answers if str(frame[1])[0] in "th"]
        assert [frame[1] for frame in answers] == [one.message_id for one in wanted]
        for frame, one in zip(answers, wanted, strict=True):
            said = RESULT if frame[0] == 3 else frame[2]
            assert said in one.codes, (frame, one)
            assert said != RESULT or is_valid_result(self.version, str(one.action), frame[2])
        cp.answers.clear()


async def sessions(server: Running) -> list[tuple[Any, ...]]:
    async with server.db.transaction() as tx:
        rows = (await queries.list_sessions(tx, Page(limit=500), owner=None)).rows
    return sorted((row.id, row.number, row.start_key, row.token) for row in rows)


@pytest.mark.parametrize("seed", range(2))
async def test_a_story_is_answered_whatever_its_order_and_told_again_adds_nothing(
    db: Database, settings: Settings, vault: Vault, version: Version, seed: int
) -> None:
    rng = random.Random(f"story-{version}-{seed}")  # noqa: S311
    story = acts(rng, version, chargers=CHARGERS, count=TRANSACTIONS)
    fast = settings.model_copy(update={"frames_per_second": 100_000})
    with only_errors() as errors:
        async with running(db, fast, vault) as server, AsyncExitStack() as stack:
            for number in range(CHARGERS):
                await server.add_charger(f"CP-{number}")
            cast = Cast(server, version, stack)
            for act in story:
                await cast.play(act)
            await cast.settle()
            for act in story:  # what was lost, and all the rest again
                if act.text is not None:
                    await cast.play(act)
            await cast.settle()
            before = await sessions(server)
            assert before
            for number, act in enumerate(story):
                if act.text is not None and act.text.startswith('[2,"t'):
                    _, _, rest = act.text[3:].partition(",")
                    await cast.play(Act(act.charger, f'[2,"t-again-{number}",{rest}'))
            await cast.settle()
            assert await sessions(server) == before
            async with db.transaction() as tx:
                assert await examine(tx) == []
            assert await unstorable(db) == []
    # in a story chargers dial again: an old socket may learn of it with its next command
    assert [event for event in errors if event["event"] != "socket_no_longer_ours"] == []


async def test_calls_before_the_boot_get_a_security_error_in_201_and_nothing_is_stored(
    db: Database, settings: Settings, vault: Vault
) -> None:
    rng = random.Random(1)  # noqa: S311
    story = acts(rng, "2.0.1", chargers=1, count=3)
    async with running(db, settings, vault) as server:
        await server.add_charger("CP-0")
        async with charger(server, "CP-0", "2.0.1") as cp:
            for act in story:
                if act.text is not None:
                    await cp.send(act.text)
            await cp.send(written([2, "last", "Heartbeat", {}]))
            await cp.until(lambda: bool(cp.to("last")))
            assert {frame[2] for frame in cp.answers} == {"SecurityError"}
        assert await sessions(server) == []
