"""What one task leaves for another, in order; what one waits for, however it comes."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.mailbox import Flag, Mailbox


@given(st.lists(st.integers(), max_size=50))
def test_items_arrive_in_their_order(items: list[int]) -> None:
    async def main() -> list[int]:
        box: Mailbox[int | None] = Mailbox()

        async def put() -> None:
            for item in [*items, None]:
                box.put(item)
                if item is not None and item % 3 == 0:
                    await asyncio.sleep(0)

        putting = asyncio.create_task(put())
        taken: list[int] = []
        while (item := await box.get()) is not None:
            taken.append(item)
            if item % 2:
                await asyncio.sleep(0)
        await putting
        assert len(box) == 0
        return taken

    assert asyncio.run(main()) == items


async def test_who_gives_up_waiting_loses_nothing() -> None:
    box: Mailbox[int] = Mailbox()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await box.get()
    box.put(1)
    box.put(2)
    assert len(box) == 2
    assert [await box.get(), await box.get()] == [1, 2]


async def test_a_flag_lets_through_who_waits_and_who_comes() -> None:
    flag = Flag()
    waits = asyncio.create_task(flag.wait())
    await asyncio.sleep(0)
    flag.set()
    await waits
    await flag.wait()
    flag.clear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await flag.wait()


async def test_a_flag_that_is_cleared_at_once_holds_back_who_waited() -> None:
    flag = Flag()
    waits = asyncio.create_task(flag.wait())
    await asyncio.sleep(0)
    flag.set()
    flag.clear()
    await asyncio.sleep(0)
    assert not waits.done()
    flag.set()
    await waits
