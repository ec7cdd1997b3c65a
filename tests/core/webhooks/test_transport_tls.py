"""S16: the connection is verified for the host name of the URL, whatever address it goes to."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.kernel.tls import verifying_context
from core.webhooks.answers import AttemptError
from core.webhooks.transport import Transport, post
from tests.core.webhooks.certificates import Authority
from tests.core.webhooks.receiver import (
    BODY,
    HEADERS,
    HOST,
    OK,
    Names,
    deliver,
    receiving,
    stalling,
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def transport(authority: Authority) -> AsyncIterator[Transport]:
    async with Transport(
        resolve=Names("127.0.0.1"), ssl_context=authority.trusting(), allow_loopback=True
    ) as transport:
        yield transport


async def test_s16_server_name_and_host_are_those_of_the_url(
    transport: Transport, authority: Authority
) -> None:
    async with receiving(ssl_context=authority.serving(HOST)) as receiver:
        result = await deliver(transport, receiver, scheme="https")
    assert result.is_delivered
    assert receiver.server_names == [HOST]
    assert receiver.requests[0].headers["host"] == f"{HOST}:{receiver.port}"


async def test_an_internationalised_name_is_verified_in_its_ascii_form(
    transport: Transport, authority: Authority
) -> None:
    async with receiving(ssl_context=authority.serving("xn--bcher-kva.example")) as receiver:
        result = await deliver(transport, receiver, scheme="https", host="b\xfccher.example")
    assert result.is_delivered
    assert receiver.server_names == ["xn--bcher-kva.example"]


async def test_a_literal_address_needs_a_certificate_for_it(
    transport: Transport, authority: Authority
) -> None:
    async with receiving(ssl_context=authority.serving("127.0.0.1")) as receiver:
        assert (await deliver(transport, receiver, scheme="https", host="127.0.0.1")).is_delivered
    async with receiving(ssl_context=authority.serving(HOST)) as receiver:
        result = await deliver(transport, receiver, scheme="https", host="127.0.0.1")
    assert result.error is AttemptError.TLS_FAILED


@pytest.mark.parametrize(
    ("name", "days", "detail"),
    [
        ("other.partner.example", 1, "Hostname mismatch"),
        (HOST, -1, "expired"),
    ],
)
async def test_s16_a_wrong_certificate_is_tls_failed(
    transport: Transport, authority: Authority, name: str, days: int, detail: str
) -> None:
    async with receiving(ssl_context=authority.serving(name, days=days)) as receiver:
        result = await deliver(transport, receiver, scheme="https")
    assert (result.status_code, result.error) == (None, AttemptError.TLS_FAILED)
    assert detail in str(result.detail)
    assert receiver.requests == [], "nothing was sent to a stranger"


async def test_s16_an_unknown_authority_is_tls_failed(transport: Transport, tmp_path: Path) -> None:
    async with receiving(ssl_context=Authority(tmp_path).serving(HOST)) as receiver:
        result = await deliver(transport, receiver, scheme="https")
    assert result.error is AttemptError.TLS_FAILED
    assert receiver.requests == []


async def test_s16_tls_below_1_2_is_tls_failed(authority: Authority) -> None:
    old = authority.serving(HOST)
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    context = authority.trusting()
    context.minimum_version = verifying_context().minimum_version
    async with (
        Transport(resolve=Names("127.0.0.1"), ssl_context=context, allow_loopback=True) as own,
        receiving(ssl_context=old) as receiver,
    ):
        result = await deliver(own, receiver, scheme="https")
    assert result.error is AttemptError.TLS_FAILED


async def test_a_receiver_without_tls_is_tls_failed(transport: Transport) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"https://{HOST}:{port}/"
        result = await post(transport, url, body=BODY, headers=HEADERS)
    assert result.error is AttemptError.TLS_FAILED


async def test_a_handshake_that_hangs_ends_with_the_time_of_the_attempt(
    transport: Transport,
) -> None:
    async with receiving(stalling()) as receiver:
        result = await deliver(transport, receiver, scheme="https", timeout_s=0.2)
    assert result.error is AttemptError.TIMEOUT


async def test_s16_one_connection_is_never_shared_between_host_names(
    transport: Transport, authority: Authority
) -> None:
    """Both names lead to the same address, port and certificate."""
    hosts = [HOST, "other.partner.example"] * 2
    async with receiving(ssl_context=authority.serving(*hosts[:2])) as receiver:
        for host in hosts:
            assert (await deliver(transport, receiver, scheme="https", host=host)).is_delivered
    assert receiver.server_names == hosts[:2]
    assert receiver.connections == 2
    assert [request.headers["host"].split(":")[0] for request in receiver.requests] == hosts


async def test_plain_http_is_refused_without_the_development_setting(
    transport: Transport,
) -> None:
    async with receiving() as receiver:
        result = await deliver(transport, receiver)
    assert (result.error, result.detail) == (
        AttemptError.FORBIDDEN_ADDRESS,
        "the URL must use https",
    )
    assert receiver.connections == 0


def test_the_own_context_verifies_and_ignores_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    context = verifying_context()
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


async def test_s16_proxies_of_the_environment_are_ignored(
    transport: Transport, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as proxy, receiving(ssl_context=authority.serving(HOST)) as receiver:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        result = await deliver(transport, receiver, scheme="https")
    assert result.is_delivered
    assert proxy.connections == 0


async def test_a_hostile_url_is_a_result_and_asks_no_name_server(authority: Authority) -> None:
    names = Names("93.184.216.34")
    async with Transport(resolve=names, ssl_context=authority.trusting()) as own:
        for url in ("https://localhost/", "https://2130706433/", "http://a.example/", "\ud800"):
            result = await post(own, url, body=BODY, headers=HEADERS)
            assert result.error is AttemptError.FORBIDDEN_ADDRESS
            assert result.detail
    assert names.asked == []
