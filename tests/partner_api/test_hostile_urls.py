"""S16: no address that comes from outside makes this machine talk to a network it must not."""

import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from core.joining.states import ErrandKind
from core.joining.work import outside_for, run_errands
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.webhooks.answers import AttemptError
from core.webhooks.sender import Sender, transport_for
from core.webhooks.transport import post
from tests.core.webhooks.hostile_addresses import NOT_PUBLIC
from tests.core.webhooks.hostile_urls import HOSTILE
from tests.partner_api.asgi import ask
from tests.partner_api.furnished import Furnished, Scene, free_settings, opened
from tests.partner_api.joining import form

URLS = sorted({url for _, urls in HOSTILE for url in urls if len(url) < 100_000})
PUBLIC = "93.184.216.34"
PUBLIC_V6 = "2606:4700:4700::1111"
GOOD = "https://hooks.partner.example/hook"


@dataclass
class Network:
    """What this process asks name servers for, and whom it wants to connect to; nobody is reached.

    *answers* are those to one look-up after the other; the last one stands for all that follow.
    """

    answers: list[list[str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    connects: list[str] = field(default_factory=list)
    watching: bool = True

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and self.watching and isinstance(arguments[1], tuple):
            self.connects.append(arguments[1][0])
            raise ConnectionRefusedError

    def getaddrinfo(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            (
                socket.AF_INET6 if ":" in one else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (one, 0),
            )
            for one in found
        ]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    watched = Network()
    sys.addaudithook(watched.audit)  # it stays; it stops to watch
    monkeypatch.setattr(socket, "getaddrinfo", watched.getaddrinfo)
    yield watched
    watched.watching = False


@pytest.fixture
async def strict(
    scene_file: tuple[Path, Scene],
    scene_url: str,
    clock: ShiftedClock,
    tmp_path: Path,
    quiet: None,
) -> AsyncIterator[Furnished]:
    """The furnished platform as it stands on the internet: nothing is opened for development."""
    settings = free_settings(scene_url, tmp_path, webhook_allow_insecure=False)
    async with opened(settings, clock) as (app, db):
        yield Furnished(app, db, scene_file[1])


async def test_s16_no_hostile_url_is_taken_by_any_route(
    strict: Furnished, network: Network
) -> None:
    """Wherever a URL can be written: it is refused, nothing is stored, nobody is asked for it."""
    assert len(URLS) >= 200
    before, live = await strict.stored(), strict.scene.live
    application = f"/v1/partner_applications/{live.has.application_id}"
    for number, url in enumerate(URLS):
        for method, path, body, key in (
            ("POST", "/v1/webhook_endpoints", {"url": url}, live.key),
            ("PATCH", f"/v1/webhook_endpoints/{live.has.endpoint_id}", {"url": url}, live.key),
            ("POST", "/v1/partner_applications", form(webhook_url=url), None),
            ("PATCH", application, {"webhook_url": url}, live.has.status_token),
        )[: 4 if number % 4 == 0 else 1]:  # the others ask the same function
            content = json.dumps(body).encode()
            headers = [("content-type", "application/json")]
            answer = await ask(strict.app, method, path, key=key, body=content, headers=headers)
            codes = {"invalid_parameter", "webhook_url_forbidden", "conflict", "body_too_large"}
            assert answer.json()["code"] in codes, (method, path, ascii(url), answer.body)
            assert (answer.json()["code"] != "conflict") or path == application
    assert await strict.stored() == before
    assert (network.asked, network.connects) == ([], [])


@pytest.mark.parametrize("beside", [[], [PUBLIC], [PUBLIC_V6], [PUBLIC, PUBLIC_V6]])
async def test_s16_no_answer_of_a_name_server_leads_to_a_forbidden_network(
    strict: Furnished, network: Network, beside: list[str]
) -> None:
    """Forbidden at once, or public at the first look and something else at each that follows."""
    services = strict.app.services
    async with transport_for(services.settings, services.clock) as transport:
        for address, _ in NOT_PUBLIC:
            network.answers = [[PUBLIC], [*beside, address], [address, *beside], [address]]
            outcomes = [
                await post(transport, GOOD, body=b"{}", headers={}, timeout_s=5) for _ in range(4)
            ]
            assert outcomes[0].error is AttemptError.CONNECT_FAILED
            assert {one.error for one in outcomes[1:]} == {AttemptError.FORBIDDEN_ADDRESS}, address
    assert set(network.connects) == {PUBLIC}
    assert all(str(ip_address(one)) == PUBLIC for one in network.connects)
    assert len(network.asked) == 4 * len(NOT_PUBLIC)


async def test_s16_delivery_ping_and_challenge_check_the_address_each_time(
    strict: Furnished, network: Network, vault: Vault
) -> None:
    """An endpoint, and an applicant's address, whose name turns to our own network afterwards."""
    services, live = strict.app.services, strict.scene.live
    network.answers = [
        ["169.254.169.254"],
        ["127.0.0.1"],
        ["10.0.0.7", PUBLIC],
        ["::1"],
    ]
    path = f"/v1/webhook_endpoints/{live.has.endpoint_id}"
    assert (await strict.ask(live, "PATCH", path, body={"url": GOOD})).status == 200
    assert (await strict.ask(live, "POST", f"{path}/ping")).status == 202
    body = form(webhook_url=GOOD)
    made = await ask(strict.app, "POST", "/v1/partner_applications", body=body)
    assert made.status == 201, made.body
    async with transport_for(services.settings, services.clock) as transport:
        sender = Sender(strict.db, vault, services.settings, transport, jitter=lambda: 0.5)
        assert await sender.deliver_once() > 0
    outside = outside_for(strict.db, services.settings)
    kinds = [ErrandKind.WEBHOOK]
    assert await run_errands(strict.db, vault, services.settings, outside, kinds) > 0
    assert network.asked
    assert network.connects == []
