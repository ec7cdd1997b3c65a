"""Scenarios with a partner: starts through its API, webhooks to its receiver."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

from benchmarks.charger import Charger, connected, quiet, together
from benchmarks.measuring import CONNECTORS, WARM_UP, Figures, Lab, figures_of, mark, times_of
from benchmarks.wire import ApiClient, receiving

CLIENTS: Final = 8
ENDPOINTS: Final = 8
BACKGROUND_PER_S: Final = 120
WEBHOOKS_PER_S: Final = 500
"""How many are prepared for each second of measuring."""
PAUSE_S: Final = 0.02
"""Between two starts of the idle scenarios, so that one is over before the next."""
ARRIVE_WITHIN_S: Final = 60.0
_ACCEPTED: Final = 202
_OF_A_TRANSACTION: Final = ("session.started", "session.ended")


async def start_latency(lab: Lab) -> Figures:
    """Start charges one after another on an idle platform."""
    async with booted([lab.charger(lab.chargers[0])], connectors=True) as (charger,):
        return await _starts(lab, charger)


async def start_latency_loaded(lab: Lab) -> Figures:
    """Start charges one after another while other chargers send 120 MeterValues a second."""
    chargers = [lab.charger(identity) for identity in lab.chargers]
    async with booted(chargers, connectors=True):
        first, *others = chargers
        running = await together(charger.start(1) for charger in others)
        behind = [
            asyncio.create_task(_send_readings(charger, transaction, len(others)))
            for charger, transaction in zip(others, running, strict=True)
        ]
        try:
            await asyncio.sleep(lab.seconds * WARM_UP)
            sent, began = sum(len(one.answers_s) for one in others), time.perf_counter()
            figures = await _starts(lab, first)
            sent = sum(len(one.answers_s) for one in others) - sent
            figures["background_per_second"] = sent / (time.perf_counter() - began)
        finally:
            for task in behind:
                task.cancel()
            ended = await asyncio.gather(*behind, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error
    return figures


async def start_charge_rate(lab: Lab) -> Figures:
    """Start charges from eight clients at once, each time at the connector longest at rest.

    A start is complete with its command at the charger, which refuses it, and the failed
    operation's event.
    """
    chargers = [lab.charger(identity) for identity in lab.chargers]
    free: asyncio.Queue[str] = asyncio.Queue()
    for charger in chargers:
        _free_again(charger, lab.target.ready.connectors[charger.identity], free)
    accepted_s: list[float] = []
    busy = 0
    is_over = False

    async def drive(client: ApiClient) -> None:
        nonlocal busy
        while not is_over:
            connector = await free.get()
            began = time.perf_counter()
            status, answer = await client.request("POST", "/v1/start_charge", _body(connector))
            if status == _ACCEPTED:
                accepted_s.append(time.perf_counter() - began)
            elif status == 409:  # noqa: PLR2004 - the last refusal is not recorded yet
                busy += 1
                free.put_nowait(connector)
            else:
                raise RuntimeError(f"start_charge: {status} {answer}")

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(booted(chargers, connectors=True))
        for charger in chargers:
            for connector in lab.target.ready.connectors[charger.identity]:
                free.put_nowait(connector)
        ready = lab.target.ready
        clients = [
            await stack.enter_async_context(ApiClient(ready.api_url, ready.api_key))
            for _ in range(CLIENTS)
        ]
        async with asyncio.TaskGroup() as tasks:
            for client in clients:
                tasks.create_task(drive(client))
            await asyncio.sleep(lab.seconds * WARM_UP)
            begin, first, busy = await mark(lab.target), len(accepted_s), 0
            await asyncio.sleep(lab.seconds)
            end, last = await mark(lab.target), len(accepted_s)
            is_over = True
        await quiet(chargers)
    figures = figures_of(begin, end, count=last - first)
    return {**figures, **times_of(accepted_s[first:last]), "busy": busy}


async def webhook_latency(lab: Lab) -> Figures:
    """Start transactions one after another; each is told to the partner."""
    arrived: asyncio.Queue[float] = asyncio.Queue()
    measured_s: list[float] = []
    async with AsyncExitStack() as stack:
        charger = lab.charger(lab.chargers[0])
        await stack.enter_async_context(booted([charger]))
        url = await stack.enter_async_context(
            receiving(lambda _: arrived.put_nowait(time.perf_counter()))
        )
        await stack.enter_async_context(_endpoints(lab, url, count=1, types=["session.started"]))
        begin = await mark(lab.target)
        while not measured_s or time.perf_counter() - begin.at_s < lab.seconds:
            began = time.perf_counter()
            transaction = await charger.start(1)
            async with asyncio.timeout(ARRIVE_WITHIN_S):
                measured_s.append(await arrived.get() - began)
            await charger.stop(transaction)
            await asyncio.sleep(PAUSE_S)
        end = await mark(lab.target)
    return {**figures_of(begin, end, count=len(measured_s)), **times_of(measured_s)}


async def webhook_rate(lab: Lab) -> Figures:
    """Deliver what eight endpoints have missed, as fast as one worker can."""
    transactions = max(1, round(lab.seconds * WEBHOOKS_PER_S / ENDPOINTS / len(_OF_A_TRANSACTION)))
    since = datetime.now(UTC).isoformat()
    arrived: asyncio.Queue[float] = asyncio.Queue()
    async with AsyncExitStack() as stack:
        charger = lab.charger(lab.chargers[0])
        await stack.enter_async_context(booted([charger]))
        for _ in range(transactions):
            await charger.stop(await charger.start(1))
        url = await stack.enter_async_context(
            receiving(lambda _: arrived.put_nowait(time.perf_counter()))
        )
        made = await stack.enter_async_context(
            _endpoints(lab, url, count=ENDPOINTS, types=_OF_A_TRANSACTION)
        )
        api = await _api(stack, lab)
        begin = await mark(lab.target)
        queued = 0
        for endpoint in made:
            path = f"/v1/webhook_endpoints/{endpoint}/recover"
            queued += (await api.must("POST", path, {"since": since}))["count"]
        async with asyncio.timeout(ARRIVE_WITHIN_S):
            at_s = [await arrived.get() for _ in range(queued)]
        end = await mark(lab.target)
    figures = figures_of(begin, end, count=queued)
    return {**figures, "per_second": (queued - 1) / max(at_s[-1] - at_s[0], 1e-9)}


@asynccontextmanager
async def booted(
    chargers: Sequence[Charger], *, connectors: bool = False
) -> AsyncIterator[Sequence[Charger]]:
    """Connect chargers and let them boot; they report one connector, or all."""
    async with connected(chargers):
        await together(_report(charger, CONNECTORS if connectors else 1) for charger in chargers)
        await quiet(chargers)
        yield chargers


async def _report(charger: Charger, connectors: int) -> None:
    await charger.boot()
    for number in range(1, connectors + 1):
        await charger.status(number, "Available")


async def _starts(lab: Lab, charger: Charger) -> Figures:
    arrived: asyncio.Queue[float] = asyncio.Queue()

    def note(action: str, _: Any) -> None:
        if action == "RemoteStartTransaction":
            arrived.put_nowait(time.perf_counter())

    charger.on_call = note
    measured_s: list[float] = []
    connectors = lab.target.ready.connectors[charger.identity]
    async with AsyncExitStack() as stack:
        api = await _api(stack, lab)
        begin = await mark(lab.target)
        while not measured_s or time.perf_counter() - begin.at_s < lab.seconds:
            connector = connectors[len(measured_s) % len(connectors)]
            began = time.perf_counter()
            await api.must("POST", "/v1/start_charge", _body(connector))
            async with asyncio.timeout(ARRIVE_WITHIN_S):
                measured_s.append(await arrived.get() - began)
            await asyncio.sleep(PAUSE_S)
        end = await mark(lab.target)
    return {**figures_of(begin, end, count=len(measured_s)), **times_of(measured_s)}


async def _send_readings(charger: Charger, transaction: int, chargers: int) -> None:
    """Send this charger's part of the background, by the clock and not by the answers."""
    every_s = chargers / BACKGROUND_PER_S
    due_s = time.perf_counter() + every_s * secrets.randbelow(1000) / 1000
    while True:
        await asyncio.sleep(max(due_s - time.perf_counter(), 0))
        due_s += every_s
        await charger.meter_values(1, transaction)


def _free_again(charger: Charger, connectors: Sequence[str], free: asyncio.Queue[str]) -> None:
    """Put a connector back into *free* whenever its charger is asked to start there."""

    def note(action: str, payload: Any) -> None:
        if action == "RemoteStartTransaction":
            free.put_nowait(connectors[payload["connectorId"] - 1])

    charger.on_call = note


@asynccontextmanager
async def _endpoints(
    lab: Lab, url: str, *, count: int, types: Sequence[str]
) -> AsyncIterator[list[str]]:
    """Make webhook endpoints and delete them at the end; yields their ids."""
    async with AsyncExitStack() as stack:
        api = await _api(stack, lab)
        body = {"url": url, "event_types": list(types)}
        made = [(await api.must("POST", "/v1/webhook_endpoints", body))["id"] for _ in range(count)]
        yield made
        for endpoint in made:
            await api.must("DELETE", f"/v1/webhook_endpoints/{endpoint}")


async def _api(stack: AsyncExitStack, lab: Lab) -> ApiClient:
    ready = lab.target.ready
    return await stack.enter_async_context(ApiClient(ready.api_url, ready.api_key))


def _body(connector: str) -> dict[str, str]:
    return {"request_id": secrets.token_hex(16), "connector_id": connector}
