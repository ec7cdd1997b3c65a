"""What a killed server leaves behind, and how soon after its restart everything is as before."""

import asyncio
import math
import re
import time
from collections.abc import AsyncIterator, Sequence, Sized
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from benchmarks import databases
from benchmarks.charger import Charger, quiet
from benchmarks.fleet import kill
from benchmarks.habits import BackOff, Habits
from benchmarks.host import hosting
from benchmarks.ledger import findings
from benchmarks.measuring import Figures, Lab
from benchmarks.mix import Fleet, Member
from benchmarks.partner import ARRIVE_WITHIN_S
from benchmarks.servers import WITH_FRAMES, Ready
from benchmarks.wire import NO_CONTENT, ApiClient, answering

AT_ONCE: Final = 50
"""Chargers that connect and boot at a time."""
FASTER: Final = 30
"""Than a real fleet: a charger sends a reading every two seconds."""
SOON: Final = BackOff(minimum_s=0.25, random_range_s=0.25, repeats=0)
"""When chargers try to come back: so soon that the time is the server's and not theirs."""
SETTLE_WITHIN_S: Final = 60.0
_LOOK_S: Final = 0.02
_EVENT: Final = re.compile(rb"\r\nwebhook-id: *([^\r]+)\r\n", re.IGNORECASE)


async def recovery(lab: Lab) -> Figures:
    """Kill a server of its own while all charge and the webhooks of half the starts are queued.

    It is started again at once. The receiver answers nothing before the kill, so a few webhooks
    are under way then, and due again when the dead process's lease of them ends; the others wait.
    """
    is_open = False
    arrived_s: dict[bytes, float] = {}

    def answer(request: bytes) -> bytes | None:
        found = _EVENT.search(request)
        if is_open and found is not None:
            arrived_s.setdefault(found[1], time.perf_counter())
        return NO_CONTENT if is_open else None

    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(
            hosting(WITH_FRAMES, lab.backend, chargers=lab.crowd)
        )
        url, ready = host.order.database_url, await host.start()
        receiver = await stack.enter_async_context(answering(answer))
        fleet = await stack.enter_async_context(_living(ready))
        await _charge(fleet, fleet.members[::2])
        await asyncio.sleep(lab.seconds)
        async with ApiClient(ready.api_url, ready.api_key) as api:
            body = {"url": receiver, "event_types": ["session.started"]}
            await api.must("POST", "/v1/webhook_endpoints", body)
        await _charge(fleet, fleet.members[1::2])
        queued = (await databases.counts(url))["deliveries_due"]
        wrong = fleet.record.wrong
        is_open, killed_s = True, time.perf_counter()
        back = await kill(fleet, host)
        await _all_arrive(arrived_s, queued)
        fleet.rest()
        for member in fleet.members:
            member.unplug(time.perf_counter())
        async with asyncio.timeout(SETTLE_WITHIN_S):
            await fleet.settled()
        wrong = [*wrong, *fleet.record.wrong, *await findings(url)]
        kept = await fleet.ledger.compare(url)
    lab.wrong.extend([*wrong, *kept["lost_rows"], *kept["doubled_rows"]])
    after_s = sorted(at_s - killed_s for at_s in arrived_s.values())
    return {
        **back,
        "transactions": kept["starts"],
        "queued": queued,
        "first_webhook_s": after_s[0],
        "last_webhook_s": after_s[queued - 1],
        "lost": kept["lost"],
        "doubled": kept["doubled"],
        "errors": len(wrong),
    }


@asynccontextmanager
async def _living(ready: Ready) -> AsyncIterator[Fleet]:
    """Let chargers connect and boot, and do what becomes due until the block is left."""
    fleet = Fleet(habits=Habits(faster=FASTER), back_off=SOON, seed=1)
    chargers = [Charger(ready.ocpp_url, one, ready.password) for one in ready.connectors]
    fleet.members.extend(Member(charger, fleet) for charger in chargers)
    try:
        await fleet.join(AT_ONCE)
        await fleet.settled()
        await quiet(chargers)
        fleet.own(fleet.run())
        yield fleet
    finally:
        await fleet.leave()


async def _charge(fleet: Fleet, members: Sequence[Member]) -> None:
    """Let chargers begin to charge, for good; wait until their starts are answered."""
    wanted = len(fleet.ledger.starts) + len(members)
    for member in members:
        member.begin(time.perf_counter(), math.inf)
    async with asyncio.timeout(SETTLE_WITHIN_S):
        while len(fleet.ledger.starts) < wanted:  # noqa: ASYNC110 - an answer rings for nobody
            await asyncio.sleep(_LOOK_S)


async def _all_arrive(arrived_s: Sized, queued: int) -> None:
    try:
        async with asyncio.timeout(ARRIVE_WITHIN_S):
            while len(arrived_s) < queued:  # noqa: ASYNC110 - what arrives rings for nobody
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        missing = queued - len(arrived_s)
        raise RuntimeError(f"{missing} of {queued} queued webhooks did not arrive") from None
