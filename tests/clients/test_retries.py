"""What is sent again, after how long, and that it is carried out once."""

from collections.abc import Awaitable, Callable

import httpx2
import pytest
from voltgate_client import (
    ApiError,
    AsyncVoltgate,
    ConnectionFailed,
    Operation,
    RateLimited,
    ServerError,
    Voltgate,
)

from partner_api.problems import example
from tests.clients.conftest import Fault, Line
from tests.partner_api.scenes import Place

Act = Callable[[AsyncVoltgate], Awaitable[object]]


def problem(code: str, **headers: str) -> httpx2.Response:
    described = example(code)
    return httpx2.Response(described["status"], json=described, headers=headers)


def lost(answer: httpx2.Response) -> Exception:
    """The platform has done it, and the answer is lost."""
    assert answer.status_code < 300
    return httpx2.ReadError("connection reset")


def read(client: AsyncVoltgate) -> Awaitable[object]:
    return client.partner.get()


def make(client: AsyncVoltgate) -> Awaitable[object]:
    return client.webhook_endpoints.create(url="http://127.0.0.1:9999/hook")


def remove(client: AsyncVoltgate) -> Awaitable[object]:
    return client.webhook_endpoints.delete("we_01jd7zk3v5q8m2n4r6t8w0y2a4")


async def test_an_answer_that_is_lost_makes_one_operation(line: Line, place: Place) -> None:
    line.way.faults = [lost, httpx2.ReadTimeout("slow"), problem("internal_error")]

    operation = await line.client.start_charge(connector_id=place.connector_id)

    assert operation.request_id == "made-1"
    bodies = {request.content for request in line.way.seen}
    assert (len(line.way.seen), len(bodies)) == (4, 1), "four times the same"
    found = [one async for one in line.client.operations.list()]
    assert [one.id for one in found] == [operation.id]
    assert await line.client.operations.find("made-1") == operation


async def test_the_ids_of_the_caller_are_kept(line: Line, place: Place) -> None:
    line.way.faults = [lost]
    operation = await line.client.start_charge(connector_id=place.connector_id, request_id="mine")
    assert operation.request_id == "mine"


async def test_who_gets_no_answer_at_all_is_told_which_id_to_repeat(
    line: Line, place: Place
) -> None:
    line.way.faults = [lost, *[httpx2.ConnectError("refused")] * 3]
    with pytest.raises(ConnectionFailed) as failed:
        await line.client.start_charge(connector_id=place.connector_id)
    request_id = failed.value.sent_request_id
    assert request_id == "made-1"

    again = await line.client.start_charge(connector_id=place.connector_id, request_id=request_id)

    assert [one.id async for one in line.client.operations.list()] == [again.id]


@pytest.mark.parametrize(
    "fault",
    [
        httpx2.ConnectError("refused"),
        httpx2.ConnectTimeout("slow"),
        httpx2.PoolTimeout("busy"),
        problem("rate_limited"),
        problem("too_many_active_operations"),
    ],
    ids=lambda fault: type(fault).__name__,
)
@pytest.mark.parametrize("act", [read, make])
async def test_what_has_done_nothing_is_repeated_whatever_it_is(
    line: Line, act: Act, fault: Fault
) -> None:
    line.way.faults = [fault]
    assert await act(line.client)
    assert len(line.way.seen) == 2


@pytest.mark.parametrize(
    "fault",
    [
        httpx2.ReadTimeout("slow"),
        httpx2.WriteError("broken"),
        httpx2.RemoteProtocolError("half an answer"),
        problem("internal_error"),
        problem("overloaded"),
        httpx2.Response(502, text="<html>Bad gateway"),
        httpx2.Response(504),
    ],
    ids=str,
)
async def test_what_may_have_done_something_is_repeated_only_where_that_is_the_same(
    line: Line, fault: Fault
) -> None:
    line.way.faults = [fault]
    assert await read(line.client)
    assert len(line.way.seen) == 2
    for act in (make, remove):
        line.way.seen.clear()
        line.way.faults = [fault]
        with pytest.raises((ConnectionFailed, ServerError)):
            await act(line.client)
        assert len(line.way.seen) == 1


