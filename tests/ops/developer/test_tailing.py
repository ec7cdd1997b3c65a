"""``voltgate logs``, ``voltgate partner logs`` and the operator API show what partners called."""

import asyncio
import io
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from core.kernel import log
from core.kernel.db import Database
from core.operators.models import Role
from ops.cli import app as voltgate
from ops.cli.request_logs import line
from ops.developer.client import Api, Refused
from ops.developer.tailing import tail
from ops.http import serving
from partner_api.app import PartnerApp
from partner_api.request_logs import stream
from tests.ops.conftest import Login
from tests.partner_api.conftest import app, backend, partner, place
from tests.partner_api.scenes import Party, Place, start_body

__all__ = ["app", "backend", "partner", "place"]


def command(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(voltgate, ["logs", *arguments], env={"COLUMNS": "200"} | environment)


async def test_calls_are_followed_and_shown_by_the_command_line(
    app: PartnerApp, partner: Party, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LOOK_EVERY_S", 0.02)
    log.configure(level="ERROR", format_="json", bound={}, stream=io.StringIO())  # not to stdout
    refused = await partner.client.post("/v1/start_charge", json=start_body(place, id_token=""))
    request_id = refused.json()["request_id"]
    await app.services.request_log.flush()
    async with serving(app, host="127.0.0.1", port=0) as url, app.services.request_log.running():
        given = {"VOLTGATE_API_URL": url, "VOLTGATE_API_KEY": partner.key}
        tailing = asyncio.create_task(
            asyncio.to_thread(command, "tail", "--status", "4xx", "--count", "1", **given)
        )
        while not tailing.done():  # it tells what is written from when it is connected on
            await partner.client.get("/v1/orders?nothing=1")
            await asyncio.sleep(0)
        told = tailing.result()
        assert told.exit_code == 0, told.output
        assert "400 invalid_parameter" in told.stdout
        assert "GET /v1/orders?nothing=1" in told.stdout
        shown = await asyncio.to_thread(command, "show", request_id, **given)
        assert "id_token" in shown.stdout
        assert "[hidden]" in shown.stdout
        as_json = await asyncio.to_thread(command, "show", request_id, "--json", **given)
        assert json.loads(as_json.stdout)["code"] == "invalid_parameter"
        for arguments, hint in (
            (("show", "req_unknown"), "not_found"),
            (("tail", "--status", "abc"), "invalid_parameter"),
        ):
            failed = await asyncio.to_thread(command, *arguments, **given)
            assert (failed.exit_code, hint in failed.stderr) == (1, True)
    assert command("tail", VOLTGATE_API_KEY="").exit_code == 2


class Replaying(Api):
    """An API whose stream breaks and tells the last entry once more."""

    def __init__(self, ids: list[list[str]]) -> None:
        super().__init__("http://api.test", "vg_test_x")
        self.asked: list[str | None] = []
        connections = iter(ids)

        def answer(request: httpx2.Request) -> httpx2.Response:
            self.asked.append(request.headers.get("last-event-id"))
            data = [f'id: {id_}\ndata: {{"id": "{id_}"}}\n\n' for id_ in next(connections)]
            headers = {"content-type": "text/event-stream"}
            return httpx2.Response(200, headers=headers, content="".join(data))

        self.http = httpx2.Client(
            transport=httpx2.MockTransport(answer), base_url="http://api.test"
        )


def test_what_comes_again_after_a_broken_connection_is_told_once() -> None:
    told: list[str] = []
    said: list[str] = []

    def tell(entry: dict[str, Any]) -> None:
        told.append(entry["id"])

    with Replaying([["a", "b"], ["b", "c"]]) as api:
        tail(api, filters={}, count=3, tell=tell, say=said.append, sleep=lambda _: None)
        assert told == ["a", "b", "c"]
        assert api.asked == [None, "b"]
        assert said == ["connected", "the stream has ended; trying again in 1 s", "connected"]


def test_a_live_key_may_look_but_not_trigger() -> None:
    with pytest.raises(Refused):
        Api("http://api.test", "vg_live_x")
    Api("http://api.test", "vg_live_x", only_test=False).http.close()


def test_a_line_is_safe_whatever_is_in_it() -> None:
    entry = {
        "at": "2026-01-31T12:00:00.123Z",
        "status": None,
        "code": None,
        "method": "GET",
        "path": "/v1/[bold]x[/bold]",
        "query": "[/]",
        "duration_ms": 3,
        "request_id": None,
        "operation_id": "op_1",
        "replayed": True,
        "id": "req_1",
    }
    assert r"\[bold]x" in line(entry)
    assert "gone" in line(entry)


async def test_operators_see_what_a_partner_called(
    app: PartnerApp, partner: Party, login: Login
) -> None:
    await partner.client.get("/v1/orders")
    refused = await partner.client.get("/v1/orders?x=1")
    await app.services.request_log.flush()
    viewer = await login(Role.VIEWER)
    path = f"/operator/v1/partners/{partner.partner_id}/request_logs"
    found = (await viewer.get(path)).json()["data"]
    assert {(one["status"], one["partner_id"]) for one in found} == {
        (200, partner.partner_id),
        (400, partner.partner_id),
    }
    assert (await viewer.get(f"{path}?livemode=false")).json()["data"] == []
    (one,) = (await viewer.get(f"{path}?status=4xx")).json()["data"]
    assert one["id"] == refused.json()["request_id"]
    shown = (await viewer.get(f"/operator/v1/request_logs/{one['id']}")).json()
    assert shown["response"]["body"]["code"] == "invalid_parameter"
    for missing in ("/operator/v1/partners/prt_x/request_logs", "/operator/v1/request_logs/req_x"):
        assert (await viewer.get(missing)).status_code == 404


async def test_operators_see_it_on_the_command_line(
    app: PartnerApp, db: Database, partner: Party, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = await partner.client.get("/v1/orders?x=1")
    await app.services.request_log.flush()
    monkeypatch.setenv("VOLTGATE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("COLUMNS", "200")
    run: Callable[..., Result] = CliRunner().invoke
    request_id = refused.json()["request_id"]
    for arguments in ([partner.partner_id, "--status", "4xx"], [request_id]):
        shown = await asyncio.to_thread(run, voltgate, ["partner", "logs", *arguments])
        assert (shown.exit_code, request_id in shown.stdout) == (0, True), shown.output
    as_json = await asyncio.to_thread(
        run, voltgate, ["partner", "logs", partner.partner_id, "--json"]
    )
    assert [one["id"] for one in json.loads(as_json.stdout)] == [request_id]
    nothing = await asyncio.to_thread(
        run, voltgate, ["partner", "logs", partner.partner_id, "--test"]
    )
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    unknown = await asyncio.to_thread(run, voltgate, ["partner", "logs", "prt_unknown"])
    assert unknown.exit_code == 1
