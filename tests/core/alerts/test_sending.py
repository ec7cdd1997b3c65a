"""Over the channels: what arrives, and what the other side can do to it (RU-1, RU-3)."""

import asyncio
import json
import os
import sys
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import text

from core.alerts import handling, messages, telling
from core.alerts.kinds import AlertKind
from core.alerts.lines import outlets_for
from core.alerts.sending import AGAIN_AFTER, send_due, try_channel
from core.alerts.states import AlertStatus, Channel, NotificationStatus
from core.audit import service as audit
from core.audit.service import CLI
from core.kernel import failpoints
from core.kernel.clock import ShiftedClock
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings
from core.kernel.webhook_signature import sign
from tests.core.alerts.outside import (
    FINE,
    MAILED,
    SECRET,
    SID,
    TAKEN,
    TOKEN,
    alerts,
    all_notifications,
    http,
    nobody_listens,
    posted,
    raised,
    texts,
    with_channels,
    work,
)
from tests.core.joining.test_work import GOOD, mail_server
from tests.core.webhooks.receiver import receiving

CANARIES = (TOKEN, SECRET, SECRET.removeprefix("whsec_"), "canary-in-the-path")


@pytest.fixture
def backend() -> str:
    """What is asked of the database, the other tests ask of both."""
    return "sqlite"


async def test_ru3_an_alert_arrives_by_mail_sms_and_webhook(
    db: Database, settings: Settings
) -> None:
    await raised(db)
    async with (
        mail_server(*GOOD) as mail,
        receiving(TAKEN) as twilio,
        receiving(FINE) as receiver,
    ):
        told = with_channels(
            settings,
            mail=mail.port,
            sms=twilio.port,
            webhook=receiver.port,
            alert_mail_to=MAILED[:1],
        )
        await work(db, told)
        await work(db, told)
    said = "\n".join(mail.said)
    assert f"rcpt TO:<{MAILED[0]}>" in said
    assert "Subject: [Voltgate] critical: Job sweep fails" in said
    assert "node: node-a" in said
    assert "What to do: Read the traceback" in said
    (sms,) = twilio.requests
    assert sms.line == f"POST /2010-04-01/Accounts/{SID}/Messages.json HTTP/1.1"
    assert sms.headers["content-type"] == "application/x-www-form-urlencoded"
    (said_by_sms,) = texts(twilio)
    assert said_by_sms == "Voltgate critical: Job sweep fails See: voltgate alert list"
    ((alert,),) = posted(receiver)
    assert (alert["kind"], alert["severity"], alert["reason"]) == (
        "job_failing",
        "critical",
        "raised",
    )
    for channel in Channel:
        (notification,) = await all_notifications(db, channel)
        assert notification.status is NotificationStatus.SENT
        assert [each["sent"] for each in notification.log] == [True]
    assert (await all_notifications(db, Channel.SMS))[0].log[0]["reference"] == "SM0123"


async def test_a_webhook_is_signed_after_standard_webhooks_with_the_same_id_at_each_attempt(
    db: Database, settings: Settings, clock: ShiftedClock
) -> None:
    await raised(db)
    async with receiving(http("503 Busy"), FINE) as receiver:
        told = with_channels(settings, webhook=receiver.port)
        await work(db, told)
        clock.advance(AGAIN_AFTER[0] + 1)
        await work(db, told)
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    for request in (first, second):
        assert request.headers["webhook-signature"] == sign(
            [SECRET],
            message_id=request.headers["webhook-id"],
            timestamp=int(request.headers["webhook-timestamp"]),
            body=request.body,
        )
    assert json.loads(first.body)["type"] == "alerts"


