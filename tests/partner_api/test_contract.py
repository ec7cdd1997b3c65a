"""Every route once, going well: status, headers, and a body exactly as described."""

import copy
import re
from typing import Any

import jsonschema_rs
import pytest

from core.chargers.states import ConnectorStatus
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.operations import reservations
from core.operations import service as operations
from partner_api import openapi
from partner_api.app import ROUTERS, PartnerApp
from tests.partner_api.furniture import begin, furnish, in_an_hour, measure, reference_of
from tests.partner_api.scenes import Party, Place, grant, make_place, report, start_body

DOCUMENT = openapi.document(ROUTERS, public_url="http://api.test")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

READS = [
    ("list_operations", "/v1/operations"),
    ("get_operation", "/v1/operations/{operation_id}"),
    ("list_reservations", "/v1/reservations"),
    ("get_reservation", "/v1/reservations/{reservation_id}"),
    ("list_stations", "/v1/stations"),
    ("get_station", "/v1/stations/{station_id}"),
    ("get_connector", "/v1/connectors/{connector_id}"),
    ("list_statuses", "/v1/statuses?station_id={station_id}"),
    ("list_sessions", "/v1/sessions?active=false"),
    ("get_session", "/v1/sessions/{session_id}"),
    ("list_meter_values", "/v1/sessions/{session_id}/meter_values"),
    ("list_orders", "/v1/orders?session_id={session_id}"),
    ("get_order", "/v1/orders/{order_id}"),
    ("list_webhook_endpoints", "/v1/webhook_endpoints"),
    ("get_webhook_endpoint", "/v1/webhook_endpoints/{endpoint_id}"),
    ("list_deliveries", "/v1/webhook_endpoints/{endpoint_id}/deliveries?status=due"),
    (
        "list_deliveries",
        "/v1/webhook_endpoints/{endpoint_id}/deliveries?event_id={event_id}&event_type=session.ended",
    ),
    ("get_delivery", "/v1/deliveries/{delivery_id}"),
    ("list_events", "/v1/events?type=operation.succeeded"),
    ("list_events", "/v1/events?session_id={session_id}&since=2026-01-01T00:00:00Z"),
    ("list_events", "/v1/events?object_id={order_id}&until=2100-01-01T00:00:00Z"),
    ("get_event", "/v1/events/{event_id}"),
    ("get_partner", "/v1/partner"),
    ("list_api_keys", "/v1/api_keys"),
]
WRITES: list[tuple[str, int, str, str, dict[str, Any] | None]] = [
    (
        "change_webhook_endpoint",
        200,
        "PATCH",
        "/v1/webhook_endpoints/{endpoint_id}",
        {"event_types": ["session.ended"], "ordering": "session", "description": None},
    ),
    (
        "rotate_webhook_secret",
        200,
        "POST",
        "/v1/webhook_endpoints/{endpoint_id}/rotate_secret",
        {"overlap_hours": 1},
    ),
    (
        "rotate_webhook_secret",
        200,
        "POST",
        "/v1/webhook_endpoints/{endpoint_id}/rotate_secret",
        None,
    ),
    ("ping_webhook_endpoint", 202, "POST", "/v1/webhook_endpoints/{endpoint_id}/ping", None),
    (
        "recover_webhook_endpoint",
        202,
        "POST",
        "/v1/webhook_endpoints/{endpoint_id}/recover",
        {"since": "2026-01-01T00:00:00+01:00"},
    ),
    ("replay_events", 202, "POST", "/v1/webhook_endpoints/{endpoint_id}/replay", {}),
    (
        "replay_events",
        202,
        "POST",
        "/v1/webhook_endpoints/{endpoint_id}/replay",
        {
            "status": "all",
            "event_types": ["session.*"],
            "since": "2026-01-01T00:00:00Z",
            "until": "2100-01-01T00:00:00Z",
            "after_seq": 0,
        },
    ),
    ("resend_event", 202, "POST", "/v1/events/{event_id}/resend", None),
    ("resend_event", 202, "POST", "/v1/events/{event_id}/resend", {"endpoint_id": "endpoint_id"}),
    (
        "change_webhook_endpoint",
        200,
        "PATCH",
        "/v1/webhook_endpoints/{endpoint_id}",
        {"enabled": False},
    ),
    ("enable_webhook_endpoint", 200, "POST", "/v1/webhook_endpoints/{endpoint_id}/enable", None),
    ("delete_webhook_endpoint", 200, "DELETE", "/v1/webhook_endpoints/{endpoint_id}", None),
    (
        "create_api_key",
        201,
        "POST",
        "/v1/api_keys",
        {
            "name": "night",
            "scopes": ["status:read"],
            "ip_allowlist": ["192.0.2.0/24"],
            "expires_at": "2036-01-01T00:00:00Z",
        },
    ),
    ("change_api_key", 200, "PATCH", "/v1/api_keys/{key_id}", {"name": "renamed"}),
    ("rotate_api_key", 201, "POST", "/v1/api_keys/{key_id}/rotate", {"overlap_hours": 24.0}),
    ("revoke_api_key", 200, "POST", "/v1/api_keys/{key_id}/revoke", None),
]


