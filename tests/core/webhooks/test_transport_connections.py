"""S16: each attempt checks what the name resolves to; connections are kept only as far as safe."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import pytest

from core.webhooks.answers import AttemptError
from core.webhooks.connections import IDLE_IN_ALL, IDLE_PER_HOST, system_resolver
from core.webhooks.networks import IPAddress
from core.webhooks.transport import Transport
from tests.core.webhooks.hostile_addresses import NOT_PUBLIC
from tests.core.webhooks.receiver import (
    HOST,
    OK,
    Answer,
    Names,
    deliver,
    endless,
    receiving,
    saying,
    stalling,
)

LOOPBACK = ip_address("127.0.0.1")
FORBIDDEN = [address for address, kind in NOT_PUBLIC if kind != "loopback"]


@pytest.fixture
async def names() -> Names:
    return Names("127.0.0.1")


@pytest.fixture
async def transport(names: Names) -> AsyncIterator[Transport]:
    async with Transport(resolve=names, allow_insecure=True, allow_loopback=True) as transport:
        yield transport


async def test_s16_a_name_that_is_rebound_is_refused_at_the_next_attempt(
    transport: Transport, names: Names
) -> None:
    """The open connection to the address that was fine is not used for it either."""
    async with receiving() as receiver:
        assert (await deliver(transport, receiver)).is_delivered
        names.addresses = [ip_address("10.0.0.7")]
        result = await deliver(transport, receiver)
        assert result.error is AttemptError.FORBIDDEN_ADDRESS
        assert result.detail == "the host resolves to an address that is not public (private)"
        assert len(receiver.requests) == 1


async def test_s16_a_name_that_has_moved_gets_a_new_connection(
    transport: Transport, names: Names
) -> None:
    async with receiving() as receiver:
        assert (await deliver(transport, receiver)).is_delivered
        names.addresses = [ip_address("127.0.0.2")]
        result = await deliver(transport, receiver)
    assert result.error is AttemptError.CONNECT_FAILED, "nobody listens there"
    assert transport.idle.by_key == {}


async def test_s16_the_name_is_resolved_once_an_attempt_and_never_by_the_socket() -> None:
    """A resolver that answers differently the second time has no second time."""
    answers: list[Sequence[IPAddress]] = [[LOOPBACK], [ip_address("169.254.169.254")]]

    async def rebinding(host: str) -> Sequence[IPAddress]:
        return answers.pop(0)

    async with (
        Transport(resolve=rebinding, allow_insecure=True, allow_loopback=True) as transport,
        receiving() as receiver,
    ):
        assert (await deliver(transport, receiver)).is_delivered
        assert len(answers) == 1
        assert (await deliver(transport, receiver)).error is AttemptError.FORBIDDEN_ADDRESS
        assert receiver.connections == 1


@pytest.mark.parametrize("address", FORBIDDEN)
async def test_s16_one_forbidden_address_among_the_answers_refuses_the_attempt(
    transport: Transport, names: Names, address: str
) -> None:
    names.addresses = [LOOPBACK, ip_address(address)]
    async with receiving() as receiver:
        result = await deliver(transport, receiver)
    assert result.error is AttemptError.FORBIDDEN_ADDRESS
    assert receiver.connections == 0


async def test_s16_loopback_is_refused_without_the_development_setting(names: Names) -> None:
    async with Transport(resolve=names, allow_insecure=True) as transport, receiving() as receiver:
        result = await deliver(transport, receiver)
    assert result.error is AttemptError.FORBIDDEN_ADDRESS
    assert receiver.connections == 0


async def test_localhost_is_loopback_without_a_name_server(
    transport: Transport, names: Names
) -> None:
    async with receiving() as receiver:
        assert (await deliver(transport, receiver, host="localhost")).is_delivered
        assert (await deliver(transport, receiver, host="app.localhost")).is_delivered
    assert names.asked == []


async def test_attempts_in_a_row_use_one_connection(transport: Transport) -> None:
    async with receiving() as receiver:
        for _ in range(5):
            assert (await deliver(transport, receiver)).is_delivered
    assert (receiver.connections, len(receiver.requests)) == (1, 5)


async def test_attempts_at_once_use_a_connection_each_and_leave_a_few(
    transport: Transport,
) -> None:
    count = IDLE_PER_HOST + 4
    async with receiving() as receiver:
        results = await asyncio.gather(*(deliver(transport, receiver) for _ in range(count)))
        assert all(result.is_delivered for result in results)
        assert receiver.connections == count
        assert [len(kept) for kept in transport.idle.by_key.values()] == [IDLE_PER_HOST]


async def test_a_connection_that_the_receiver_closed_meanwhile_is_replaced(
    transport: Transport,
) -> None:
    """It says keep-alive and hangs up on the second request: no attempt is lost for it."""
    hang_up = saying(b"", close=True)
    async with receiving(saying(OK), hang_up, saying(OK)) as receiver:
        assert (await deliver(transport, receiver)).is_delivered
        assert (await deliver(transport, receiver)).is_delivered
    assert (receiver.connections, len(receiver.requests)) == (2, 3)


async def test_a_receiver_that_always_hangs_up_is_not_asked_forever(
    transport: Transport,
) -> None:
    async with receiving(saying(OK), saying(b"", close=True)) as receiver:
        assert (await deliver(transport, receiver)).is_delivered
        assert (await deliver(transport, receiver)).error is AttemptError.INVALID_RESPONSE
    assert len(receiver.requests) == 3


@pytest.mark.parametrize(
    ("first", "timeout_s"),
    [
        (saying(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), 10.0),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"x" * 99_999), 10.0),
        (stalling(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), 1.0),
    ],
    ids=["close", "too long", "unfinished"],
)
async def test_a_connection_whose_answer_was_not_read_to_its_end_is_closed(
    transport: Transport, first: Answer, timeout_s: float
) -> None:
    async with receiving(first, saying(OK)) as receiver:
        assert (await deliver(transport, receiver, timeout_s=timeout_s)).is_delivered
        assert (await deliver(transport, receiver)).excerpt == "ok"
    assert receiver.connections == 2


async def test_the_limit_of_an_answer_counts_for_each_attempt(transport: Transport) -> None:
    body = b"x" * 40_000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + body
    async with receiving(saying(answer)) as receiver:
        for _ in range(3):
            assert (await deliver(transport, receiver)).is_delivered
    assert receiver.connections == 1


async def test_idle_connections_are_bounded_over_all_hosts(transport: Transport) -> None:
    async with receiving() as receiver:
        for number in range(IDLE_IN_ALL + 5):
            host = f"h{number}.partner.example"
            assert (await deliver(transport, receiver, host=host)).is_delivered
        assert sum(map(len, transport.idle.by_key.values())) == IDLE_IN_ALL


async def test_the_system_resolver_asks_for_the_absolute_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the final dot, resolv.conf's search list could turn it into an internal name."""
    asked: list[str] = []

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [
            (socket.AF_INET6, 1, 6, "", ("fe80::1%lo", 0, 0, 1)),
            (socket.AF_INET, 1, 6, "", ("127.0.0.1", 0)),
            (socket.AF_INET, 2, 17, "", ("127.0.0.1", 0)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with ThreadPoolExecutor(1) as threads:
        found = await system_resolver(threads)("hooks.partner.example")
    assert asked == ["hooks.partner.example."]
    assert found == [ip_address("fe80::1%lo"), LOOPBACK]


async def test_connections_that_receivers_have_closed_are_swept_up(transport: Transport) -> None:
    async with receiving(saying(OK)) as receiver:
        assert (await deliver(transport, receiver, host="gone.partner.example")).is_delivered
    transport.idle.swept_at = -1e9
    async with receiving() as receiver:
        assert (await deliver(transport, receiver)).is_delivered
        assert list(transport.idle.by_key) == [("http", HOST, receiver.port)]


async def test_an_oversized_answer_on_a_kept_connection_is_not_tried_again(
    transport: Transport,
) -> None:
    filler = endless(b"HTTP/1.1 200 OK\r\n", b"X-Filler: xxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n")
    async with receiving(saying(OK), filler) as receiver:
        assert (await deliver(transport, receiver)).is_delivered
        assert (await deliver(transport, receiver)).error is AttemptError.RESPONSE_TOO_LARGE
        assert len(receiver.requests) == 2


async def test_a_name_without_addresses_does_not_resolve(
    transport: Transport, names: Names
) -> None:
    names.addresses = []
    async with receiving() as receiver:
        assert (await deliver(transport, receiver)).error is AttemptError.NAME_NOT_RESOLVED


async def test_attempts_that_fail_together_do_not_trip_over_each_other(
    transport: Transport,
) -> None:
    everyone, arrived = asyncio.Event(), []

    async def break_off(writer: asyncio.StreamWriter) -> None:
        arrived.append(writer)
        if len(arrived) == 20:
            everyone.set()
        await everyone.wait()
        writer.write(b"nonsense\r\n\r\n")

    async with receiving(break_off) as receiver:
        results = await asyncio.gather(*(deliver(transport, receiver) for _ in range(20)))
    assert {result.error for result in results} == {AttemptError.INVALID_RESPONSE}
    assert transport.idle.by_key == {}