async def test_a_notification_is_tried_again_then_given_up_and_operators_see_it(
    db: Database, settings: Settings, clock: ShiftedClock
) -> None:
    await raised(db)
    async with receiving(http("500 Oops")) as broken, receiving(FINE) as works:
        told = with_channels(settings, sms=broken.port, webhook=works.port)
        for delay_s in (*AGAIN_AFTER, 600, 600):
            await work(db, told)
            clock.advance(delay_s + 1)
        assert len(broken.requests) == len(AGAIN_AFTER) + 1
        await work(db, told)
    (given_up,) = await all_notifications(db, Channel.SMS)
    assert given_up.status is NotificationStatus.FAILED
    assert [each["status_code"] for each in given_up.log] == [500] * 6
    (alert,) = await alerts(db, AlertKind.JOB_FAILING)
    async with db.transaction() as tx:
        shown = await handling.dossier(tx, alert.id)
    assert {each["channel"]: each["status"] for each in shown["notifications"]} == {
        "sms": "failed",
        "webhook": "sent",
    }
    (broken_channel,) = await alerts(db, AlertKind.ALERT_NOT_DELIVERED)
    assert (broken_channel.key, broken_channel.status) == ("sms", AlertStatus.OPEN)
    assert [each["kind"] for message in posted(works) for each in message] == [
        "job_failing",
        "alert_not_delivered",
    ]


async def test_a_channel_that_works_again_resolves_its_alert(
    db: Database, settings: Settings, clock: ShiftedClock
) -> None:
    await raised(db)
    async with receiving(*[http("500 Oops")] * 3, TAKEN) as twilio:
        told = with_channels(settings, sms=twilio.port)
        for delay_s in (*AGAIN_AFTER[:3], 0):
            await work(db, told)
            clock.advance(delay_s + 1)
    (alert,) = await alerts(db, AlertKind.ALERT_NOT_DELIVERED)
    assert (alert.count, alert.status) == (1, AlertStatus.RESOLVED)


KILLED_AFTER_SENDING = """
import asyncio, sys
from core.alerts.lines import outlets_for
from core.alerts.sending import send_due
from core.alerts.states import Channel
from core.kernel import failpoints
from core.kernel.clock import SystemClock
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.settings import Settings

async def main():
    settings = Settings()
    async with Database(
        settings.database_url, doorbell=MemoryDoorbell(), clock=SystemClock()
    ) as db:
        await send_due(db, outlets_for(db, settings)[Channel.WEBHOOK])

asyncio.run(main())
"""


async def test_a_kill_between_sending_and_commit_sends_one_duplicate_at_most(
    db: Database, settings: Settings, clock: ShiftedClock
) -> None:
    await raised(db)
    async with receiving(FINE) as receiver:
        told = with_channels(settings, webhook=receiver.port)
        await telling.tell(db, told, outlets_for(db, told))
        environment = {
            **os.environ,
            "VOLTGATE_DATABASE_URL": told.database_url,
            "VOLTGATE_ALERT_WEBHOOK_URL": str(told.alert_webhook_url),
            "VOLTGATE_ALERT_WEBHOOK_SECRET": SECRET,
            "VOLTGATE_FAILPOINT": "alerts.sent",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", KILLED_AFTER_SENDING, env=environment
        )
        assert await process.wait() == 137
        assert len(receiver.requests) == 1
        await work(db, told)
        assert len(receiver.requests) == 1  # its lease has not ended
        for _ in range(3):
            clock.advance(30)
            await work(db, told)
        first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    (notification,) = await all_notifications(db, Channel.WEBHOOK)
    assert (notification.status, notification.attempts) == (NotificationStatus.SENT, 2)


