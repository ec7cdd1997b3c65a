"""What one task leaves for another, in order and bounded; what one waits for, however it comes."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.mailbox import Flag, Mailbox


@given(st.lists(st.integers(), max_size=50), st.integers(1, 8))
def test_items_arrive_in_their_order_and_never_more_wait_than_may(
    items: list[int], limit: int
) -> None:
    async def main() -> tuple[list[int], int]:
        box: Mailbox[int | None] = Mailbox(limit)
        waiting = most = 0

        async def put() -> None:
            nonlocal waiting, most
            for item in [*items, None]:
                await box.put(item)
                waiting += 1
                most = max(most, waiting)

        putting = asyncio.create_task(put())
        taken: list[int] = []
        while (item := await box.get()) is not None:
            waiting -= 1
            taken.append(item)
            if item % 2:
                await asyncio.sleep(0)
        await putting
        return taken, most

    taken, most = asyncio.run(main())
    assert taken == items
    assert most <= limit


async def test_who_gives_up_waiting_loses_nothing() -> None:
    box: Mailbox[int] = Mailbox(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await box.get()
    await box.put(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await box.put(2)
    assert await box.get() == 1
    await box.put(3)
    assert await box.get() == 3


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