def validators() -> dict[str, tuple[str, Any]]:
    """Return the good status and a validator that knows no further member, by operationId."""
    components = copy.deepcopy(DOCUMENT["components"])
    for schema in components["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    found = {}
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            status, good = next(iter(sorted(operation["responses"].items())))
            content = good["content"].get("application/json")
            if content is not None:
                schema = {"components": components, **content["schema"]}
                found[operation["operationId"]] = (status, jsonschema_rs.validator_for(schema))
    return found


VALIDATORS = validators()


def conforms(name: str, answer: Any) -> None:
    status, validator = VALIDATORS[name]
    assert str(answer.status_code) == status, answer.text
    body = answer.json()
    errors = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(body)]
    assert errors == [], name
    assert answer.headers["Content-Type"] == "application/json"
    assert re.fullmatch("req_[0-9a-z]{26}", answer.headers["X-Request-Id"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert {"RateLimit", "RateLimit-Policy", "Cache-Control"} <= {
        name.title().replace("Ratelimit", "RateLimit") for name in answer.headers
    }
    for instant in instants(body):
        assert INSTANT.fullmatch(instant), instant


def instants(value: Any) -> list[str]:
    """Return every value whose name says that it is an instant."""
    if isinstance(value, list):
        return [found for item in value for found in instants(item)]
    if not isinstance(value, dict):
        return []
    own = [v for k, v in value.items() if (k.endswith("_at") or k in {"at", "timestamp"}) and v]
    return own + [found for member in value.values() for found in instants(member)]


async def test_every_reading_route_answers_as_described(
    db: Database, vault: Vault, partner: Party
) -> None:
    own = await furnish(db, vault, partner, name="own")
    ids = {name: getattr(own, name) for name in own.__slots__}
    for name, path in READS:
        answer = await partner.client.get(path.format(**ids))
        conforms(name, answer)
        body = answer.json()
        assert body.get("data") != [], path
        if "{" in path and "?" not in path and body["object"] != "list":
            assert body["id"] in path.format(**ids)


async def test_every_writing_route_answers_as_described(
    db: Database, vault: Vault, partner: Party
) -> None:
    own = await furnish(db, vault, partner, name="own")
    ids = {name: getattr(own, name) for name in own.__slots__}
    for name, status, method, path, body in WRITES:
        filled = None if body is None else {k: ids.get(str(v), v) for k, v in body.items()}
        answer = await partner.client.request(method, path.format(**ids), json=filled)
        assert answer.status_code == status, (name, answer.text)
        conforms(name, answer)


async def test_every_control_call_answers_202_with_the_operation(
    db: Database, vault: Vault, partner: Party, place: Place
) -> None:
    second = await make_place(db, vault, identity="CP-2")
    await grant(db, second, partner.partner_id)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("start_charge", start_body(place, "1", metadata={"order": 7}, user_ref="u-1")),
        ("unlock_connector", start_body(second, "2")),
        ("reserve", start_body(second, "3", expires_at=in_an_hour(db))),
        ("stop_charge", {"request_id": "4", "start_request_id": "1"}),
    ]
    for name, body in calls:
        answer = await partner.client.post(f"/v1/{name}", json=body)
        conforms(name, answer)
        operation = answer.json()
        assert answer.headers["Location"] == f"/v1/operations/{operation['id']}"
        assert answer.headers["Retry-After"] == "2"
        assert (operation["type"], operation["request_id"]) == (name, body["request_id"])
        assert operation["livemode"] is True
        if name == "reserve":
            calls.append(
                (
                    "cancel_reservation",
                    {"request_id": "5", "reservation_id": operation["reservation_id"]},
                )
            )
    started = (await partner.client.get("/v1/operations?request_id=1")).json()["data"][0]
    assert (started["metadata"], started["user_ref"]) == ({"order": 7}, "u-1")
    assert started["status"] == "cancelled"


async def test_a_session_is_seen_while_it_goes_on(
    db: Database, clock: ShiftedClock, partner: Party, place: Place
) -> None:
    operation_id = await begin(db, partner, place)
    clock.advance(600)
    await measure(db, place, 2500)
    operation = (await partner.client.get(f"/v1/operations/{operation_id}")).json()
    assert (operation["status"], operation["stage"]) == ("succeeded", "started")
    assert [step["stage"] for step in operation["timeline"]] == [
        "queued",
        "sent_to_charger",
        "started",
    ]
    session_id, _ = await reference_of(db, operation_id)
    session = (await partner.client.get(f"/v1/sessions/{session_id}")).json()
    assert operation["session_id"] == session_id
    assert (session["status"], session["energy_wh"]) == ("charging", 1500)
    assert (session["operation_id"], session["request_id"]) == (operation_id, "app-1")
    (active,) = (await partner.client.get("/v1/sessions?active=true")).json()["data"]
    assert active == session
    first = (await partner.client.get(f"/v1/sessions/{session_id}/meter_values?limit=1")).json()
    rest = (
        await partner.client.get(
            f"/v1/sessions/{session_id}/meter_values?after_seq={first['next_seq']}"
        )
    ).json()
    assert rest["has_more"] is False
    assert [value["energy_wh"] for value in [*first["data"], *rest["data"]]][-1] == 2500


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (ConnectorStatus.CHARGING, "connector_busy"),
        (ConnectorStatus.FAULTED, "connector_faulted"),
        (ConnectorStatus.UNAVAILABLE, "connector_unavailable"),
        (ConnectorStatus.RESERVED, "connector_reserved"),
    ],
)
async def test_a_connector_that_cannot_start_is_refused_at_once(
    db: Database, partner: Party, place: Place, found: ConnectorStatus, code: str
) -> None:
    await report(db, place.charger_id, found)
    answer = await partner.client.post("/v1/start_charge", json=start_body(place))
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["retryable"]) == (409, code, True)
    assert problem["type"].endswith(f"/docs/errors/{code}")
    about = await partner.client.get(problem["type"], headers={"Accept": "application/json"})
    assert about.json()["code"] == code
    assert f"<code>{code}</code>" in (await partner.client.get(problem["type"])).text


