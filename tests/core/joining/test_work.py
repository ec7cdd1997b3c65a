"""What a worker does outside for applications: mails, challenges, look-ups; none blocks."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from core.alerts.handling import list_alerts
from core.alerts.kinds import AlertKind
from core.audit.service import CLI
from core.joining import proofs, review, service, store
from core.joining import work as joining_work
from core.joining.models import Application, Errand
from core.joining.states import ErrandKind, ErrandStatus
from core.joining.work import Outside, outside_for, run_errands, tidy_up
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import DatabaseUnavailable, PlatformError
from core.kernel.page import Page
from core.kernel.settings import FixedSettings, Settings
from tests.core.webhooks.receiver import Answer, Receiver, receiving, saying, stalling
from tests.partner_api.joining import form

NOBODY = Outside(mailer=None, registry=None)


@dataclass
class MailServer:
    """A mail server on loopback: says *replies* in order, the last one for all that follow."""

    replies: list[bytes]
    port: int = 0
    said: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        in_data = False
        writer.write(self._reply())
        while line := (await reader.readline()).decode():
            said = line.rstrip("\r\n")
            self.said.append(said)
            in_data = said != "." if in_data else said.lower() == "data"
            if not in_data or said.lower() == "data":
                writer.write(self._reply())
        writer.close()

    def _reply(self) -> bytes:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


GOOD = [b"220 hello\r\n", *[b"250 ok\r\n"] * 3, b"354 go\r\n", b"250 ok\r\n"]


@asynccontextmanager
async def mail_server(*replies: bytes) -> AsyncIterator[MailServer]:
    found = MailServer(list(replies))
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(found.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def submit(db: Database, vault: Vault, settings: Settings, **more: Any) -> Application:
    body = form(**more)
    body.pop("terms_version")
    async with db.transaction() as tx:
        made = await service.submit(
            tx,
            vault,
            settings,
            form=body,
            terms_version="1",
            address="192.0.2.1",
            request_id=None,
        )
    return made.application


async def errand(db: Database, application: Application, kind: ErrandKind) -> Errand:
    """Return the newest errand of a kind."""
    async with db.transaction() as tx:
        found = await store.errands_of(tx, application.id)
    return [one for one in found if one.kind is kind][-1]


async def work(db: Database, vault: Vault, settings: Settings) -> int:
    return await run_errands(db, vault, settings, outside_for(db, settings))


def with_mail(settings: Settings, port: int, *, timeout_s: float = 10) -> Settings:
    return settings.model_copy(
        update={
            "smtp_url": SecretStr(f"smtp://127.0.0.1:{port}"),
            "mail_from": "join@voltgate.example",
            "mail_timeout": timedelta(seconds=timeout_s),
        }
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_url": "smtp://mail.example:587"},
        {"smtp_url": "http://mail.example", "mail_from": "a@b.example"},
        {"smtp_url": "smtp://", "mail_from": "a@b.example"},
    ],
)
def test_mail_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="VOLTGATE_SMTP_URL"):
        FixedSettings(**wrong)


async def test_a_mail_is_handed_over_and_its_text_forgotten(
    db: Database, vault: Vault, settings: Settings
) -> None:
    application = await submit(db, vault, settings)
    async with mail_server(*GOOD) as server:
        assert await work(db, vault, with_mail(settings, server.port)) == 1
    assert "rcpt TO:<ana@example.com>" in server.said
    assert "Auto-Submitted: auto-generated" in server.said
    text = "".join(line.removesuffix("=") for line in server.said)
    assert f"/join/{application.id}/" in text
    sent = await errand(db, application, ErrandKind.MAIL)
    assert (sent.status, sent.sealed) == (ErrandStatus.DONE, None)


async def test_without_a_mail_server_nothing_is_lost_and_an_operator_can_hand_the_link_over(
    db: Database, vault: Vault, settings: Settings
) -> None:
    application = await submit(db, vault, settings)
    assert await work(db, vault, settings) == 0
    async with db.transaction() as tx:
        (mail,) = await review.unsent_mails(tx, vault, CLI, application.id)
    token = mail["text"].partition(f"/join/{application.id}/")[2].split()[0]
    async with db.transaction() as tx:
        await proofs.prove_email(
            tx, vault, application_id=application.id, token=token, request_id=None
        )


async def test_a_mail_is_tried_again_later_and_given_up_in_the_end(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    application = await submit(db, vault, settings)
    async with mail_server(b"421 busy\r\n") as server:
        config = with_mail(settings, server.port)
        for attempt in range(1, 7):
            assert await work(db, vault, config) == 1, attempt
            assert await work(db, vault, config) == 0
            clock.advance(4 * 3600)
        assert await work(db, vault, config) == 0
    failed = await errand(db, application, ErrandKind.MAIL)
    assert (failed.status, failed.attempts) == (ErrandStatus.FAILED, 6)
    assert failed.result == {"error": "the mail server answered 421"}
    async with db.transaction() as tx:
        (alert,) = (await list_alerts(tx, Page(), kind=AlertKind.MAIL_NOT_SENT)).rows
    assert (alert.object_id, alert.facts["mail"]) == (application.id, failed.subject)
    async with db.transaction() as tx:
        assert len(await review.unsent_mails(tx, vault, CLI, application.id)) == 1
    clock.advance(7 * 86_400)
    await tidy_up(db, settings)
    assert (await errand(db, application, ErrandKind.MAIL)).sealed is None


async def test_ru1_a_mail_server_that_hangs_costs_its_timeout_and_no_more(
    db: Database, vault: Vault, settings: Settings
) -> None:
    application = await submit(db, vault, settings)
    async with receiving(stalling()) as silent:
        began = time.monotonic()
        await work(db, vault, with_mail(settings, silent.port, timeout_s=0.2))
        assert time.monotonic() - began < 5
    waiting = await errand(db, application, ErrandKind.MAIL)
    assert (waiting.status, waiting.attempts) == (ErrandStatus.DUE, 1)
    assert waiting.result is not None
    assert "the mail server" in waiting.result["error"]


async def test_a_lost_database_cuts_off_no_other_errand(
    db: Database, vault: Vault, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    applications = [await submit(db, vault, settings) for _ in range(2)]
    record, is_away = joining_work._record, iter([True])

    async def lose_the_first(*arguments: Any) -> None:
        if next(is_away, False):
            raise DatabaseUnavailable
        await record(*arguments)

    monkeypatch.setattr(joining_work, "_record", lose_the_first)
    async with mail_server(b"554 go away\r\n") as server:
        with pytest.raises(DatabaseUnavailable):
            await work(db, vault, with_mail(settings, server.port))
    mails = [await errand(db, application, ErrandKind.MAIL) for application in applications]
    assert sorted(mail.result is None for mail in mails) == [False, True]


def http(content: bytes, status: str = "200 OK") -> Answer:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    return saying(head.encode() + content, close=True)


def echoing(receiver: list[Receiver]) -> Answer:
    """Return an answer that repeats the challenge, as an applicant's server shall."""

    async def write(writer: asyncio.StreamWriter) -> None:
        challenge = json.loads(receiver[0].requests[-1].body)["challenge"]
        await http(json.dumps({"challenge": challenge}).encode())(writer)

    return write


