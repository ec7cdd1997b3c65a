"""The channels: mail, SMS by Twilio, webhook. A small port, and what is behind it."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import urlencode, urlsplit

import msgspec

from core.alerts import messages
from core.alerts.states import Channel, Severity
from core.kernel import asking
from core.kernel.clock import Clock
from core.kernel.db import Database
from core.kernel.mail import LONGEST_STEPS, Mail, Mailer, MailNotSent, mailer_for
from core.kernel.settings import Settings
from core.kernel.webhook_signature import sign

_MESSAGING_SERVICE: Final = "MG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What came of an attempt: *error* is why it was not taken, free of secrets.

    *reference*: what the other side calls it.
    """

    error: str | None = None
    status_code: int | None = None
    reference: str | None = None


class Line(Protocol):
    """Reaches one recipient at a time; never raises for what the other side does."""

    async def send(self, recipient: str, message: dict[str, Any], *, message_id: str) -> Sent:
        """Hand *message* over, the same *message_id* at each attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """A channel that is set.

    Attributes:
        recipients: Whom it reaches, as operators see them.
        severity: From which one on.
        within: Longest attempt.
        per_hour: Most messages an hour; ``None``: only the digest limits them.
        tells_end: Whether it tells that an alert is resolved.
    """

    channel: Channel
    line: Line
    recipients: tuple[str, ...]
    severity: Severity
    within: timedelta
    per_hour: int | None = None
    tells_end: bool = True


Outlets = Mapping[Channel, Outlet]


class MailLine:
    """Mails to operators, over the server of the settings."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    async def send(self, recipient: str, message: dict[str, Any], *, message_id: str) -> Sent:
        """Hand a mail over; see ``Line``."""
        mail = Mail(
            to=recipient, subject=messages.subject(message), text=messages.mail_text(message)
        )
        try:
            await self._mailer.send(mail)
        except MailNotSent as exc:
            return Sent(error=exc.reason)
        return Sent()


class TwilioLine:
    """Text messages by Twilio's HTTP API: one form for each (Programmable Messaging, 2010-04-01).

    Args:
        timeout_s: Of the whole question.
    """

    def __init__(
        self, url: str, *, account_sid: str, auth_token: str, sender: str, timeout_s: float
    ) -> None:
        self._url = f"{url.rstrip('/')}/2010-04-01/Accounts/{account_sid}/Messages.json"
        login = base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode()
        self._headers = {
            "Authorization": f"Basic {login}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        is_service = sender.startswith(_MESSAGING_SERVICE)
        self._sender = {"MessagingServiceSid" if is_service else "From": sender}
        self._timeout_s = timeout_s

    async def send(self, recipient: str, message: dict[str, Any], *, message_id: str) -> Sent:
        """Hand a text over; taken is what Twilio has given a name to."""
        form = {"To": recipient, **self._sender, "Body": messages.sms_text(message)}
        try:
            answer = await asking.post(
                self._url,
                content=urlencode(form).encode(),
                headers=self._headers,
                timeout_s=self._timeout_s,
            )
        except asking.NoAnswer as exc:
            return Sent(error=f"Twilio {exc.reason}")
        said = _object(answer.content)
        name = said.get("sid")
        if answer.status_code == HTTPStatus.CREATED and isinstance(name, str):
            return Sent(status_code=answer.status_code, reference=name[:64])
        code = said.get("code")
        more = f", error {code}" if isinstance(code, int) else ""
        return Sent(
            status_code=answer.status_code,
            error=f"Twilio answered with HTTP {answer.status_code}{more}",
        )


class WebhookLine:
    """Posts to an address of the operator's, signed after Standard Webhooks 1.0.0.

    Args:
        timeout_s: Of the whole attempt.
    """

    def __init__(self, url: str, *, secret: str, clock: Clock, timeout_s: float) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        self._timeout_s = timeout_s

    async def send(self, recipient: str, message: dict[str, Any], *, message_id: str) -> Sent:
        """Post the message; any 2xx has taken it."""
        body = messages.webhook_body(message)
        now = int(self._clock.unix())
        signature = sign([self._secret], message_id=message_id, timestamp=now, body=body)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature,
        }
        try:
            answer = await asking.post(
                self._url, content=body, headers=headers, timeout_s=self._timeout_s
            )
        except asking.NoAnswer as exc:
            return Sent(error=f"the webhook {exc.reason}")
        if HTTPStatus.OK <= answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
            return Sent(status_code=answer.status_code)
        return Sent(
            status_code=answer.status_code,
            error=f"the webhook answered with HTTP {answer.status_code}",
        )


def outlets_for(db: Database, settings: Settings) -> Outlets:
    """Return the channels that the settings name."""
    found = (_mail(db, settings), _sms(settings), _webhook(db, settings))
    return {outlet.channel: outlet for outlet in found if outlet is not None}


def _mail(db: Database, settings: Settings) -> Outlet | None:
    mailer = mailer_for(db, settings)
    if mailer is None or not settings.alert_mail_to:
        return None
    return Outlet(
        channel=Channel.MAIL,
        line=MailLine(mailer),
        recipients=settings.alert_mail_to,
        severity=Severity(settings.alert_mail_severity),
        within=settings.mail_timeout * LONGEST_STEPS,
    )


def _sms(settings: Settings) -> Outlet | None:
    token = settings.twilio_auth_token
    if not settings.alert_sms_to or token is None:
        return None
    return Outlet(
        channel=Channel.SMS,
        line=TwilioLine(
            settings.twilio_url,
            account_sid=settings.twilio_account_sid or "",
            auth_token=token.get_secret_value(),
            sender=settings.twilio_from or "",
            timeout_s=settings.twilio_timeout.total_seconds(),
        ),
        recipients=settings.alert_sms_to,
        severity=Severity(settings.alert_sms_severity),
        within=settings.twilio_timeout,
        per_hour=settings.alert_sms_per_hour,
        tells_end=False,
    )


def _webhook(db: Database, settings: Settings) -> Outlet | None:
    url, secret = settings.alert_webhook_url, settings.alert_webhook_secret
    if url is None or secret is None:
        return None
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"  # the rest may be a secret
    return Outlet(
        channel=Channel.WEBHOOK,
        line=WebhookLine(
            url,
            secret=secret.get_secret_value(),
            clock=db.clock,
            timeout_s=settings.alert_webhook_timeout.total_seconds(),
        ),
        recipients=(origin[:254],),
        severity=Severity(settings.alert_webhook_severity),
        within=settings.alert_webhook_timeout,
    )


def _object(content: bytes) -> dict[str, Any]:
    """Return a JSON object; what is none is empty."""
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}