async def test_a_connector_is_free_once_its_reservation_is_over_whatever_it_said_before(
    db: Database, clock: ShiftedClock, partner: Party, place: Place
) -> None:
    """The charger's own word of it may come a moment after the partner's webhook."""
    body = start_body(place, "app-0") | {"expires_at": in_an_hour(db)}
    held = await partner.client.post("/v1/reserve", json=body)
    await report(db, place.charger_id, ConnectorStatus.RESERVED)
    async with db.transaction() as tx:
        operation = await operations.get(tx, held.json()["id"])
        assert operation.reservation_id is not None
        await reservations.cancel(tx, operation.reservation_id)

    told = await partner.client.post("/v1/start_charge", json=start_body(place))
    await partner.client.post(f"/v1/operations/{told.json()['id']}/cancel")
    clock.advance(1)
    await report(db, place.charger_id, ConnectorStatus.RESERVED)  # by its operator, at the charger
    refused = await partner.client.post("/v1/start_charge", json=start_body(place, "app-2"))

    assert told.status_code == 202, told.text
    assert (refused.status_code, refused.json()["code"]) == (409, "connector_reserved")


async def test_who_may_only_look_cannot_control(
    app: PartnerApp, db: Database, vault: Vault, partner: Party
) -> None:
    place = await make_place(db, vault)
    await grant(db, place, partner.partner_id, control=False)
    answer = await partner.client.post("/v1/start_charge", json=start_body(place))
    assert (answer.status_code, answer.json()["code"]) == (403, "station_not_granted")
    assert (await partner.client.get(f"/v1/stations/{place.station_id}")).is_success


async def test_an_operation_that_was_sent_cannot_be_cancelled(
    db: Database, partner: Party, place: Place
) -> None:
    queued = await partner.client.post("/v1/start_charge", json=start_body(place))
    for _ in range(2):
        answer = await partner.client.post(f"/v1/operations/{queued.json()['id']}/cancel")
        conforms("cancel_operation", answer)
        assert answer.json()["status"] == "cancelled"
    sent = await begin(db, partner, place, request_id="app-2")
    late = await partner.client.post(f"/v1/operations/{sent}/cancel")
    assert (late.status_code, late.json()["code"]) == (409, "operation_not_cancellable")


async def test_a_webhook_secret_is_shown_once(partner: Party) -> None:
    created = await partner.client.post(
        "/v1/webhook_endpoints", json={"url": "http://127.0.0.1:9999/hook"}
    )
    conforms("create_webhook_endpoint", created)
    endpoint = created.json()
    assert created.headers["Location"] == f"/v1/webhook_endpoints/{endpoint['id']}"
    assert endpoint["secret"].startswith("whsec_")
    assert endpoint["event_types"] == ["*"]
    shown = await partner.client.get(created.headers["Location"])
    assert "secret" not in shown.json()
    assert endpoint["secret"] not in (await partner.client.get("/v1/webhook_endpoints")).text


async def test_the_document_is_served(partner: Party) -> None:
    answer = await partner.client.get("/openapi.json")
    assert answer.json()["openapi"] == "3.1.0"
    again = await partner.client.get(
        "/openapi.json", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert again.status_code == 304
