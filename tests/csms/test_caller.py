"""Who is calling, behind proxies and without them (S4, S18)."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from websockets.datastructures import Headers

from core.chargers import registry
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from csms.caller import caller_of, networks
from tests.csms.live import PASSWORD, Running, running
from tests.csms.secure import outcome, reasons
from tests.eventually import eventually
from tests.pki import ORGANISATION, Issued, Pki

PROXIES = networks(["10.0.0.0/8", "127.0.0.0/8", "::1/128"])
CLAIMS = Headers({"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"})


@pytest.fixture
async def server(
    db: Database, settings: Settings, vault: Vault, pki: Pki
) -> AsyncIterator[Running]:
    """A server behind a TLS proxy on this machine."""
    behind = settings.model_copy(
        update={
            "trusted_proxies": ("127.0.0.1/32",),
            "tls_client_ca": pki.path,
            "organisation": ORGANISATION,
        }
    )
    async with running(db, behind, vault) as made:
        yield made


def nginx(shown: Issued) -> dict[str, str]:
    return {"X-Forwarded-Proto": "https", "X-SSL-Client-Cert": quote(shown.pem)}


def rfc9440(shown: Issued) -> dict[str, str]:
    der = base64.b64encode(shown.certificate.public_bytes(Encoding.DER)).decode()
    return {"X-Forwarded-Proto": "https", "Client-Cert": f":{der}:"}


@pytest.mark.parametrize("forward", [nginx, rfc9440])
async def test_s4_a_proxy_passes_the_certificate_on(
    server: Running, pki: Pki, forward: object
) -> None:
    await server.add_charger(security_profile=3)
    assert callable(forward)
    assert await outcome(server, None, headers=forward(pki.issue("CP-1"))) == 101
    assert await outcome(server, None, headers=forward(pki.issue("CP-2"))) == 401
    assert await reasons(server) == ["wrong_certificate_name"]


async def test_s4_behind_a_proxy_a_foreign_authority_is_judged_at_the_door(
    server: Running, tmp_path: Path
) -> None:
    await server.add_charger(security_profile=3)
    foreign = Pki(tmp_path, name="Foreign CA").issue("CP-1")
    assert await outcome(server, None, headers=nginx(foreign)) == 401
    assert await reasons(server) == ["certificate_untrusted"]


@pytest.mark.parametrize("value", ["", "%", "garbage", "-----BEGIN CERTIFICATE-----", "x" * 40_000])
async def test_s4_what_is_no_certificate_is_refused(server: Running, value: str) -> None:
    await server.add_charger(security_profile=3)
    for name in ("X-SSL-Client-Cert", "Client-Cert"):
        headers = {"X-Forwarded-Proto": "https", name: value}
        assert await outcome(server, None, headers=headers) in {401, "tls", 431, 400}


async def test_s4_nobody_else_is_believed(
    db: Database, settings: Settings, vault: Vault, pki: Pki
) -> None:
    trusting = settings.model_copy(
        update={"tls_client_ca": pki.path, "trusted_proxies": ("192.0.2.0/24",)}
    )
    async with running(db, trusting, vault) as server:
        await server.add_charger(security_profile=3)
        await server.add_charger("CP-2", security_profile=2)
        assert await outcome(server, None, headers=nginx(pki.issue("CP-1"))) == 401
        headers = {"X-Forwarded-Proto": "https"}
        code = await outcome(server, None, identity="CP-2", password=PASSWORD, headers=headers)
        assert code == 401
        assert set(await reasons(server)) == {"insecure_profile"}


async def test_a_proxy_tells_of_tls_and_of_the_address(server: Running) -> None:
    await server.add_charger(security_profile=2)
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6, 203.0.113.9"}
    assert await outcome(server, None, password=PASSWORD, headers=headers) == 101
    assert await outcome(server, None, password=PASSWORD) == 401

    async def recorded() -> bool:
        async with server.db.transaction() as tx:
            row = await registry.by_identity(tx, "CP-1")
        return row is not None and row.remote_address == "203.0.113.9"

    await eventually(recorded)


def test_s18_headers_count_only_from_proxies() -> None:
    caller = caller_of("198.51.100.1", None, CLAIMS, PROXIES)
    assert (caller.address, caller.encrypted, caller.has_certificate) == (
        "198.51.100.1",
        False,
        False,
    )
    caller = caller_of("::ffff:10.1.2.3", None, CLAIMS, PROXIES)
    assert (caller.address, caller.encrypted) == ("203.0.113.9", True)


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.0.0.7, 10.0.0.8", "203.0.113.9"),
        ("not an address", "10.1.2.3"),
        ("203.0.113.9, rubbish, 10.0.0.7", "10.0.0.7"),
        ("", "10.1.2.3"),
    ],
)
def test_s18_the_list_is_read_from_its_end(forwarded: str, address: str) -> None:
    headers = Headers({"X-Forwarded-For": forwarded})
    assert caller_of("10.1.2.3", None, headers, PROXIES).address == address


def test_a_certificate_without_tls_is_none(pki: Pki) -> None:
    headers = Headers({**nginx(pki.issue("CP-1")), "X-Forwarded-Proto": "http"})
    headers_of_proxy = caller_of("10.1.2.3", None, headers, PROXIES)
    assert not headers_of_proxy.has_certificate