async def proven(db: Database, application: Application) -> bool:
    async with db.transaction() as tx:
        return (await review.get(tx, application.id)).webhook_proven_at is not None


async def test_a_webhook_address_is_proven_by_repeating_the_challenge(
    db: Database, vault: Vault, settings: Settings
) -> None:
    itself: list[Receiver] = []
    async with receiving(echoing(itself)) as receiver:
        itself.append(receiver)
        url = f"http://127.0.0.1:{receiver.port}/hook"
        application = await submit(db, vault, settings, webhook_url=url)
        assert await work(db, vault, settings) == 1
    assert await proven(db, application)
    done = await errand(db, application, ErrandKind.WEBHOOK)
    assert (done.status, done.sealed) == (ErrandStatus.DONE, None)
    assert done.result is not None
    assert (done.result["url"], done.result["status_code"]) == (url, 200)


@pytest.mark.parametrize(
    "answer",
    [b"ok", b"{}", b"[]", b'{"challenge": "guessed"}', b'{"challenge": null}', b"", b"[" * 900],
)
async def test_a_server_that_answers_anything_else_proves_nothing(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock, answer: bytes
) -> None:
    async with receiving(http(answer)) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/hook"
        application = await submit(db, vault, settings, webhook_url=url)
        for _ in range(4):
            await work(db, vault, settings)
            clock.advance(120)
        assert len(receiver.requests) == 3
    failed = await errand(db, application, ErrandKind.WEBHOOK)
    assert failed.status is ErrandStatus.FAILED
    assert not await proven(db, application)


async def test_s16_a_challenge_never_goes_to_an_address_inside(
    db: Database, vault: Vault, settings: Settings
) -> None:
    """The name was public when it was checked and is loopback when it is called."""
    async with receiving(http(b"{}")) as inside:
        url = f"http://127.0.0.1:{inside.port}/hook"
        application = await submit(db, vault, settings, webhook_url=url)
        strict = settings.model_copy(update={"webhook_allow_insecure": False})
        assert await work(db, vault, strict) == 1
        assert inside.connections == 0
    waiting = await errand(db, application, ErrandKind.WEBHOOK)
    assert waiting.result is not None
    assert "https" in waiting.result["error"]


