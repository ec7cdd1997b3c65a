"""The OpenAPI document: complete, valid, true."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.specs.openapi import checks

from core.kernel.clock import SystemClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.errors import CATALOGUE
from core.kernel.settings import Settings
from core.webhooks.types import EventType
from ops.http import serving
from partner_api import openapi
from partner_api.app import ROUTERS, create_app
from tests.partner_api.furniture import furnish
from tests.partner_api.scenes import party

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
GET /v1/connectors/{}
GET /v1/statuses
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


SCHEMA = schemathesis.openapi.from_dict(DOCUMENT).exclude(path_regex="/stream$")
SCHEMA.config.generation.with_security_parameters = False
CHECKS: list[CheckFunction] = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
]


@pytest.fixture(scope="module")
def served(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """Serve a furnished platform from a thread; return its address and a key."""
    path = tmp_path_factory.mktemp("schemathesis") / "voltgate.db"
    path.write_bytes(sqlite_template.read_bytes())
    ready, answer, stop = threading.Event(), [], asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        clock = SystemClock()
        config = Settings(
            database_url=f"sqlite:///{path}",
            webhook_allow_insecure=True,
            requests_per_minute=1_000_000,
            applicant_requests_per_minute=1_000_000,
        )
        vault = Vault(config)
        async with Database(config.database_url, doorbell=MemoryDoorbell(), clock=clock) as db:
            app = create_app(db, config, vault, clock)
            async with (
                party(app, db, vault) as caller,
                serving(app, host="127.0.0.1", port=0) as url,
            ):
                await furnish(db, vault, caller, name="own")
                answer.append((url, caller.key))
                ready.set()
                await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(30)
    yield answer[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@SCHEMA.parametrize()
@settings(
    max_examples=10,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_described_whatever_is_sent(
    case: Case[Any], served: tuple[str, str]
) -> None:
    url, key = served
    case.call_and_validate(
        base_url=url, headers={"Authorization": f"Bearer {key}"}, checks=CHECKS, timeout=10
    )
