"""Bad input: the right code, nothing stored, nothing leaked."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import DatabaseUnavailable
from core.kernel.settings import Settings
from partner_api.app import PartnerApp
from tests.partner_api.scenes import Party, Place, client_of, start_body

JSON = {"Content-Type": "application/json"}

BODIES: list[tuple[bytes, str]] = [
    (b"", "malformed_json"),
    (b"{", "malformed_json"),
    (b"\xff\xfe", "malformed_json"),
    (b"\xef\xbb\xbf{}", "malformed_json"),
    (b"{'a': 1}", "malformed_json"),
    (b"[" * 60_000, "malformed_json"),
    (b'{"request_id": NaN}', "malformed_json"),
    (b'{"request_id": "a", "request_id": "b"}', "malformed_json"),
    (b'{"metadata": {"n": ' + b"9" * 5000 + b"}}", "malformed_json"),
    (b'{"metadata": {"n": 1e999}}', "invalid_parameter"),
    (b'{"metadata": {"n": 9007199254740993}}', "invalid_parameter"),
    (b'{"metadata": {"n": "\\u0000"}}', "invalid_parameter"),
    (b'{"metadata": {"\\ud800": 1}}', "invalid_parameter"),
    (b'{"metadata": ' + b'{"a":' * 30 + b"1" + b"}" * 31, "invalid_parameter"),
    (b"[]", "invalid_parameter"),
    (b"null", "invalid_parameter"),
    (b'"text"', "invalid_parameter"),
    (b"17", "invalid_parameter"),
]

FIELDS: list[tuple[dict[str, Any], str, str]] = [
    ({"request_id": None}, "invalid_parameter", "/request_id"),
    ({"request_id": ""}, "invalid_parameter", "/request_id"),
    ({"request_id": "a" * 65}, "invalid_parameter", "/request_id"),
    ({"request_id": "a b"}, "invalid_parameter", "/request_id"),
    ({"request_id": "a\n"}, "invalid_parameter", "/request_id"),
    ({"request_id": "ä"}, "invalid_parameter", "/request_id"),
    ({"request_id": 7}, "invalid_parameter", "/request_id"),
    ({"connector_id": ["x"]}, "invalid_parameter", "/connector_id"),
    ({"connector_id": "x" * 65}, "invalid_parameter", "/connector_id"),
    ({"user_ref": "x" * 201}, "invalid_parameter", "/user_ref"),
    ({"on_late_start": "perhaps"}, "invalid_parameter", "/on_late_start"),
    ({"limits": {"max_energy_wh": True}}, "invalid_parameter", "/limits/max_energy_wh"),
    ({"limits": {"max_energy_wh": "5"}}, "invalid_parameter", "/limits/max_energy_wh"),
    ({"limits": {"max_energy_wh": 5.5}}, "invalid_parameter", "/limits/max_energy_wh"),
    ({"limits": {"max_energy_kwh": 5}}, "unknown_field", "/limits/max_energy_kwh"),
    ({"limits": []}, "invalid_parameter", "/limits"),
    ({"metadata": []}, "invalid_parameter", "/metadata"),
    ({"metadata": {str(n): n for n in range(51)}}, "invalid_parameter", "/metadata"),
    ({"metadata": {"a": "x" * 4096}}, "invalid_parameter", "/metadata"),
    ({"nonsense": 1}, "unknown_field", "/nonsense"),
    ({"a/b~c": 1}, "unknown_field", "/a~1b~0c"),
]

QUERIES = [
    "limit=0",
    "limit=201",
    "limit=ten",
    "limit=1_0",
    "limit=%2B10",
    "limit=10.0",
    "limit=%D9%A1",
    "limit=1&limit=2",
    "cursor=nonsense",
    "cursor=MDAwMS0wMS0wMVQwMDowMDowMC4wMDBaIAA",
    "updated_from=yesterday",
    "updated_from=2026-01-01",
    "updated_from=2026-02-30T00:00:00Z",
    "updated_from=0001-01-01T00:00:00%2B14:00",
    "updated_to=2026-01-01T00:00:00",
    "status=unknown",
    "status=%00",
    "request_id=%00",
    "connector_id=" + "x" * 65,
    "nonsense=1",
]


@pytest.mark.parametrize(("body", "code"), BODIES)
async def test_a_body_that_cannot_be_used(partner: Party, body: bytes, code: str) -> None:
    answer = await partner.client.post("/v1/start_charge", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_every_field_is_checked(partner: Party, place: Place) -> None:
    for change, code, pointer in FIELDS:
        answer = await partner.client.post("/v1/start_charge", json=start_body(place) | change)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (400, code), change
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert (await partner.client.get("/v1/operations")).json()["data"] == []


async def test_a_control_call_without_request_id(partner: Party, place: Place) -> None:
    answer = await partner.client.post(
        "/v1/start_charge", json={"connector_id": place.connector_id, "nonsense": 1}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "missing_request_id")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"session_id": "cs_1", "start_request_id": "app-1"},
        {"session_id": None},
    ],
)
async def test_stop_names_exactly_one_thing(partner: Party, body: dict[str, Any]) -> None:
    answer = await partner.client.post("/v1/stop_charge", json={"request_id": "s"} | body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ({"max_energy_wh": 0}, 422),
        ({"max_minutes": -1}, 422),
        ({"max_energy_wh": 10**9}, 422),
        ({"max_amount": "12.50"}, 422),
        ({"max_amount": 12.5}, 400),
    ],
)
async def test_limits_out_of_range(
    partner: Party, place: Place, limits: dict[str, Any], status: int
) -> None:
    answer = await partner.client.post("/v1/start_charge", json=start_body(place, limits=limits))
    assert answer.status_code == status
    assert status == 400 or answer.json()["code"] == "limit_invalid"


@pytest.mark.parametrize("query", QUERIES)
async def test_a_query_that_cannot_be_used(partner: Party, query: str) -> None:
    answer = await partner.client.get(f"/v1/operations?{query}")
    assert answer.status_code == 400
    assert answer.json()["code"] in {"invalid_parameter", "invalid_cursor"}


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
async def test_another_media_type(partner: Party, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await partner.client.post("/v1/start_charge", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_hundred_megabytes_are_refused_unread(app: PartnerApp, partner: Party) -> None:
    read_bytes = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read_bytes
        for _ in range(100):
            read_bytes += 2**20
            yield b" " * 2**20

    announced = await partner.client.post(
        "/v1/start_charge", content=body(), headers=JSON | {"Content-Length": str(100 * 2**20)}
    )
    assert (announced.status_code, read_bytes) == (413, 0)
    chunked = await partner.client.post("/v1/start_charge", content=body(), headers=JSON)
    assert chunked.status_code == 413
    assert read_bytes <= 2**20
    for answer in (announced, chunked):
        assert answer.json()["code"] == "body_too_large"
        assert answer.headers["Connection"] == "close"


async def test_unknown_addresses_and_methods(partner: Party) -> None:
    unknown = await partner.client.get("/v1/nothing")
    slash = await partner.client.get("/v1/operations/")
    assert [unknown.json()["code"], slash.json()["code"]] == ["not_found", "not_found"]
    wrong = await partner.client.put("/v1/webhook_endpoints")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "GET, POST"


async def test_the_credentials_are_looked_at_before_the_body(app: PartnerApp) -> None:
    async with client_of(app) as nobody:
        answer = await nobody.post("/v1/start_charge", content=b"{", headers=JSON)
    assert answer.status_code == 401


async def test_a_bug_is_answered_without_its_traceback(
    app: PartnerApp, partner: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("core.sessions.queries.list_sessions", fail)
    with capture_logs() as logs:
        answer = await partner.client.get("/v1/sessions")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert [line["event"] for line in logs] == ["request_failed", "request_answered"]
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


async def test_a_database_that_is_away_is_503(
    settings: Settings,
    vault: Vault,
    app: PartnerApp,
    db: Database,
    partner: Party,
    monkeypatch: Any,
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise DatabaseUnavailable

    monkeypatch.setattr(db._engine, "begin", refuse)
    answer: httpx2.Response = await partner.client.get("/v1/sessions")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json()["code"] == "dependency_unavailable"
    assert (await partner.client.get("/readyz")).status_code == 503
    assert (await partner.client.get("/healthz")).status_code == 200