async def test_the_proof_of_an_address_that_was_changed_meanwhile_proves_nothing(
    db: Database, vault: Vault, settings: Settings
) -> None:
    url = "http://127.0.0.1:9999/hook"
    application = await submit(db, vault, settings, webhook_url=url)
    async with db.transaction() as tx:
        await store.change_open(tx, application.id, webhook_url="http://127.0.0.1:8888/other")
        assert await store.prove_webhook(tx, application.id, url=url) is None
    assert not await proven(db, application)


async def test_challenges_are_few_a_day_so_that_nobody_knocks_at_others_doors_with_us(
    db: Database, vault: Vault, settings: Settings
) -> None:
    application = await submit(db, vault, settings, webhook_url="http://127.0.0.1:9999/hook")
    async with db.transaction() as tx:
        for _ in range(proofs.CHALLENGES - 1):
            await proofs.challenge(tx, vault, CLI, application)
        with pytest.raises(PlatformError, match="rate_limited"):
            await proofs.challenge(tx, vault, CLI, application)
        due = [one for one in await store.errands_of(tx, application.id) if one.status == "due"]
    assert len([one for one in due if one.kind is ErrandKind.WEBHOOK]) == 1


def with_registry(settings: Settings, port: int, **more: Any) -> Settings:
    url = f"http://127.0.0.1:{port}/companies"
    given = {"registry_url": url, "registry_token": SecretStr("s3cret-of-the-registry")}
    return settings.model_copy(update=given | more)


async def looked_up(
    db: Database, vault: Vault, settings: Settings, answer: Answer, **more: Any
) -> tuple[Errand, Receiver]:
    async with receiving(answer) as receiver:
        config = with_registry(settings, receiver.port, **more)
        application = await submit(db, vault, config)
        assert await work(db, vault, config) == 1
    return await errand(db, application, ErrandKind.REGISTRY), receiver


async def test_what_the_registry_says_is_kept_as_evidence(
    db: Database, vault: Vault, settings: Settings
) -> None:
    answer = b'{"legal_name": "EXAMPLE  GmbH.", "active": true}'
    found, receiver = await looked_up(db, vault, settings, http(answer))
    assert found.status is ErrandStatus.DONE
    assert found.result is not None
    assert (found.result["found"], found.result["name_matches"]) == (True, True)
    assert found.result["answer"]["active"] is True
    (request,) = receiver.requests
    assert request.headers["authorization"] == "Bearer s3cret-of-the-registry"
    assert json.loads(request.body)["registration_number"] == "DE136695976"


async def test_a_company_that_the_registry_does_not_know_is_evidence_too(
    db: Database, vault: Vault, settings: Settings
) -> None:
    found, _ = await looked_up(db, vault, settings, http(b"", "404 Not Found"))
    assert found.status is ErrandStatus.DONE
    assert found.result is not None
    assert found.result["found"] is False


@pytest.mark.parametrize(
    "answer",
    [
        http(b"", "500 Oops"),
        http(b"", "302 Found"),
        http(b"[]"),
        http(b"{"),
        http(b'{"a": NaN}'),
        http(b'{"a": "\\u0000"}'),
        http(b'{"a": "\\ud800"}'),
        http(b'{"a": "' + b"x" * 20_000 + b'"}'),
    ],
)
async def test_a_registry_that_talks_nonsense_is_asked_again(
    db: Database, vault: Vault, settings: Settings, answer: Answer
) -> None:
    found, _ = await looked_up(db, vault, settings, answer)
    assert (found.status, found.attempts) == (ErrandStatus.DUE, 1)
    assert found.result is not None
    assert "registry" in found.result["error"]


async def test_ru1_a_registry_that_hangs_costs_its_timeout_and_no_more(
    db: Database, vault: Vault, settings: Settings
) -> None:
    began = time.monotonic()
    hanging = stalling(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
    limit = timedelta(seconds=0.2)
    found, _ = await looked_up(db, vault, settings, hanging, registry_timeout=limit)
    assert time.monotonic() - began < 5
    assert found.result is not None
    assert found.result["error"] == "the registry did not answer in time"


async def test_two_workers_do_an_errand_once(
    db: Database, vault: Vault, settings: Settings
) -> None:
    async with receiving(http(b"{}")) as receiver:
        await submit(db, vault, settings, webhook_url=f"http://127.0.0.1:{receiver.port}/hook")
        tried = await asyncio.gather(*(run_errands(db, vault, settings, NOBODY) for _ in range(4)))
        assert sum(tried) == 1
        assert len(receiver.requests) == 1
