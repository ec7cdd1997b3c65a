"""Who may call what: every route, every role."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from core.kernel.db import Database
from core.operators.models import Role
from ops.operator_api.app import OperatorApp
from tests.ops.conftest import Login
from tests.ops.operator_api.making import get, post

READING = (Role.VIEWER, Role.FINANCE, Role.SUPPORT, Role.ADMIN)
SUPPORTS = {
    ("post", "/operator/v1/chargers/{charger_id}/charging_profiles"),
    ("put", "/operator/v1/chargers/{charger_id}/charging_profiles/{profile}"),
    ("delete", "/operator/v1/chargers/{charger_id}/charging_profiles/{profile}"),
    ("post", "/operator/v1/chargers/{charger_id}/charging_profiles/clear"),
    ("post", "/operator/v1/chargers/{charger_id}/charging_profiles/report"),
    ("post", "/operator/v1/chargers/{charger_id}/composite_schedule"),
    ("post", "/operator/v1/sessions/{session_id}/charging_profile"),
    ("post", "/operator/v1/chargers/{charger_id}/approve"),
    ("post", "/operator/v1/chargers/{charger_id}/compliance/restart"),
    ("post", "/operator/v1/chargers/{charger_id}/reject"),
    ("post", "/operator/v1/chargers/{charger_id}/commands"),
    ("post", "/operator/v1/chargers/{charger_id}/certificates/report"),
    ("post", "/operator/v1/chargers/{charger_id}/certificates/renew"),
    ("put", "/operator/v1/chargers/{charger_id}/availability"),
    ("put", "/operator/v1/chargers/{charger_id}/configuration"),
    ("put", "/operator/v1/chargers/{charger_id}/variables"),
    ("delete", "/operator/v1/chargers/{charger_id}/configuration/{key}"),
    ("post", "/operator/v1/desired_states/{desired_id}/retry"),
    ("delete", "/operator/v1/desired_states/{desired_id}"),
    ("post", "/operator/v1/chargers/{charger_id}/reset"),
    ("post", "/operator/v1/chargers/{charger_id}/unlock"),
    ("post", "/operator/v1/chargers/{charger_id}/trigger"),
    ("post", "/operator/v1/chargers/{charger_id}/clear_cache"),
    ("post", "/operator/v1/chargers/{charger_id}/message_queue"),
    ("post", "/operator/v1/chargers/{charger_id}/variables/read"),
    ("post", "/operator/v1/chargers/{charger_id}/network_profiles"),
    ("post", "/operator/v1/chargers/{charger_id}/reports"),
    ("post", "/operator/v1/chargers/{charger_id}/hold"),
    ("post", "/operator/v1/fleet_commands/{fleet_command_id}/pause"),
    ("post", "/operator/v1/fleet_commands/{fleet_command_id}/resume"),
    ("post", "/operator/v1/fleet_commands/{fleet_command_id}/cancel"),
    ("put", "/operator/v1/chargers/{charger_id}/local_list"),
    ("delete", "/operator/v1/chargers/{charger_id}/local_list"),
    ("post", "/operator/v1/chargers/{charger_id}/local_list/tokens"),
    ("post", "/operator/v1/chargers/{charger_id}/local_list/tokens/remove"),
    ("post", "/operator/v1/chargers/{charger_id}/local_list/version"),
    ("post", "/operator/v1/chargers/{charger_id}/data_transfers"),
    ("post", "/operator/v1/chargers/{charger_id}/holds"),
    ("post", "/operator/v1/chargers/{charger_id}/holds/{hold_id}/cancel"),
    ("put", "/operator/v1/chargers/{charger_id}/firmware"),
    ("delete", "/operator/v1/chargers/{charger_id}/firmware"),
    ("post", "/operator/v1/chargers/{charger_id}/firmware/retry"),
    ("post", "/operator/v1/chargers/{charger_id}/firmware/publish"),
    ("post", "/operator/v1/chargers/{charger_id}/firmware/unpublish"),
    ("post", "/operator/v1/chargers/{charger_id}/logs"),
    ("put", "/operator/v1/chargers/{charger_id}/monitors"),
    ("delete", "/operator/v1/chargers/{charger_id}/monitors/{desired_id}"),
    ("post", "/operator/v1/chargers/{charger_id}/monitoring_base"),
    ("post", "/operator/v1/chargers/{charger_id}/monitoring_level"),
    ("post", "/operator/v1/chargers/{charger_id}/monitoring_reports"),
    ("put", "/operator/v1/chargers/{charger_id}/display_messages/{number}"),
    ("delete", "/operator/v1/chargers/{charger_id}/display_messages/{number}"),
    ("post", "/operator/v1/chargers/{charger_id}/display_message_reports"),
    ("put", "/operator/v1/id_tokens/{token}"),
    ("delete", "/operator/v1/id_tokens/{token}"),
    ("post", "/operator/v1/events/{event_id}/resend"),
    ("post", "/operator/v1/dead_letters/replay"),
    ("post", "/operator/v1/dead_letters/{delivery_id}/replay"),
    ("post", "/operator/v1/partner_applications/{application_id}/ask"),
    ("post", "/operator/v1/partner_applications/{application_id}/notes"),
    ("post", "/operator/v1/partner_applications/{application_id}/look_up"),
    ("post", "/operator/v1/alerts/test"),
    ("post", "/operator/v1/alerts/{alert_id}/acknowledge"),
    ("post", "/operator/v1/alerts/{alert_id}/resolve"),
}
PERSONAL = {
    "/operator/v1/partner_applications/{application_id}/unsent_mails",
    "/operator/v1/partner_applications/{application_id}/documents/{document_id}",
}
"""What not everybody reads who may read."""


def routes(app: OperatorApp) -> Iterator[tuple[str, str]]:
    for path, methods in app.fastapi.openapi()["paths"].items():
        if path.startswith("/operator/v1/"):
            yield from ((method, path) for method in methods)


def filled(path: str) -> str:
    return re.sub(r"\{\w+\}", "nothing", path)


async def test_every_route_wants_a_token(
    operator_app: OperatorApp, anybody: httpx2.AsyncClient
) -> None:
    answers = {
        route: await anybody.request(route[0], filled(route[1])) for route in routes(operator_app)
    }
    assert len(answers) > 50
    assert {route: answer.json()["code"] for route, answer in answers.items()} == dict.fromkeys(
        answers, "invalid_credentials"
    )


@pytest.mark.parametrize("role", Role)
async def test_a_role_may_do_what_it_is_for(
    operator_app: OperatorApp, login: Login, role: Role
) -> None:
    client = await login(role)
    for method, path in routes(operator_app):
        allowed = (method == "get" and path not in PERSONAL) or role is Role.ADMIN
        allowed |= role is Role.SUPPORT and (path in PERSONAL or (method, path) in SUPPORTS)
        answer = await client.request(method, filled(path), json=None if method == "get" else {})
        refused = answer.status_code == 403
        assert refused is not allowed, (method, path, answer.text)
        assert answer.status_code < 500, (method, path, answer.text)


async def test_an_unknown_object_is_a_404_on_every_route(
    operator_app: OperatorApp, operator: httpx2.AsyncClient
) -> None:
    found = {}
    for method, path in routes(operator_app):
        if method == "get" and "{" in path:
            found[path] = (await operator.get(filled(path))).json().get("code")
    assert found == dict.fromkeys(found, "not_found")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Bearer vg_op_" + "0" * 26 + "_" + "a" * 43, "Basic YTpi"]
)
async def test_a_wrong_token_is_refused(anybody: httpx2.AsyncClient, header: str) -> None:
    answer = await anybody.get("/operator/v1/chargers", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_revoked_token_is_refused_at_once(
    operator: httpx2.AsyncClient, operator_app: OperatorApp
) -> None:
    made = await post(operator, "/operator_tokens", name="temporary", role="viewer")
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert (await operator.get("/operator/v1/audit", headers=headers)).status_code == 200
    await post(operator, f"/operator_tokens/{made['id']}/revoke")
    assert (await operator.get("/operator/v1/audit", headers=headers)).status_code == 401


async def test_changes_are_audited_with_operator_and_request(
    operator: httpx2.AsyncClient,
) -> None:
    answer = await operator.post("/operator/v1/stations", json={"name": "Depot"})
    (entry,) = (await get(operator, "/audit", object_id=answer.json()["id"]))["data"]
    assert entry["action"] == "station.created"
    assert entry["actor"].startswith("operator:otk_")
    assert entry["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/chargers?limit=0", "invalid_parameter"),
        ("/chargers?identty=CP-1", "invalid_parameter"),
        ("/messages?cursor=x", "invalid_cursor"),
        ("/events?cursor=x", "invalid_cursor"),
        ("/chargers?cursor=x", "invalid_cursor"),
        ("/messages?from=yesterday", "invalid_parameter"),
    ],
)
async def test_a_query_that_cannot_be_used_is_named(
    operator: httpx2.AsyncClient, path: str, code: str
) -> None:
    answer = await operator.get(f"/operator/v1{path}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "x", "colour": "red"}, "unknown_field"),
        ({"name": 5}, "invalid_parameter"),
        ({}, "invalid_parameter"),
    ],
)
async def test_a_body_that_cannot_be_used_is_named(
    operator: httpx2.AsyncClient, body: dict[str, Any], code: str
) -> None:
    answer = await operator.post("/operator/v1/stations", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_the_document_describes_every_route(
    operator_app: OperatorApp, anybody: httpx2.AsyncClient, db: Database
) -> None:
    answer = await anybody.get("/operator/openapi.json")
    assert answer.json()["openapi"].startswith("3.1")
    for path, methods in answer.json()["paths"].items():
        for method in methods.values():
            assert method["summary"], path
