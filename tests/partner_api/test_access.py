"""S12, S14, S15, S18, I33: who may call what, from where, how often."""

import re
from datetime import timedelta

import pytest
from fastapi.routing import APIRoute

from core.audit.service import CLI
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.ids import new_body
from core.kernel.settings import Settings
from core.partners import keys
from core.partners import service as partners
from core.partners.scopes import Scope
from partner_api import openapi
from partner_api.app import ROUTERS, PartnerApp, create_app
from partner_api.security.address import client_address
from tests.partner_api.furniture import begin
from tests.partner_api.scenes import Party, Place, client_of, make_key, party, start_body

ALL = [route for route in openapi.api_routes(ROUTERS) if route.include_in_schema]
V1 = [route for route in ALL if not openapi.is_keyless(route)]
KEYLESS = [route for route in ALL if openapi.is_keyless(route)]


@pytest.mark.parametrize("route", V1, ids=lambda route: route.name)
def test_s12_every_route_demands_a_scope(route: APIRoute) -> None:
    assert openapi.scopes_of(route)


def test_s12_without_a_key_there_is_joining_alone_and_little_without_its_token() -> None:
    assert {route.path.split("/")[2] for route in KEYLESS} == {"partner_applications", "terms"}
    tokenless = {route.name for route in KEYLESS if not openapi.security_of(route)}
    assert tokenless == {"get_terms", "submit_application", "prove_email"}


async def test_s12_a_key_without_the_scope_is_refused_on_every_route(
    app: PartnerApp, db: Database, vault: Vault
) -> None:
    for route in V1:
        needed = set(openapi.scopes_of(route))
        others = [scope for scope in Scope if scope not in needed]
        if not others:
            continue
        async with party(app, db, vault, scopes=others) as caller:
            path = re.sub(r"{\w+}", "op_" + "0" * 26, route.path)
            for method in route.methods or ():
                answer = await caller.client.request(method, path)
                assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


async def test_s14_every_bad_key_gets_the_same_answer(
    app: PartnerApp, db: Database, vault: Vault, clock: ShiftedClock, partner: Party
) -> None:
    soon = db.now() + timedelta(seconds=5)
    _, expired = await make_key(db, vault, partner.partner_id, expires_at=soon)
    revoked_id, revoked = await make_key(db, vault, partner.partner_id)
    async with db.transaction() as tx:
        await keys.revoke_key(tx, CLI, partner_id=partner.partner_id, key_id=revoked_id)
    clock.advance(6)
    headers = [
        None,
        "",
        "Bearer",
        "Basic dXNlcjpwYXNz",
        "Bearer vg_live_x_y",
        f"Bearer vg_live_{new_body()}_{'x' * 43}",
        f"Bearer {partner.key[:-1]}{'a' if partner.key[-1] != 'a' else 'b'}",
        f"Bearer {partner.key.replace('live', 'test')}",
        f"Bearer {partner.key} ",
        f"Bearer {expired}",
        f"Bearer {revoked}",
    ]
    bodies = set()
    async with client_of(app) as nobody:
        for header in headers:
            sent = {} if header is None else {"Authorization": header}
            answer = await nobody.get("/v1/partner", headers=sent)
            problem = answer.json()
            del problem["request_id"]
            bodies.add(str(problem))
            assert (answer.status_code, problem["code"]) == (401, "invalid_credentials"), header
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert "RateLimit" not in answer.headers
    assert len(bodies) == 1


