import asyncio
import threading

import pytest

from core.kernel.aside import Thread


async def test_works_are_done_in_their_order_beside_the_event_loop() -> None:
    thread, done = Thread("test"), list[int]()

    def work(number: int) -> int:
        done.append(number)
        return threading.get_ident()

    idents = await asyncio.gather(*(thread.run(work, number) for number in range(50)))

    assert done == list(range(50))
    assert len(set(idents)) == 1
    assert idents[0] != threading.get_ident()
    thread.close()


async def test_what_a_work_raises_is_its_callers_and_the_next_is_done() -> None:
    thread = Thread("test")

    with pytest.raises(ZeroDivisionError):
        await thread.run(divmod, 1, 0)

    assert await thread.run(divmod, 7, 2) == (3, 1)
    thread.close()


async def test_a_cancellation_takes_effect_only_at_the_end_of_the_work() -> None:
    thread, is_begun, may_end = Thread("test"), asyncio.Event(), threading.Event()
    loop, ended = asyncio.get_running_loop(), list[bool]()

    def work() -> None:
        loop.call_soon_threadsafe(is_begun.set)
        may_end.wait()
        ended.append(True)

    task = asyncio.create_task(thread.run(work))
    await is_begun.wait()
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
    may_end.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended
    thread.close()


async def test_a_closed_thread_has_done_what_was_asked_for() -> None:
    thread, done = Thread("test"), list[int]()
    tasks = [asyncio.create_task(thread.run(done.append, number)) for number in range(3)]
    await asyncio.sleep(0)

    thread.close()

    assert done == [0, 1, 2]
    assert await asyncio.gather(*tasks) == [None, None, None]


def test_a_work_that_outlives_its_loop_does_not_stop_the_thread() -> None:
    thread, may_end = Thread("test"), threading.Event()

    async def ask_and_leave() -> None:
        asked = asyncio.ensure_future(thread.run(may_end.wait))
        await asyncio.sleep(0)
        assert not asked.done()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(ask_and_leave())
    loop.close()
    may_end.set()

    assert asyncio.run(thread.run(divmod, 7, 2)) == (3, 1)
    thread.close()
