"""What the other side of a channel can do: hang, refuse, redirect, talk nonsense (RU-1)."""

import asyncio
import time

import pytest

from core.alerts import telling
from core.alerts.lines import outlets_for
from core.alerts.sending import send_due
from core.alerts.states import Channel, NotificationStatus
from core.kernel.db import Database
from core.kernel.settings import Settings
from tests.core.alerts.outside import (
    MAILED,
    SECRET,
    TAKEN,
    TOKEN,
    all_notifications,
    byte_by_byte,
    http,
    nobody_listens,
    raised,
    with_channels,
    work,
)
from tests.core.webhooks.receiver import Answer, endless, receiving, saying, stalling

CANARIES = (TOKEN, SECRET, SECRET.removeprefix("whsec_"), "canary-in-the-path")


@pytest.fixture
def backend() -> str:
    """What is asked of the database, the other tests ask of both."""
    return "sqlite"


HANGING: dict[str, Answer] = {
    "silent": stalling(),
    "half an answer": stalling(b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{"),
    "byte by byte": byte_by_byte(b"HTTP/1.1 201 Created\r\nX-Slow: "),
}
USELESS: dict[str, Answer] = {
    "redirects": http("307 Temporary Redirect", b"", "Location: http://127.0.0.1:1/elsewhere"),
    "refuses": http("401 Unauthorized", b'{"code": 20003, "message": "Authenticate"}'),
    "garbage": saying(b"\x00\xff SMTP? no\r\n\r\n", close=True),
    "hangs up": saying(b"", close=True),
    "endless headers": endless(b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 1000 + b"\r\n"),
    "endless body": endless(b"HTTP/1.1 201 Created\r\n\r\n", b"y" * 1000),
    "packed": http("201 Created", b"\x1f\x8b", "Content-Encoding: gzip"),
}


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.WEBHOOK])
@pytest.mark.parametrize("how", HANGING)
async def test_ru1_a_server_that_hangs_costs_its_timeout_and_no_more(
    db: Database, settings: Settings, channel: Channel, how: str
) -> None:
    await raised(db)
    async with receiving(HANGING[how]) as server:
        told = with_channels(settings, **{channel: server.port}, timeout_s=0.2)
        began = time.monotonic()
        await work(db, told)
        assert time.monotonic() - began < 5
    (notification,) = await all_notifications(db, channel)
    assert (notification.status, notification.attempts) == (NotificationStatus.DUE, 1)
    assert "did not answer in time" in notification.log[0]["error"]


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.WEBHOOK])
@pytest.mark.parametrize("how", USELESS)
async def test_an_answer_of_no_use_is_an_attempt_in_vain(
    db: Database, settings: Settings, channel: Channel, how: str
) -> None:
    await raised(db)
    async with receiving(USELESS[how]) as server:
        await work(db, with_channels(settings, **{channel: server.port}))
        assert server.connections == 1
    (notification,) = await all_notifications(db, channel)
    assert notification.status is NotificationStatus.DUE
    assert notification.log[0]["error"]
    if how == "refuses" and channel is Channel.SMS:
        assert notification.log[0]["error"] == "Twilio answered with HTTP 401, error 20003"


async def test_a_good_status_without_a_name_for_the_message_was_not_twilio(
    db: Database, settings: Settings
) -> None:
    await raised(db)
    async with receiving(http("201 Created", b"<html>Welcome to our WiFi</html>")) as portal:
        await work(db, with_channels(settings, sms=portal.port))
    (notification,) = await all_notifications(db, Channel.SMS)
    assert notification.status is NotificationStatus.DUE


@pytest.mark.parametrize("channel", Channel)
async def test_a_port_that_nobody_listens_on_is_an_attempt_in_vain(
    db: Database, settings: Settings, channel: Channel
) -> None:
    await raised(db)
    async with nobody_listens() as port:
        await work(db, with_channels(settings, **{channel: port}))
    for notification in await all_notifications(db, channel):
        assert notification.status is NotificationStatus.DUE
        assert "Error" in notification.log[0]["error"]


@pytest.mark.parametrize(
    "answer",
    [stalling(), byte_by_byte(b"220 "), byte_by_byte(b"220-well\r\n")],
    ids=["never greets", "byte by byte", "line by line"],
)
async def test_ru1_a_mail_server_that_hangs_costs_its_timeout_and_no_thread(
    db: Database, settings: Settings, answer: Answer
) -> None:
    """The connection is ended although each of its bytes came in time."""
    await raised(db)
    left = asyncio.Event()

    async def until_it_leaves(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        telling_ = asyncio.ensure_future(answer(writer))
        while await reader.read(100):
            pass
        left.set()
        telling_.cancel()
        await asyncio.gather(telling_, return_exceptions=True)
        writer.close()

    async with await asyncio.start_server(until_it_leaves, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        told = with_channels(settings, mail=port, timeout_s=0.1, alert_mail_to=MAILED[:1])
        began = time.monotonic()
        await work(db, told)
        assert time.monotonic() - began < 5
        await asyncio.wait_for(left.wait(), 5)
    (notification,) = await all_notifications(db, Channel.MAIL)
    assert (notification.status, notification.attempts) == (NotificationStatus.DUE, 1)
    assert "the mail server" in notification.log[0]["error"]


async def test_a_channel_that_hangs_delays_no_other(db: Database, settings: Settings) -> None:
    await raised(db)
    async with receiving(stalling()) as silent, receiving(TAKEN) as twilio:
        told = with_channels(settings, webhook=silent.port, sms=twilio.port, timeout_s=30)
        outlets = outlets_for(db, told)
        await telling.tell(db, told, outlets)
        hanging = asyncio.create_task(send_due(db, outlets[Channel.WEBHOOK]))
        await asyncio.wait_for(silent.arrived.wait(), 10)
        await asyncio.wait_for(send_due(db, outlets[Channel.SMS]), 10)
        assert len(twilio.requests) == 1
        assert not hanging.done()
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
