"""The API collection: every call is in it, and what it sends is understood."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from core.kernel.settings import Settings
from partner_api import openapi
from partner_api.app import ROUTERS, PartnerApp
from partner_api.collection import FILE, text
from partner_api.postman import collection
from tests.partner_api.joining import PDF
from tests.partner_api.scenes import Party, Place

DOCUMENT = openapi.document(ROUTERS, public_url="http://api.test")
COLLECTION = collection(DOCUMENT)
CALLS = [call for folder in COLLECTION["item"] for call in folder["item"]]
MISUNDERSTOOD = {
    "malformed_json",
    "invalid_parameter",
    "unknown_field",
    "missing_request_id",
    "idempotency_mismatch",
    "invalid_credentials",
    "method_not_allowed",
    "unsupported_media_type",
    "limit_invalid",
    "expiry_out_of_range",
    "internal_error",
}
SETS = re.compile(r'^pm\.collectionVariables\.set\("(\w+)", answer\.([\w.\[\]]+) \|\| ""\);$')


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Without simulated chargers, which nobody runs here."""
    return settings.model_copy(update={"sandbox": False})


class Player:
    """Sends the calls as the programs do that read collections: variables, scripts, headers."""

    def __init__(self, client: httpx2.AsyncClient, **values: str) -> None:
        now = datetime.now(UTC)
        self.client = client
        self.values = {one["key"]: one["value"] for one in COLLECTION["variable"]}
        self.values["in_an_hour"] = (now + timedelta(hours=1)).isoformat()
        self.values["an_hour_ago"] = (now - timedelta(hours=1)).isoformat()
        self.values |= values
        self.count = 0

    def filled(self, text: str) -> str:
        self.count += 1
        text = text.replace("{{$guid}}", f"guid-{self.count}")
        return re.sub(r"\{\{(\w+)\}\}", lambda found: self.values[found[1]] or "none", text)

    async def play(self, call: dict[str, Any]) -> httpx2.Response:
        request = call["request"]
        auth = request.get("auth", COLLECTION["auth"])
        headers = {one["key"]: one["value"] for one in request["header"]}
        if auth["type"] == "bearer":
            headers["Authorization"] = f"Bearer {self.filled(auth['bearer'][0]['value'])}"
        body = request.get("body", {})
        content = PDF if "file" in body else self.filled(body.get("raw", "")).encode()
        url = self.filled(request["url"]["raw"])
        answer = await self.client.request(
            request["method"], url, content=content or None, headers=headers
        )
        for event in call.get("event", ()):
            self._learn(event["script"]["exec"], answer)
        return answer

    def _learn(self, lines: list[str], answer: httpx2.Response) -> None:
        assert lines[0] == "if (pm.response.code < 300) {"
        if answer.status_code >= 300:
            return
        for line in lines[2:-1]:
            found = SETS.match(line)
            assert found, line
            value = answer.json()
            for part in found[2].replace("[0]", ".0").split("."):
                value = (value or [{}])[0] if part == "0" else value.get(part)
            self.values[found[1]] = value or ""


def test_every_call_is_in_it_in_the_folder_of_its_tag() -> None:
    described = {
        (operation["tags"][0].capitalize(), method.upper(), path)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }
    found = [
        (
            folder["name"],
            call["request"]["method"],
            "/" + "/".join(call["request"]["url"]["path"]).replace("{{", "{").replace("}}", "}"),
        )
        for folder in COLLECTION["item"]
        for call in folder["item"]
    ]
    assert len(found) == len(set(found))
    assert set(found) == described


def test_the_committed_file_is_current() -> None:
    """After a change of the API: ``make docs``."""
    assert FILE.read_text(encoding="utf-8") == text(), "run make docs"


def test_every_variable_is_declared_and_used() -> None:
    declared = [one["key"] for one in COLLECTION["variable"]]
    used = set(re.findall(r"\{\{(\w+)\}\}", json.dumps(COLLECTION["item"])))
    used |= set(re.findall(r"\{\{(\w+)\}\}", json.dumps(COLLECTION["auth"])))
    assert len(declared) == len(set(declared))
    assert used == set(declared)


async def test_played_from_above_every_call_is_understood(
    app: PartnerApp, partner: Party, place: Place
) -> None:
    player = Player(
        partner.client,
        api_key=partner.key,
        base_url="http://api.test",
        station_id=place.station_id,
        charger_id=place.charger_id,
        connector_id=place.connector_id,
    )
    refused = {}
    seen = set()
    for call in CALLS:
        if call["request"]["url"]["path"][-1] == "stream":
            continue
        answer = await player.play(call)
        seen.add(answer.status_code)
        if answer.status_code >= 400:
            refused[call["name"]] = answer.json()
    misread = {
        name: problem
        for name, problem in refused.items()
        if problem["code"] in MISUNDERSTOOD or "nothing at this address" in problem["detail"]
    }
    assert set(misread) == {"Prove Email"}, misread  # only the mail knows its token
    assert {200, 201, 202} <= seen
    assert player.values["api_key"].startswith("vg_test_"), "of the application"


async def test_it_is_served_with_the_address_of_the_platform(partner: Party) -> None:
    answer = await partner.client.get("/collection.json", headers={"Authorization": ""})
    assert answer.status_code == 200
    served = answer.json()
    values = {one["key"]: one["value"] for one in served["variable"]}
    assert values["base_url"] == "http://127.0.0.1:8080"
    assert served["info"]["schema"].endswith("/v2.1.0/collection.json")
    assert [folder["name"] for folder in served["item"]] == [
        folder["name"] for folder in COLLECTION["item"]
    ]
