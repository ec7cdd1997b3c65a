"""What nobody waits for is asked in turn, and of one charger at a time while a crowd comes in."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.commands.commands import Unlock
from core.commands.states import CommandStatus
from csms.background import AT_ONCE, AT_ONCE_IN_A_CROWD, BOOTS_OF_A_CROWD, Background
from tests.csms.live import Running, charger
from tests.csms.test_commands import ask, until

ANSWERS = {
    "ChangeConfiguration": {"status": "Accepted"},
    "GetConfiguration": {},
    "TriggerMessage": {"status": "Accepted"},
}


@dataclass(eq=False)
class Charger:
    """What stands for a connection: counts how often it has looked."""

    charger_id: str
    is_at_work: bool = False
    looked: int = 0

    def look(self) -> bool:
        self.looked += 1
        return not self.is_at_work


def chargers(count: int) -> list[Charger]:
    return [Charger(f"cp_{number}") for number in range(count)]


def having_looked(all_of_them: list[Charger]) -> int:
    return sum(one.looked for one in all_of_them)


def test_few_are_asked_at_a_time_and_each_that_has_looked_makes_room() -> None:
    turns, crowd = Background(), chargers(AT_ONCE + 2)
    for one in crowd:
        turns.add(one)
    assert having_looked(crowd) == AT_ONCE
    turns.looked(crowd[3])
    assert having_looked(crowd) == AT_ONCE + 1
    turns.forget(crowd[4])
    assert having_looked(crowd) == AT_ONCE + 2
    assert turns.is_idle


def test_who_is_asked_something_already_takes_nobodys_turn() -> None:
    turns, crowd = Background(), chargers(AT_ONCE * 3)
    for one in crowd:
        one.is_at_work = True
        turns.add(one)
    assert having_looked(crowd) == len(crowd)


def test_while_logins_wait_one_at_a_time_is_asked() -> None:
    queue = [True]
    turns, crowd = Background(), chargers(10)
    turns.heed(lambda: False)
    turns.heed(lambda: bool(queue))
    for one in crowd:
        turns.add(one)
    assert having_looked(crowd) == AT_ONCE_IN_A_CROWD
    turns.looked(crowd[0])
    assert having_looked(crowd) == 2
    queue.clear()
    turns.go_on()
    assert having_looked(crowd) == 10


@given(boots=st.integers(0, 3 * BOOTS_OF_A_CROWD))
def test_many_boots_that_wait_for_their_answers_are_a_crowd(boots: int) -> None:
    turns, crowd = Background(), chargers(AT_ONCE)
    for _ in range(boots):
        turns.boot_began()
    for one in crowd:
        turns.add(one)
    is_crowd = boots >= BOOTS_OF_A_CROWD
    assert having_looked(crowd) == (AT_ONCE_IN_A_CROWD if is_crowd else AT_ONCE)
    for _ in range(boots):
        turns.boot_ended()
    assert having_looked(crowd) == AT_ONCE


class Everyone(RuleBasedStateMachine):
    """Whatever comes when: few at a time, and everyone who was given a turn looks after that."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = Background()
        self.is_crowd = False
        self.turns.heed(lambda: self.is_crowd)
        self.chargers = chargers(AT_ONCE * 2)
        self.before: dict[Charger, int] = {}

    @rule(number=st.integers(0, AT_ONCE * 2 - 1))
    def add(self, number: int) -> None:
        self.before[self.chargers[number]] = self.chargers[number].looked
        self.turns.add(self.chargers[number])

    @rule(number=st.integers(0, AT_ONCE * 2 - 1))
    def looked(self, number: int) -> None:
        self.turns.looked(self.chargers[number])

    @rule(number=st.integers(0, AT_ONCE * 2 - 1))
    def end(self, number: int) -> None:
        gone = self.chargers[number]
        self.turns.forget(gone)
        self.before.pop(gone, None)
        self.chargers[number] = Charger(gone.charger_id)

    @rule()
    def crowd(self) -> None:
        self.is_crowd = True

    @precondition(lambda self: self.is_crowd)
    @rule()
    def calm(self) -> None:
        self.is_crowd = False
        self.turns.go_on()

    @invariant()
    def few_at_a_time(self) -> None:
        assert len(self.turns._going_on) <= AT_ONCE

    def teardown(self) -> None:
        self.is_crowd = False
        self.turns.go_on()
        for _ in range(3):
            for one in self.chargers:
                self.turns.looked(one)
        assert self.turns.is_idle
        assert all(one.looked > before for one, before in self.before.items())


TestEveryone = Everyone.TestCase


async def test_in_a_crowd_drivers_come_first_and_each_charger_is_asked_in_the_end(
    server: Running,
) -> None:
    async with AsyncExitStack() as stack:
        crowd = []
        for number in range(4):
            identity = f"CP-{number}"
            await server.add_charger(identity)
            replies = {"UnlockConnector": {"status": "Unlocked"}}
            raw = charger(server, identity, replies=replies)
            crowd.append(await stack.enter_async_context(raw))
        node = next(iter(server.csms.connections.values()))._node
        node.background.heed(lambda: True)  # more and more of them come
        await asyncio.gather(*(one.boot() for one in crowd))
        first = crowd[0]
        unlocking = await ask(server, Unlock(evse=1, connector=1), identity="CP-3")
        for one in crowd:
            one.replies.update(ANSWERS)
            for call in [call for call in one.calls if call[2] in ANSWERS]:
                await one.send([3, call[1], ANSWERS[call[2]]])
        await until(server, unlocking, CommandStatus.ANSWERED)
        for one in crowd:
            await one.called("GetConfiguration")
        assert len(first.calls_of("GetConfiguration")) == 1