async def test_i33_a_suspended_partner_reads_and_stops_its_own_sessions_only(
    db: Database, partner: Party, place: Place
) -> None:
    operation_id = await begin(db, partner, place)
    async with db.transaction() as tx:
        await partners.suspend(tx, CLI, partner_id=partner.partner_id)
    operation = (await partner.client.get(f"/v1/operations/{operation_id}")).json()
    for path in ("sessions", "operations", "events", "webhook_endpoints", "api_keys", "partner"):
        assert (await partner.client.get(f"/v1/{path}")).status_code == 200
    for path, body in (
        ("start_charge", start_body(place, "new")),
        ("unlock_connector", start_body(place, "new")),
        ("webhook_endpoints", {"url": "http://127.0.0.1:9999/"}),
        ("api_keys", {"name": "key", "scopes": ["status:read"]}),
    ):
        answer = await partner.client.post(f"/v1/{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "partner_suspended")
    stop = await partner.client.post(
        "/v1/stop_charge", json={"request_id": "stop", "session_id": operation["session_id"]}
    )
    assert stop.status_code == 202


async def test_s18_an_allowlist_is_about_the_real_peer(
    app: PartnerApp, db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    proxied = create_app(
        db, settings.model_copy(update={"trusted_proxies": ("10.0.0.0/8",)}), vault, clock
    )
    async with party(app, db, vault, ip_allowlist=["192.0.2.0/24"]) as caller:
        forwarded = {"X-Forwarded-For": "192.0.2.7"}
        cases = [
            (app, "192.0.2.9", {}, 200),
            (app, "198.51.100.1", {}, 403),
            (app, "198.51.100.1", forwarded, 403),
            (app, "10.0.0.1", forwarded, 403),
            (proxied, "10.0.0.1", forwarded, 200),
            (proxied, "198.51.100.1", forwarded, 403),
            (proxied, "10.0.0.1", {"X-Forwarded-For": "192.0.2.7, 198.51.100.1"}, 403),
            (proxied, "10.0.0.1", {"X-Forwarded-For": "198.51.100.1, 192.0.2.7, 10.9.9.9"}, 200),
            (proxied, "10.0.0.1", {"X-Forwarded-For": "nonsense"}, 403),
        ]
        for served, address, headers, status in cases:
            async with client_of(served, caller.key, address=address) as client:
                answer = await client.get("/v1/partner", headers=headers)
            assert answer.status_code == status, (address, headers)


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        (None, "192.0.2.1", None),
        ("unix", "192.0.2.1", None),
        ("::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "", "10.0.0.1"),
    ],
)
def test_s18_odd_peers(peer: str | None, forwarded: str, found: str | None) -> None:
    scope = {
        "client": None if peer is None else (peer, 1),
        "headers": [(b"x-forwarded-for", forwarded.encode())],
    }
    assert client_address(scope, ["10.0.0.0/8"]) == found


async def test_a_key_cannot_give_what_it_does_not_have(
    app: PartnerApp, db: Database, vault: Vault
) -> None:
    async with party(app, db, vault, scopes=["keys:manage", "status:read"]) as caller:
        strong_id, _ = await make_key(db, vault, caller.partner_id)
        weak = {"name": "weak", "scopes": ["status:read"]}
        created = await caller.client.post("/v1/api_keys", json=weak)
        assert created.status_code == 201
        assert created.json()["secret"].startswith("vg_live_")
        for path, body in (
            ("/v1/api_keys", {"name": "strong", "scopes": ["control:start"]}),
            (f"/v1/api_keys/{strong_id}/rotate", None),
        ):
            answer = await caller.client.post(path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
        wider = await caller.client.patch(
            f"/v1/api_keys/{created.json()['id']}", json={"scopes": ["control:start"]}
        )
        assert wider.status_code == 403


async def test_s14_a_revoked_key_is_refused_at_once(app: PartnerApp, partner: Party) -> None:
    body = {"name": "short", "scopes": ["status:read"]}
    created = (await partner.client.post("/v1/api_keys", json=body)).json()
    async with client_of(app, created["secret"]) as client:
        assert (await client.get("/v1/statuses")).status_code == 200
        revoked = await partner.client.post(f"/v1/api_keys/{created['id']}/revoke")
        assert revoked.json()["revoked_at"] is not None
        assert (await client.get("/v1/statuses")).status_code == 401
    again = await partner.client.post(f"/v1/api_keys/{created['id']}/revoke")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