async def test_what_kills_every_attempt_is_given_up(
    db: Database, settings: Settings, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await raised(db)

    class Killed(BaseException):
        pass

    def kill(name: str) -> None:
        raise Killed

    async with receiving(FINE) as receiver:
        told = with_channels(settings, webhook=receiver.port)
        outlet = outlets_for(db, told)[Channel.WEBHOOK]
        await telling.tell(db, told, {Channel.WEBHOOK: outlet})
        monkeypatch.setattr(failpoints, "hit", kill)
        for _ in range(len(AGAIN_AFTER) + 3):
            await asyncio.gather(send_due(db, outlet), return_exceptions=True)
            clock.advance(60)
        assert len(receiver.requests) == len(AGAIN_AFTER) + 1
    (notification,) = await all_notifications(db, Channel.WEBHOOK)
    assert notification.status is NotificationStatus.FAILED


async def test_a_channel_is_tried_and_says_what_came_of_it(
    db: Database, settings: Settings
) -> None:
    async with receiving(TAKEN, http("400 Bad", b'{"code": 21211}')) as twilio:
        told = with_channels(
            settings, sms=twilio.port, alert_sms_to=("+14155550100", "+14155550101")
        )
        results = await try_channel(db, outlets_for(db, told), CLI, Channel.SMS)
    assert [each["recipient"] for each in results] == ["+14155550100", "+14155550101"]
    assert sorted(str(each["error"]) for each in results) == [
        "None",
        "Twilio answered with HTTP 400, error 21211",
    ]
    assert all("cli tries" in each for each in texts(twilio))
    async with db.transaction() as tx:
        (entry,) = await audit.entries(
            tx, object_id="alert_channel:sms", before_number=None, limit=9
        )
    assert (entry.actor, entry.action) == ("cli", "alert_channel.tried")


@pytest.mark.parametrize("channel", Channel)
async def test_a_channel_that_is_not_set_says_what_to_set(
    db: Database, settings: Settings, channel: Channel
) -> None:
    with pytest.raises(PlatformError, match="Set VOLTGATE_ALERT_"):
        await try_channel(db, outlets_for(db, settings), CLI, channel)


async def test_s19_no_secret_of_a_channel_is_in_a_row_a_log_or_an_error(
    db: Database, settings: Settings, clock: ShiftedClock, capfd: pytest.CaptureFixture[str]
) -> None:
    await raised(db)
    echo = http("400 Bad Request", json.dumps({"message": list(CANARIES), "code": 1}).encode())
    with structlog.testing.capture_logs() as logged:
        async with receiving(echo) as server, nobody_listens() as port:
            for told in (
                with_channels(settings, sms=server.port, webhook=server.port),
                with_channels(settings, sms=port, webhook=port),
            ):
                await work(db, told)
                outlets = outlets_for(db, told)
                for channel in (Channel.SMS, Channel.WEBHOOK):
                    await try_channel(db, outlets, CLI, channel)
                clock.advance(60)
    async with db.transaction() as tx:
        tables = await tx.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
        rows = [await tx.all(text(f"SELECT * FROM {table}")) for table in tables]  # noqa: S608
    assert len(tables) > 50
    seen = f"{rows} {logged} {capfd.readouterr()} {told!r} {outlets!r}"
    assert "alert_notification_failed" in seen
    assert [canary for canary in CANARIES[:3] if canary in seen] == []
    assert CANARIES[3] not in f"{rows} {logged}"


def test_an_sms_is_short_whatever_it_tells_of() -> None:
    alert = {"title": "x" * 200, "severity": "critical", "reason": "raised"}
    message = {
        "alerts": [alert] * 20,
        "more": 100_000,
        "held_until": "2026-01-31T12:34:00.000Z",
    }
    said = messages.sms_text(message)
    assert len(said) <= 300
    assert "And 100019 more. Further alerts are held back until 12:34 UTC." in said


def test_the_lease_is_longer_than_the_longest_attempt(settings: Settings, db: Database) -> None:
    told = with_channels(settings, mail=1, sms=1, webhook=1, timeout_s=30)
    found = {each.channel: each.within for each in outlets_for(db, told).values()}
    assert found == {
        Channel.MAIL: timedelta(seconds=180),
        Channel.SMS: timedelta(seconds=30),
        Channel.WEBHOOK: timedelta(seconds=30),
    }


async def test_what_waited_for_a_day_is_no_news_and_is_given_up(
    db: Database, settings: Settings, clock: ShiftedClock
) -> None:
    await raised(db)
    async with receiving(FINE) as receiver:
        told = with_channels(settings, webhook=receiver.port)
        outlets = outlets_for(db, told)
        await telling.tell(db, told, outlets)
        clock.advance(86_401)
        assert await send_due(db, outlets[Channel.WEBHOOK]) == 0
        async with db.transaction() as tx:
            await telling.delete_old(tx, kept=timedelta(days=365))
    (notification,) = await all_notifications(db, Channel.WEBHOOK)
    assert notification.status is NotificationStatus.FAILED
