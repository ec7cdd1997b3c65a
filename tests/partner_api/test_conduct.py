"""ON-4: what a throttled or banned partner may do, what is counted, and how cheap a refusal is."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from core.audit.service import CLI
from core.conduct import service
from core.conduct.rules import Signal
from core.conduct.service import BanLength
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.settings import Settings
from core.operations.service import topic
from core.partners import keys, store
from core.webhooks.service import events_topic
from partner_api.app import PartnerApp, create_app
from partner_api.security import refusals
from tests.eventually import eventually
from tests.partner_api.furniture import begin
from tests.partner_api.scenes import (
    Party,
    Place,
    client_of,
    make_key,
    party,
    start_body,
)

UNKNOWN = "0" * 26
Act = Callable[..., Awaitable[None]]


@pytest.fixture
def ban(db: Database, partner: Party) -> Act:
    async def act(length: BanLength = BanLength.MINUTES_15, *, livemode: bool = True) -> None:
        async with db.transaction() as tx:
            await service.ban(
                tx,
                CLI,
                partner_id=partner.partner_id,
                livemode=livemode,
                length=length,
                reason="test",
            )

    return act


@pytest.fixture
def lift(db: Database, partner: Party) -> Act:
    async def act() -> None:
        async with db.transaction() as tx:
            await service.lift(tx, CLI, partner_id=partner.partner_id, livemode=True)

    return act


def counted(app: PartnerApp, partner_id: str, *, livemode: bool = True) -> Mapping[Signal, int]:
    found = Counter[Signal]()
    for key, tally in app.services.watch._tallies.items():
        if key[:2] == (partner_id, livemode):
            found[key[2]] += tally.count
    return found


async def test_on4_a_banned_partner_reads_and_stops_its_own_and_nothing_else(
    db: Database, partner: Party, place: Place, ban: Act, lift: Act
) -> None:
    await begin(db, partner, place)
    await ban()
    refused = await partner.client.post("/v1/start_charge", json=start_body(place, "app-2"))
    assert (refused.status_code, refused.json()["code"]) == (403, "temporarily_banned")
    assert int(refused.headers["Retry-After"]) in range(895, 901)
    assert refused.json()["until"].endswith("Z")
    assert refused.json()["retryable"] is True
    for method, path in (
        ("POST", "/v1/reserve"),
        ("POST", "/v1/webhook_endpoints"),
        ("POST", "/v1/api_keys"),
    ):
        answer = await partner.client.request(method, path, json={})
        assert answer.status_code in {400, 403}
    profile = (await partner.client.get("/v1/partner")).json()
    assert profile["standing"] == {
        "step": "banned_15m",
        "throttled_until": None,
        "banned_until": refused.json()["until"],
    }
    assert profile["status"] == "active"
    stop = {"request_id": "stop-1", "start_request_id": "app-1"}
    assert (await partner.client.post("/v1/stop_charge", json=stop)).status_code == 202
    await lift()
    answer = await partner.client.post("/v1/start_charge", json=start_body(place, "app-2"))
    assert answer.json()["code"] != "temporarily_banned"


async def test_on4_a_ban_ends_by_itself(partner: Party, ban: Act, clock: ShiftedClock) -> None:
    await ban(BanLength.HOUR)
    body = {"request_id": "r-1", "connector_id": f"con_{UNKNOWN}"}
    answer = await partner.client.post("/v1/start_charge", json=body)
    assert answer.json()["code"] == "temporarily_banned"
    clock.advance(3601)
    answer = await partner.client.post("/v1/start_charge", json=body)
    assert answer.json()["code"] == "not_found"
    profile = (await partner.client.get("/v1/partner")).json()
    assert profile["standing"] == {
        "step": "banned_1h",
        "throttled_until": None,
        "banned_until": None,
    }


async def test_on4_a_ban_in_test_mode_leaves_live_mode_alone(
    app: PartnerApp, db: Database, vault: Vault, partner: Party, ban: Act
) -> None:
    _, key = await make_key(db, vault, partner.partner_id, livemode=False)
    await ban(livemode=False)
    body = {"request_id": "r-1", "connector_id": f"con_{UNKNOWN}"}
    async with client_of(app, key) as tester:
        assert (await tester.post("/v1/reserve", json=body)).status_code in {400, 403}
        answer = await tester.post("/v1/unlock_connector", json=body)
        assert answer.json()["code"] == "temporarily_banned"
    answer = await partner.client.post("/v1/unlock_connector", json=body)
    assert answer.json()["code"] == "not_found"


async def test_on4_event_streams_and_long_polls_of_a_banned_partner_end(
    db: Database, partner: Party, place: Place, ban: Act
) -> None:
    operation = await partner.client.post("/v1/start_charge", json=start_body(place))
    path = f"/v1/operations/{operation.json()['id']}"
    waiting = asyncio.create_task(partner.client.get(f"{path}?wait=30"))
    following = asyncio.create_task(partner.client.get("/v1/events/stream"))
    bell = db.doorbell
    assert isinstance(bell, MemoryDoorbell)

    async def both_wait() -> bool:
        return {topic(operation.json()["id"]), events_topic(partner.partner_id)} <= bell.topics()

    await eventually(both_wait)
    await ban()
    async with asyncio.timeout(20):
        polled, streamed = await waiting, await following
    assert (polled.status_code, polled.json()["status"]) == (200, "accepted")
    assert ": temporarily_banned" in streamed.text
    again = await partner.client.get("/v1/events/stream")
    assert (again.status_code, again.json()["code"]) == (403, "temporarily_banned")
    assert (await partner.client.get(path)).status_code == 200


@asynccontextmanager
async def limited(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock, **values: int
) -> AsyncIterator[tuple[PartnerApp, Party]]:
    app = create_app(db, settings.model_copy(update=values), vault, clock)
    async with party(app, db, vault) as caller:
        yield app, caller


async def test_on4_a_throttled_partner_has_a_part_of_its_limits_but_for_stops(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    async with limited(db, settings, vault, clock, requests_per_minute=8) as (_, caller):
        async with db.transaction() as tx:
            await service.throttle(
                tx, settings, CLI, partner_id=caller.partner_id, livemode=True, reason="test"
            )
        first = await caller.client.get("/v1/partner")
        assert first.headers["RateLimit-Policy"] == '"default";q=2;w=60'
        assert first.json()["standing"]["step"] == "throttled"
        assert first.json()["limits"]["requests_per_minute"] == 8
        assert (await caller.client.get("/v1/partner")).status_code == 200
        beyond = await caller.client.get("/v1/partner")
        assert (beyond.status_code, beyond.json()["code"]) == (429, "abnormal_usage")
        assert beyond.json()["until"] == first.json()["standing"]["throttled_until"]
        assert 0 < int(beyond.headers["Retry-After"]) < 65
        stop = {"request_id": "s", "start_request_id": "none"}
        answer = await caller.client.post("/v1/stop_charge", json=stop)
        assert answer.headers["RateLimit-Policy"] == '"stop";q=300;w=60'
        clock.advance(timedelta(hours=1, seconds=1).total_seconds())
        after = await caller.client.get("/v1/partner")
        assert after.headers["RateLimit-Policy"] == '"default";q=8;w=60'


async def test_on4_a_banned_partner_reads_a_little(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    async with limited(db, settings, vault, clock, requests_per_minute=8) as (_, caller):
        async with db.transaction() as tx:
            await service.ban(
                tx,
                CLI,
                partner_id=caller.partner_id,
                livemode=True,
                length=BanLength.HOUR,
                reason="test",
            )
        answers = [await caller.client.get("/v1/partner") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 403]
        assert answers[2].json()["code"] == "temporarily_banned"


async def test_on4_what_partners_do_is_counted_by_what_came_of_it(
    app: PartnerApp, db: Database, vault: Vault, partner: Party, place: Place
) -> None:
    client = partner.client
    for _ in range(3):
        assert (await client.get(f"/v1/sessions/cs_{UNKNOWN}")).status_code == 404
    assert (await client.get(f"/v1/operations/op_{UNKNOWN}")).status_code == 404
    assert (await client.get("/v1/nowhere")).status_code == 404
    started = await client.post("/v1/start_charge", json=start_body(place, "one"))
    assert started.status_code == 202
    for _ in range(3):
        busy = await client.post("/v1/start_charge", json=start_body(place, "two"))
        assert busy.json()["code"] == "connector_busy"
    reused = await client.post(
        "/v1/start_charge", json=start_body(place, "one", user_ref="another")
    )
    assert reused.status_code == 422
    assert counted(app, partner.partner_id) == {
        Signal.CALLS: 9,
        Signal.STARTS: 1,
        Signal.UNKNOWN_IDS: 2,
        Signal.REFUSED_STARTS: 1,
        Signal.REUSED_REQUEST_IDS: 1,
    }


async def test_on4_a_wrong_secret_is_held_against_nobody_but_told(
    app: PartnerApp, db: Database, vault: Vault, partner: Party
) -> None:
    wrong = partner.key[:-8] + "AAAAAAAA"
    ended_id, ended = await make_key(db, vault, partner.partner_id)
    async with db.transaction() as tx:
        await keys.revoke_key(tx, CLI, partner_id=partner.partner_id, key_id=ended_id)
    for key in (wrong, ended, f"vg_live_{UNKNOWN}_{'x' * 43}"):
        async with client_of(app, key) as stranger:
            assert (await stranger.get("/v1/partner")).status_code == 401
    assert counted(app, partner.partner_id) == {Signal.FAILED_LOGINS: 2}
    (found,) = app.services.watch._tallies.values()
    assert [one["reason"] for one in found.examples] == ["wrong secret", "revoked"]
    assert {one["address"] for one in found.examples} == {"127.0.0.1"}
    assert wrong[-43:] not in str(found.examples)


async def test_on4_an_address_that_tries_keys_is_held_back_but_not_who_shares_it(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    async with limited(db, settings, vault, clock, failed_logins_per_minute=3) as (app, caller):
        assert (await caller.client.get("/v1/partner")).status_code == 200
        _, second = await make_key(db, vault, caller.partner_id)
        answers = []
        for number in range(5):
            async with client_of(app, f"vg_live_{UNKNOWN}_{number}{'x' * 42}") as stranger:
                answers.append(await stranger.get("/v1/partner"))
        assert [answer.status_code for answer in answers] == [401, 401, 401, 403, 403]
        assert answers[4].json()["code"] == "temporarily_banned"
        assert int(answers[4].headers["Retry-After"]) == 20
        assert (await caller.client.get("/v1/partner")).status_code == 200
        async with client_of(app, second, address="192.0.2.9") as elsewhere:
            assert (await elsewhere.get("/v1/partner")).status_code == 200
        async with client_of(app, second) as beside:
            assert (await beside.get("/v1/partner")).status_code == 403
            clock.advance(21)
            assert (await beside.get("/v1/partner")).status_code == 200


async def test_on4_a_proxy_that_names_nobody_is_not_held_back(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    values: dict[str, Any] = {"failed_logins_per_minute": 2, "trusted_proxies": ("10.0.0.0/8",)}
    async with limited(db, settings, vault, clock, **values) as (app, _):

        async def attempt(forwarded: str | None) -> int:
            headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
            key = f"vg_live_{UNKNOWN}_{'x' * 43}"
            async with client_of(app, key, address="10.0.0.1") as stranger:
                return (await stranger.get("/v1/partner", headers=headers)).status_code

        assert [await attempt(None) for _ in range(4)] == [401] * 4
        assert [await attempt("192.0.2.1") for _ in range(4)] == [401, 401, 403, 403]
        assert await attempt("192.0.2.2") == 401


async def test_s15_who_keeps_calling_is_refused_without_a_look_into_the_database(
    db: Database,
    settings: Settings,
    vault: Vault,
    clock: ShiftedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = Counter[str]()
    login = store.login

    async def counting(tx: Any, key_id: str) -> Any:
        looked["login"] += 1
        return await login(tx, key_id)

    monkeypatch.setattr(store, "login", counting)
    async with limited(db, settings, vault, clock, requests_per_minute=2) as (app, caller):
        frozen = app.services.refusals._clock = app.services.limiter._clock = StoppedClock()
        answers = [await caller.client.get("/v1/partner") for _ in range(50)]
        assert Counter(answer.status_code for answer in answers) == {200: 2, 429: 48}
        assert looked["login"] == 2 + refusals.PATIENCE
        bodies = [answer.json() for answer in answers[2:]]
        assert {body["code"] for body in bodies} == {"rate_limited"}
        assert len({body["request_id"] for body in bodies}) == 48
        assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"default";q=2;w=60'}
        assert counted(app, caller.partner_id)[Signal.REFUSED_CALLS] == 48

        stop = {"request_id": "s", "start_request_id": "none"}
        assert (await caller.client.post("/v1/stop_charge", json=stop)).status_code == 404
        before = looked["login"]
        frozen.now_s += refusals.FRESH_S + 0.01
        assert (await caller.client.get("/v1/partner")).status_code == 429
        assert (await caller.client.get("/v1/partner")).status_code == 429
        assert looked["login"] == before + 1, "one call after each moment finds out anew"
        frozen.now_s += 70
        assert (await caller.client.get("/v1/partner")).status_code == 200


async def test_i33_a_revoked_key_is_refused_as_such_at_the_next_look(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    async with limited(db, settings, vault, clock, requests_per_minute=1) as (_, caller):
        for _ in range(20):
            await caller.client.get("/v1/partner")
        async with db.transaction() as tx:
            await keys.revoke_key(tx, CLI, partner_id=caller.partner_id, key_id=caller.key_id)

        async def refused() -> bool:
            return (await caller.client.get("/v1/partner")).status_code == 401

        await eventually(refused, within_s=5)


class StoppedClock(ShiftedClock):
    """A clock that only a test moves."""

    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


async def test_a_control_call_beyond_its_limit_leaves_reading_alone(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    async with limited(db, settings, vault, clock, control_calls_per_minute=1) as (_, caller):
        body = {"request_id": "r-1", "connector_id": f"con_{UNKNOWN}"}
        statuses = [
            (await caller.client.post("/v1/unlock_connector", json=body)).status_code
            for _ in range(30)
        ]
        assert statuses == [404] + [429] * 29
        assert (await caller.client.get("/v1/partner")).status_code == 200
