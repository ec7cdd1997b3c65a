"""The other side of the channels on loopback, and settings that lead there."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qs

from pydantic import SecretStr

from core.alerts import handling, notice_store, telling
from core.alerts.kinds import AlertKind
from core.alerts.lines import outlets_for
from core.alerts.models import Alert, Notification
from core.alerts.sending import send_due
from core.alerts.service import raise_alert
from core.alerts.states import Channel
from core.kernel.db import Database
from core.kernel.page import Page
from core.kernel.settings import FixedSettings, Settings
from tests.core.webhooks.receiver import Answer, Receiver, saying

SID: Final = "AC" + "0123456789abcdef" * 2
TOKEN: Final = "canary-of-the-twilio-token"
SECRET: Final = "whsec_" + base64.b64encode(b"canary of the webhook's secret").decode()
MAILED: Final = ("alice@example.com", "bob@example.com")
PHONES: Final = ("+14155550100",)
STEP_S: Final = 0.01


def http(status: str, content: bytes = b"", *more: str) -> Answer:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close", *more]
    return saying("\r\n".join([*head, "", ""]).encode() + content, close=True)


TAKEN: Final = http("201 Created", b'{"sid": "SM0123", "status": "queued"}')
"""What Twilio says to a message that it sends."""
FINE: Final = http("204 No Content")


def byte_by_byte(text: bytes) -> Answer:
    """Return an answer that never ends and is never silent for long either."""

    async def write(writer: asyncio.StreamWriter) -> None:
        while True:
            for each in text:
                writer.write(bytes([each]))
                await writer.drain()
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.Event().wait(), STEP_S)

    return write


def with_channels(
    settings: Settings,
    *,
    mail: int | None = None,
    sms: int | None = None,
    webhook: int | None = None,
    timeout_s: float = 10,
    **more: Any,
) -> Settings:
    """Return settings of channels that lead to these ports of loopback."""
    timeout = timedelta(seconds=timeout_s)
    found: dict[str, Any] = settings.model_dump()
    if mail is not None:
        found |= {
            "smtp_url": SecretStr(f"smtp://127.0.0.1:{mail}"),
            "mail_from": "alerts@voltgate.example",
            "mail_timeout": timeout,
            "alert_mail_to": MAILED,
        }
    if sms is not None:
        found |= {
            "twilio_account_sid": SID,
            "twilio_auth_token": SecretStr(TOKEN),
            "twilio_from": "+14155550199",
            "twilio_url": f"http://127.0.0.1:{sms}",
            "twilio_timeout": timeout,
            "alert_sms_to": PHONES,
        }
    if webhook is not None:
        found |= {
            "alert_webhook_url": f"http://127.0.0.1:{webhook}/hooks/canary-in-the-path",
            "alert_webhook_secret": SecretStr(SECRET),
            "alert_webhook_timeout": timeout,
        }
    return FixedSettings(**found | more)


@asynccontextmanager
async def nobody_listens() -> AsyncIterator[int]:
    """A port that refuses connections."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    yield port


async def all_notifications(db: Database, channel: Channel) -> list[Notification]:
    """Return the notifications of a channel, the oldest first."""
    async with db.transaction() as tx:
        return list(await notice_store.newest(tx, channel))[::-1]


def texts(twilio: Receiver) -> list[str]:
    """Return the texts that Twilio was to send."""
    return [parse_qs(request.body.decode())["Body"][0] for request in twilio.requests]


def posted(receiver: Receiver) -> list[list[dict[str, Any]]]:
    """Return the alerts of each webhook that came."""
    return [json.loads(request.body)["data"]["alerts"] for request in receiver.requests]


async def raised(db: Database, **more: Any) -> None:
    facts = {"node": "node-a", "failures": 5}
    async with db.transaction() as tx:
        raise_alert(
            tx,
            AlertKind.JOB_FAILING,
            **{"key": "sweep", "title": "Job sweep fails", "facts": facts} | more,
        )


async def work(db: Database, settings: Settings, *channels: Channel) -> None:
    """Do what the jobs of a worker do in one pass."""
    outlets = outlets_for(db, settings)
    await telling.tell(db, settings, outlets)
    for channel in channels or tuple(outlets):
        await send_due(db, outlets[channel])


async def alerts(db: Database, kind: AlertKind) -> list[Alert]:
    async with db.transaction() as tx:
        return list((await handling.list_alerts(tx, Page(), kind=kind)).rows)
