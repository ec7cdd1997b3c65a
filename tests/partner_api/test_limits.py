"""SY-3, S15: how much a partner may do, counted for it alone; its own stops always pass."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx2
import pytest

from core.audit import service as audit
from core.audit.service import CLI
from core.chargers.states import ConnectorStatus
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings
from core.partners import limits
from partner_api.app import create_app
from tests.partner_api.furniture import begin, finish, in_an_hour, reference_of
from tests.partner_api.scenes import (
    Party,
    client_of,
    grant,
    make_key,
    make_place,
    party,
    report,
    start_body,
)

Limited = Callable[..., AbstractAsyncContextManager[Party]]


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def limited(db: Database, settings: Settings, vault: Vault, clock: ShiftedClock) -> Limited:
    @asynccontextmanager
    async def make(**values: int) -> AsyncIterator[Party]:
        app = create_app(db, settings.model_copy(update=values), vault, clock)
        async with party(app, db, vault) as caller:
            yield caller

    return make


def told(answer: httpx2.Response) -> Mapping[str, str]:
    """Return what is left by bucket, from the header RateLimit."""
    items = (item.split(";") for item in answer.headers["RateLimit"].split(", "))
    return {item[0].strip('"'): item[1].removeprefix("r=") for item in items}


def refused(answer: httpx2.Response) -> tuple[int, str, str | None]:
    body = answer.json()
    return answer.status_code, body["code"], body.get("limit")


async def test_s15_the_limit_is_the_partners_whichever_key_it_uses(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    app = create_app(db, settings.model_copy(update={"requests_per_minute": 3}), vault, clock)
    async with party(app, db, vault) as caller, party(app, db, vault) as other:
        _, second_key = await make_key(db, vault, caller.partner_id, livemode=False)
        first = await caller.client.get("/v1/partner")
        assert first.headers["RateLimit-Policy"] == '"default";q=3;w=60'
        assert first.headers["RateLimit"].startswith('"default";r=2;t=')
        async with client_of(app, second_key, address="192.0.2.1") as again:
            await again.get("/v1/partner")
            await again.get("/v1/partner")
            beyond = await again.get("/v1/partner")
        assert refused(beyond) == (429, "rate_limited", "default")
        assert told(beyond) == {"default": "0"}
        wait_s = int(beyond.headers["Retry-After"])
        assert wait_s in range(55, 65)
        assert (await other.client.get("/v1/partner")).status_code == 200
        clock.advance(wait_s)
        assert (await caller.client.get("/v1/partner")).status_code == 200


async def test_sy3_control_calls_are_counted_twice_and_a_refused_one_costs_nothing(
    limited: Limited,
) -> None:
    async with limited(requests_per_minute=10, control_calls_per_minute=2) as caller:
        body = {"request_id": "r-1", "connector_id": "con_" + "0" * 26}
        answers = [await caller.client.post("/v1/unlock_connector", json=body) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [404, 404, 429, 429]
        assert answers[0].headers["RateLimit-Policy"] == '"default";q=10;w=60, "control";q=2;w=60'
        assert refused(answers[2]) == (429, "rate_limited", "control")
        assert [told(answer)["default"] for answer in answers] == ["9", "8", "8", "8"]
        assert (await caller.client.get("/v1/partner")).status_code == 200


async def test_sy3_every_answer_to_a_known_partner_tells_its_limits(limited: Limited) -> None:
    async with limited() as caller:
        for path in ("/v1/partner", "/v1/operations?limit=0", "/v1/operations/op_x", "/v1/events"):
            answer = await caller.client.get(path)
            assert "default" in told(answer), path
        for path in ("start_charge", "stop_charge", "reserve", "cancel_reservation"):
            answer = await caller.client.post(f"/v1/{path}", json={"odd": 1})
            assert answer.status_code == 400
            expected = {"stop"} if path == "stop_charge" else {"default", "control"}
            assert set(told(answer)) == expected


async def test_s15_its_own_sessions_and_starts_can_be_stopped_whatever_is_used_up(
    db: Database, vault: Vault, limited: Limited
) -> None:
    async with limited(
        requests_per_minute=3, control_calls_per_minute=2, stop_calls_per_minute=1
    ) as caller:
        places = [await make_place(db, vault, identity=f"CP-{n}") for n in range(2)]
        for place in places:
            await grant(db, place, caller.partner_id)
        operation_id = await begin(db, caller, places[0], request_id="one")
        begun = await caller.client.post("/v1/start_charge", json=start_body(places[1], "two"))
        assert begun.status_code == 202
        session_id, reference = await reference_of(db, operation_id)
        assert (await caller.client.get("/v1/partner")).status_code == 200
        assert (await caller.client.get("/v1/partner")).status_code == 429

        async def stop(request_id: str, **target: str) -> httpx2.Response:
            body = {"request_id": request_id, **target}
            return await caller.client.post("/v1/stop_charge", json=body)

        nothing = await stop("s-0", start_request_id="none")
        assert nothing.status_code == 404
        assert told(nothing) == {"stop": "0"}
        assert refused(await stop("s-1", start_request_id="none")) == (429, "rate_limited", "stop")
        assert (await stop("s-2", session_id=session_id)).status_code == 202
        assert (await stop("s-3", start_request_id="two")).status_code == 202
        assert (await stop("s-4", session_id=session_id)).status_code == 429
        assert (await stop("s-5", start_request_id="two")).status_code == 429
        await finish(db, places[0], reference)
        assert (await stop("s-6", session_id=session_id)).status_code == 429


async def test_a_partner_may_only_have_so_many_unfinished_operations(
    db: Database, vault: Vault, limited: Limited
) -> None:
    async with limited(active_operations=1) as caller:
        places = [await make_place(db, vault, identity=f"CP-{n}") for n in range(2)]
        for place in places:
            await grant(db, place, caller.partner_id)
        first = await caller.client.post("/v1/start_charge", json=start_body(places[0], "one"))
        assert first.status_code == 202
        beyond = await caller.client.post("/v1/start_charge", json=start_body(places[1], "two"))
        assert refused(beyond) == (429, "too_many_active_operations", "active_operations")
        assert beyond.headers["Retry-After"] == "5"
        replay = await caller.client.post("/v1/start_charge", json=start_body(places[0], "one"))
        assert (replay.status_code, replay.json()["id"]) == (202, first.json()["id"])
        found = (await caller.client.get("/v1/operations")).json()["data"]
        assert [operation["request_id"] for operation in found] == ["one"]
        stop = {"request_id": "stop", "start_request_id": "one"}
        assert (await caller.client.post("/v1/stop_charge", json=stop)).status_code == 202
        again = await caller.client.post("/v1/start_charge", json=start_body(places[1], "two"))
        assert again.status_code == 202, again.text


async def test_the_cap_of_each_partner_holds_for_starts_at_the_same_moment(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    """They share transactions: neither a partner's own calls nor another's pass it by."""
    app = create_app(db, settings.model_copy(update={"active_operations": 3}), vault, clock)
    places = [await make_place(db, vault, identity=f"CP-{n}") for n in range(12)]
    async with party(app, db, vault) as one, party(app, db, vault) as other:
        asked = []
        for n, place in enumerate(places):
            caller = (one, other)[n % 2]
            await grant(db, place, caller.partner_id)
            asked.append(caller.client.post("/v1/start_charge", json=start_body(place, f"r-{n}")))
        answers = await asyncio.gather(*asked)
        for mine in (answers[::2], answers[1::2]):
            assert sorted(answer.status_code for answer in mine) == [202] * 3 + [429] * 3
            beyond = [refused(answer)[1] for answer in mine if answer.status_code != 202]
            assert beyond == ["too_many_active_operations"] * 3
        for caller in (one, other):
            found = (await caller.client.get("/v1/operations")).json()["data"]
            assert len(found) == 3


async def test_a_partner_may_only_have_so_many_open_reservations(
    db: Database, vault: Vault, limited: Limited
) -> None:
    async with limited(open_reservations=1) as caller:
        places = [await make_place(db, vault, identity=f"CP-{n}") for n in range(2)]
        answers = []
        for number, place in enumerate(places):
            await grant(db, place, caller.partner_id)
            await report(db, place.charger_id, ConnectorStatus.AVAILABLE)
            body = start_body(place, f"r-{number}", expires_at=in_an_hour(db))
            answers.append(await caller.client.post("/v1/reserve", json=body))
        assert answers[0].status_code == 202
        expected = (429, "too_many_active_operations", "open_reservations")
        assert refused(answers[1]) == expected


async def test_a_changed_limit_holds_from_the_next_call_on_and_is_audited(
    db: Database, limited: Limited
) -> None:
    async with limited(requests_per_minute=2) as caller:
        for status in (200, 200, 429):
            assert (await caller.client.get("/v1/partner")).status_code == status
        async with db.transaction() as tx:
            await limits.change(
                tx, CLI, partner_id=caller.partner_id, changes={"requests_per_minute": 5}
            )
        profile = await caller.client.get("/v1/partner")
        assert profile.headers["RateLimit-Policy"] == '"default";q=5;w=60'
        assert profile.json()["limits"]["requests_per_minute"] == 5
        async with db.transaction() as tx:
            await limits.change(
                tx, CLI, partner_id=caller.partner_id, changes={"requests_per_minute": None}
            )
            entries = await audit.entries(
                tx, object_id=caller.partner_id, before_number=None, limit=2
            )
        assert [(entry.before, entry.after) for entry in entries] == [
            ({"requests_per_minute": 5}, {}),
            ({}, {"requests_per_minute": 5}),
        ]
        assert (await caller.client.get("/v1/partner")).status_code == 429


@pytest.mark.parametrize("changes", [{"speed": 1}, {"active_operations": 0}])
async def test_odd_limits_are_refused(
    db: Database, limited: Limited, changes: dict[str, int | None]
) -> None:
    async with limited() as caller, db.transaction() as tx:
        with pytest.raises(PlatformError, match="invalid_parameter"):
            await limits.change(tx, CLI, partner_id=caller.partner_id, changes=changes)
        with pytest.raises(PlatformError, match="not_found"):
            await limits.change(tx, CLI, partner_id="prt_none", changes={})