@pytest.mark.parametrize(
    "code",
    [
        "invalid_parameter",
        "invalid_credentials",
        "temporarily_banned",
        "not_found",
        "connector_busy",
        "charger_offline",
        "conflict",
        "idempotency_key_reused",
        "not_implemented",
    ],
)
async def test_what_would_be_answered_the_same_is_not_repeated(line: Line, code: str) -> None:
    line.way.faults = [problem(code)]
    with pytest.raises(ApiError):
        await read(line.client)
    assert (len(line.way.seen), line.slept) == (1, [])


async def test_the_same_request_on_its_way_is_waited_for(line: Line, place: Place) -> None:
    line.way.faults = [problem("request_in_progress")]
    assert await line.client.start_charge(connector_id=place.connector_id)
    assert len(line.way.seen) == 2


async def test_pauses_grow_and_end(line: Line) -> None:
    line.way.faults = [httpx2.ReadTimeout("slow")] * 9
    with pytest.raises(ConnectionFailed, match="slow"):
        await read(line.client)
    assert line.slept == [0.5, 1, 2]


async def test_retry_after_is_kept(line: Line) -> None:
    line.way.faults = [
        problem("rate_limited", **{"retry-after": "17"}),
        problem("dependency_unavailable", **{"retry-after": "2"}),
        problem("rate_limited", **{"retry-after": "soon"}),
    ]
    assert await read(line.client)
    assert line.slept == [17, 2, 2]


async def test_nobody_waits_for_minutes_unawares(line: Line) -> None:
    line.way.faults = [problem("rate_limited", **{"retry-after": "600"})]
    with pytest.raises(RateLimited) as refused:
        await read(line.client)
    assert (refused.value.retry_after, line.slept) == (600, [])


async def test_pauses_are_spread(line: Line) -> None:
    retrying = line.client.sessions._sender.retrying
    failed = ConnectionFailed("no")
    spread = type(retrying)(99, lambda: 1.0)
    assert spread.delay_s(failed, 0, repeatable=True) == 0.25
    assert [spread.delay_s(failed, n, repeatable=True) for n in (5, 50, 98)] == [4, 4, 4]
    assert spread.delay_s(failed, 99, repeatable=True) is None


async def test_who_wants_no_retries_gets_none(line: Line) -> None:
    http = httpx2.AsyncClient(transport=line.way)
    line.way.faults = [httpx2.ConnectError("refused")]
    client = AsyncVoltgate("k", "http://api.test", http=http, max_retries=0)
    with pytest.raises(ConnectionFailed):
        await client.partner.get()
    assert len(line.way.seen) == 1


def test_threads_get_the_same_rules() -> None:
    """The code is made from the other; this is that it works."""
    faults = [httpx2.ReadTimeout("slow"), problem("rate_limited", **{"retry-after": "3"})]
    bodies: list[bytes] = []
    slept: list[float] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        bodies.append(request.content)
        fault = faults.pop(0) if faults else None
        if isinstance(fault, Exception):
            raise fault
        if isinstance(fault, httpx2.Response):
            return fault
        now = "2026-01-31T12:00:00.000Z"
        times = dict.fromkeys(("created_at", "updated_at", "deadline_at"), now)
        made = {"id": "op_1", "type": "unlock_connector", "request_id": "made", "livemode": True}
        state = {"status": "succeeded", "stage": "unlocked", "connector_id": "con_1"}
        more = {"metadata": {}, "sequence": 1, "timeline": []}
        return httpx2.Response(202, json=made | state | times | more)

    client = Voltgate(
        "k",
        "http://api.test/",
        http=httpx2.Client(transport=httpx2.MockTransport(answer)),
        sleep=slept.append,
        chance=lambda: 0.0,
    )
    operation = client.unlock_connector(connector_id="con_1")
    assert isinstance(operation, Operation)
    assert operation.wait() is operation, "it is final"
    assert (len(bodies), len(set(bodies)), slept) == (3, 1, [0.5, 3])
