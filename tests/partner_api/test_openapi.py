"""The OpenAPI document: complete, valid, true."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case

from core.kernel.errors import CATALOGUE
from core.webhooks.types import EventType
from partner_api import openapi
from partner_api.app import ROUTERS
from tests.partner_api.furnished import Scene
from tests.probe.judge import AS_GENERATED, SCHEMA, judge, send
from tests.probe.stage import Stage, key_for, stage

DOCUMENT = openapi.document(ROUTERS, public_url="http://api.test/")

CONTRACT = """
POST /v1/start_charge
POST /v1/stop_charge
POST /v1/reserve
POST /v1/cancel_reservation
POST /v1/unlock_connector
GET /v1/operations
GET /v1/operations/{}
POST /v1/operations/{}/cancel
GET /v1/reservations
GET /v1/reservations/{}
GET /v1/stations
GET /v1/stations/{}
GET /v1/stations/{}/pictures/{}
GET /v1/tariffs
GET /v1/tariffs/{}
GET /v1/connectors/{}
GET /v1/statuses
GET /v1/statuses/stream
GET /v1/sessions
GET /v1/sessions/{}
GET /v1/sessions/{}/meter_values
GET /v1/orders
GET /v1/orders/{}
GET /v1/webhook_endpoints
POST /v1/webhook_endpoints
GET /v1/webhook_endpoints/{}
PATCH /v1/webhook_endpoints/{}
DELETE /v1/webhook_endpoints/{}
POST /v1/webhook_endpoints/{}/rotate_secret
POST /v1/webhook_endpoints/{}/ping
POST /v1/webhook_endpoints/{}/enable
POST /v1/webhook_endpoints/{}/recover
POST /v1/webhook_endpoints/{}/replay
GET /v1/webhook_endpoints/{}/deliveries
GET /v1/deliveries/{}
GET /v1/events
GET /v1/events/{}
POST /v1/events/{}/resend
GET /v1/events/stream
GET /v1/request_logs
GET /v1/request_logs/stream
GET /v1/request_logs/{}
GET /v1/partner
GET /v1/api_keys
POST /v1/api_keys
PATCH /v1/api_keys/{}
POST /v1/api_keys/{}/rotate
POST /v1/api_keys/{}/revoke
GET /v1/signing_keys
POST /v1/signing_keys
POST /v1/signing_keys/{}/rotate
POST /v1/signing_keys/{}/revoke
GET /v1/test_helpers/chargers
GET /v1/test_helpers/chargers/{}
POST /v1/test_helpers/chargers/{}/plug
POST /v1/test_helpers/chargers/{}/unplug
POST /v1/test_helpers/chargers/{}/fault
POST /v1/test_helpers/chargers/{}/clear_fault
POST /v1/test_helpers/chargers/{}/disconnect
POST /v1/test_helpers/chargers/{}/reconnect
POST /v1/test_helpers/chargers/{}/advance
POST /v1/test_helpers/inbox
GET /v1/test_helpers/inbox
DELETE /v1/test_helpers/inbox
GET /v1/terms
POST /v1/partner_applications
GET /v1/partner_applications/{}
PATCH /v1/partner_applications/{}
POST /v1/partner_applications/{}/documents
POST /v1/partner_applications/{}/send_email_proof
POST /v1/partner_applications/{}/prove_email
POST /v1/partner_applications/{}/check_webhook
POST /v1/partner_applications/{}/live_key
"""

KEYLESS = {route.name for route in openapi.api_routes(ROUTERS) if openapi.is_keyless(route)}


def test_it_describes_the_routes_of_the_contract() -> None:
    described = {
        f"{method.upper()} {'/'.join('{}' if part[:1] == '{' else part for part in parts)}"
        for path, methods in DOCUMENT["paths"].items()
        for parts in [path.split("/")]
        for method in methods
    }
    assert described == set(CONTRACT.split("\n")[1:-1])


def test_it_describes_every_event_and_every_error() -> None:
    assert set(DOCUMENT["webhooks"]) == set(EventType)
    assert DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == list(
        CATALOGUE
    )
    assert DOCUMENT["servers"] == [{"url": "http://api.test"}]


def test_every_call_has_a_name_a_text_a_scope_and_its_answers() -> None:
    names = []
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            names.append(operation["operationId"])
            assert operation["description"]
            by_key = operation["operationId"] not in KEYLESS
            assert by_key == (
                {"apiKey"} == {name for need in operation["security"] for name in need}
            )
            expected = {"401", "429", "500", "503"} | ({"403"} if by_key else set())
            assert expected <= set(operation["responses"])
            good = [status for status in operation["responses"] if status < "300"]
            assert len(good) == 1
            assert operation["responses"][good[0]]["content"]
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere() -> None:
    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(reference := value.get("$ref"), str):
                found: Any = DOCUMENT
                for part in reference.removeprefix("#/").split("/"):
                    found = found[part]
            for member in value.values():
                walk(member)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(DOCUMENT)


@pytest.fixture(scope="module")
def furnished_stage(scene_file: tuple[Path, Scene]) -> Iterator[Stage]:
    """A furnished platform, called without a server."""
    with stage(*scene_file) as opened:
        yield opened


@SCHEMA.parametrize()
@settings(
    max_examples=8,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_described_whatever_is_sent(
    case: Case[Any], furnished_stage: Stage, quiet: None
) -> None:
    """A few cases of each operation; ``make probe`` sends very many."""
    side = furnished_stage.scene.live
    if case.path.startswith("/v1/test_helpers"):
        side = furnished_stage.scene.test
    key = key_for(case, side)
    prepared, answer = send(furnished_stage.loop, furnished_stage.app, case, key)
    judge(case, prepared, answer, AS_GENERATED)
