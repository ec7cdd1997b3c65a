import base64
from collections import Counter
from typing import Any

import pytest
from websockets import InvalidStatus
from websockets.asyncio.client import connect
from websockets.http11 import Response
from websockets.typing import Subprotocol

from core.audit.service import CLI
from core.chargers import login, registry
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import DatabaseUnavailable
from core.kernel.settings import Settings, UnknownChargers
from csms.door import password_of
from csms.server import listen
from tests.csms.live import PASSWORD, Running, basic, charger, running


async def refused(
    url: str, headers: Any = None, *, subprotocol: str | None = "ocpp1.6"
) -> Response:
    """Try to connect; return the HTTP answer that came instead of an upgrade."""
    subprotocols = None if subprotocol is None else [Subprotocol(subprotocol)]
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, subprotocols=subprotocols, additional_headers=headers):
            pass
    return caught.value.response


async def reasons(server: Running) -> dict[str, int]:
    async with server.db.transaction() as tx:
        rows = await login.refusals(tx)
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.reason] += row.count
    return dict(counts)


async def test_s1_wrong_missing_and_unknown_look_alike_and_are_recorded(server: Running) -> None:
    await server.add_charger()
    url = server.csms.url
    answers = [
        await refused(f"{url}/CP-1", basic("CP-1", "wrong-password-wrong")),
        await refused(f"{url}/CP-1"),
        await refused(f"{url}/CP-1", {"Authorization": "Bearer abc"}),
        await refused(f"{url}/CP-1", {"Authorization": "Basic %%%"}),
        await refused(f"{url}/CP-1", basic("CP-2", PASSWORD)),
        await refused(f"{url}/NOBODY", basic("NOBODY", PASSWORD)),
        await refused(f"{url}/{'x' * 49}", basic("x", PASSWORD)),
        await refused(f"{url}/a%00b", basic("x", PASSWORD)),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({bytes(answer.body or b"") for answer in answers}) == 1
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {
        'Basic realm="voltgate", charset="UTF-8"'
    }
    assert await reasons(server) == {
        "wrong_password": 2,
        "missing_password": 3,
        "unknown_identity": 1,
        "invalid_identity": 2,
    }


async def test_credentials_are_checked_before_the_subprotocol(server: Running) -> None:
    await server.add_charger()
    url = f"{server.csms.url}/CP-1"
    assert (await refused(url, subprotocol="ocpp9.9")).status_code == 401
    for subprotocol in ("ocpp9.9", None):
        answer = await refused(url, basic("CP-1", PASSWORD), subprotocol=subprotocol)
        assert answer.status_code == 400
        assert b"ocpp2.0.1, ocpp1.6" in (answer.body or b"")
    assert (await reasons(server))["no_common_subprotocol"] == 2


@pytest.mark.parametrize("path", ["/", "/ocpp", "/ocpp/", "/other/CP-1", "/ocpp/a/b"])
async def test_another_path_is_not_found(server: Running, path: str) -> None:
    base = server.csms.url.removesuffix("/ocpp")
    assert (await refused(f"{base}{path}", basic("CP-1", PASSWORD))).status_code == 404


async def test_health_is_answered_on_the_same_port(server: Running) -> None:
    answer = await refused(server.csms.url.removesuffix("/ocpp") + "/healthz")
    assert (answer.status_code, answer.body) == (200, b"ok\n")


@pytest.mark.parametrize("path", ["cp%2D1", "cp-1", "CP-1/", "CP-1?x=1"])
async def test_the_identity_may_be_encoded_or_in_another_case(server: Running, path: str) -> None:
    await server.add_charger()
    headers = basic("CP-1", PASSWORD)
    async with connect(
        f"{server.csms.url}/{path}",
        subprotocols=[Subprotocol("ocpp1.6")],
        additional_headers=headers,
    ) as socket:
        assert socket.subprotocol == "ocpp1.6"


async def test_the_newest_common_version_is_chosen(server: Running) -> None:
    await server.add_charger()
    async with connect(
        f"{server.csms.url}/CP-1",
        subprotocols=[Subprotocol(name) for name in ("ocpp1.5", "ocpp1.6", "ocpp2.0.1")],
        additional_headers=basic("CP-1", PASSWORD),
    ) as socket:
        assert socket.subprotocol == "ocpp2.0.1"


async def test_s5_a_key_comes_as_hex_or_as_raw_bytes(server: Running) -> None:
    raw = bytes(range(1, 21))
    await server.add_charger(password=raw.hex())
    for password in (raw.hex(), raw.hex().upper(), raw):
        async with charger(server, password=password) as cp:
            await cp.boot()


async def test_s6_after_ten_failures_even_the_right_password_waits(
    server: Running, clock: ShiftedClock
) -> None:
    await server.add_charger()
    url = f"{server.csms.url}/CP-1"
    for _ in range(10):
        await refused(url, basic("CP-1", "wrong-password-wrong"))
    for _ in range(2):
        answer = await refused(url, basic("CP-1", PASSWORD))
        assert (answer.status_code, answer.headers["Retry-After"]) == (401, "60")
    assert (await reasons(server))["too_many_failures"] == 1
    clock.advance(61)
    async with charger(server) as cp:
        await cp.boot()


async def test_a_disabled_charger_is_refused_like_a_stranger(server: Running) -> None:
    row = await server.add_charger()
    async with server.db.transaction() as tx:
        await registry.disable(tx, CLI, row.id)
    answer = await refused(f"{server.csms.url}/CP-1", basic("CP-1", PASSWORD))
    assert answer.status_code == 401
    assert await reasons(server) == {"disabled": 1}


async def test_handshakes_wait_for_the_database_with_503(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.add_charger()

    def away() -> Any:
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(server.db, "transaction", away)
        answer = await refused(f"{server.csms.url}/CP-1", basic("CP-1", PASSWORD))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    async with charger(server) as cp:
        await cp.boot()


async def test_an_unknown_charger_waits_for_approval_where_that_is_wanted(
    db: Database, settings: Settings, vault: Vault, version: str
) -> None:
    pending = settings.model_copy(update={"unknown_chargers": UnknownChargers.PENDING})
    async with running(db, pending, vault) as server, charger(server, "NEW", version) as cp:
        answer = await cp.boot()
        assert answer["status"] == "Pending"
        assert 54 <= answer["interval"] <= 66
        assert (await cp.call("Heartbeat", {}))[2] == "SecurityError"
        async with db.transaction() as tx:
            row = await registry.by_identity(tx, "NEW")
            assert row is not None
            await registry.approve(tx, CLI, row.id)
        assert (await cp.boot())["status"] == "Accepted"
        assert "currentTime" in await cp.result("Heartbeat", {})


async def test_s2_plain_sockets_stay_on_loopback(
    server: Running, settings: Settings, vault: Vault
) -> None:
    for host in ("0.0.0.0", "example.org"):  # noqa: S104
        open_ = settings.model_copy(update={"host": host})
        with pytest.raises(ValueError, match="ws://"):
            async with listen(
                server.db,
                open_,
                vault,
                server.frame_log,
                server.db.clock,
                None,  # type: ignore[arg-type]
            ):
                pass


def test_a_password_keeps_its_bytes() -> None:
    encoded = base64.b64encode(b"CP-1:a:\xff\x00b").decode()
    assert password_of([f"basic {encoded}"], "cp-1") == b"a:\xff\x00b"
    assert password_of([f"Basic {encoded}"] * 2, "CP-1") is None
    assert password_of([f"Basic {base64.b64encode(b'CP-1').decode()}"], "CP-1") is None
