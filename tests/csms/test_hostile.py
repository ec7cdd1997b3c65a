import asyncio
import json
from typing import Any

import pytest

from core.kernel.settings import Settings
from tests.csms.hostile_frames import ACCEPTED, HOSTILE_FRAMES
from tests.csms.live import RawCharger, Running, charger, closed


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"frames_per_second": 100_000})


def answer_of(frame: list[Any]) -> tuple[str, str]:
    return frame[1], ACCEPTED if frame[0] == 3 else frame[2]


async def booted(cp: RawCharger) -> None:
    assert (await cp.boot())["status"] == "Accepted"
    await cp.until(lambda: len(cp.calls) >= 1)


async def test_s9_hostile_frames_get_their_codes_and_disturb_nobody(
    server: Running, version: str
) -> None:
    """Every hostile frame over one socket, while another charger beats its heart."""
    await server.add_charger("EVIL")
    await server.add_charger("GOOD")
    async with charger(server, "EVIL", version) as evil, charger(server, "GOOD", version) as good:
        await booted(evil)
        await booted(good)
        for number, hostile in enumerate(HOSTILE_FRAMES):
            count = len(evil.answers)
            await evil.send(hostile.text)
            beat, _ = await asyncio.gather(
                evil.call("Heartbeat", {}, f"beat{number}"), good.result("Heartbeat", {})
            )
            assert beat[0] == 3, hostile.name
            answers = [answer_of(frame) for frame in evil.answers[count:-1]]
            expected = hostile.answer(version)
            assert answers == ([] if expected is None else [expected]), hostile.name
            assert all(len(json.dumps(frame)) < 1000 for frame in evil.answers[count:])


async def test_s9_unsolicited_answers_by_the_thousand_leave_no_trace(
    server: Running, version: str
) -> None:
    await server.add_charger()
    async with charger(server, version=version) as cp:
        await booted(cp)
        for number in range(5000):
            kind = '"GenericError","",{}' if number % 2 else "{}"
            await cp.send(f'[{4 if number % 2 else 3},"u{number}",{kind}]')
        assert (await cp.call("Heartbeat", {}, "beat"))[0] == 3
        assert [frame[1] for frame in cp.answers if frame[1] != "m1"] == ["beat"]


async def test_a_frame_above_the_limit_ends_only_its_own_session(
    server: Running, version: str
) -> None:
    await server.add_charger("EVIL")
    await server.add_charger("GOOD")
    async with charger(server, "EVIL", version) as evil, charger(server, "GOOD", version) as good:
        await booted(good)
        await evil.send(json.dumps([2, "big", "Heartbeat", {"a": "x" * 300_000}]))
        assert await closed(evil) == 1009
        assert (await good.call("Heartbeat", {}))[0] == 3
    async with charger(server, "EVIL", version) as evil:
        await booted(evil)
