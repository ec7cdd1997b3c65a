"""Settings of alerts: who is told, over which channels, and how often."""

import re
from datetime import timedelta
from typing import Annotated, Final, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from core.kernel.settings_joining import JoiningSettings
from core.kernel.webhook_signature import is_secret

SEVERITIES: Final = "^(info|warning|critical)$"
_MAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
_PHONE: Final = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_SENDER: Final = re.compile(r"\+[1-9]\d{6,14}|MG[0-9a-f]{32}|[A-Za-z0-9 ]{1,11}", re.ASCII)
_ACCOUNT: Final = re.compile(r"AC[0-9a-f]{32}", re.ASCII)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY_TIME: Final = timedelta(0)
_LONGEST: Final = timedelta(seconds=30)


class AlertSettings(JoiningSettings):
    """A part of ``Settings``; mails go over the server that joining has, too."""

    alert_mail_to: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Mail addresses that alerts are sent to; needs VOLTGATE_SMTP_URL."
    )
    alert_mail_severity: str = Field(
        default="info", pattern=SEVERITIES, description="From this severity on by mail."
    )
    alert_sms_to: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Phone numbers (`+14155550100`) that alerts are sent to by Twilio."
    )
    alert_sms_severity: str = Field(
        default="critical", pattern=SEVERITIES, description="From this severity on by SMS."
    )
    alert_sms_per_hour: int = Field(
        default=10,
        ge=1,
        description="SMS an hour to each number; the last one says that more is held back.",
    )
    twilio_account_sid: str | None = Field(default=None, description="`AC...`, of your console.")
    twilio_auth_token: SecretStr | None = Field(default=None, description="Beside it.")
    twilio_from: str | None = Field(
        default=None, description="Your number, a messaging service (`MG...`), or a name."
    )
    twilio_url: str = Field(
        default="https://api.twilio.com", description="Of another region, for example."
    )
    twilio_timeout: timedelta = Field(
        default=timedelta(seconds=10), gt=_ANY_TIME, le=_LONGEST, description="Whole question."
    )
    alert_webhook_url: str | None = Field(
        default=None, description="Alerts are posted there, signed as webhooks are."
    )
    alert_webhook_secret: SecretStr | None = Field(
        default=None, description="`whsec_` and 32 random bytes as base64; signs what is posted."
    )
    alert_webhook_severity: str = Field(
        default="info", pattern=SEVERITIES, description="From this severity on by webhook."
    )
    alert_webhook_timeout: timedelta = Field(
        default=timedelta(seconds=10), gt=_ANY_TIME, le=_LONGEST, description="Whole attempt."
    )
    alert_digest_every: timedelta = Field(
        default=timedelta(seconds=60),
        ge=_ANY_TIME,
        description="After a message a channel rests for so long; then one message has the rest.",
    )
    alert_repeat_every: timedelta = Field(
        default=timedelta(hours=4),
        gt=_ANY_TIME,
        description="An alert that goes on and that nobody has acknowledged is told again.",
    )
    alert_retention: timedelta = Field(
        default=timedelta(days=365), description="Age at which resolved alerts are deleted."
    )
    job_failures_alert: int = Field(
        default=5, ge=1, description="Failures of a periodic job in a row that are an alert."
    )

    @model_validator(mode="after")
    def _refuse_mail_to_nobody(self) -> Self:
        for address in self.alert_mail_to:
            if not _MAIL.fullmatch(address) or not address.isprintable():
                raise ValueError(f"VOLTGATE_ALERT_MAIL_TO: {address!r} is no mail address")
        if self.alert_mail_to and self.smtp_url is None:
            raise ValueError("VOLTGATE_ALERT_MAIL_TO needs VOLTGATE_SMTP_URL")
        return self

    @model_validator(mode="after")
    def _refuse_sms_that_cannot_go(self) -> Self:
        if not self.alert_sms_to:
            return self
        for number in self.alert_sms_to:
            if not _PHONE.fullmatch(number):
                raise ValueError(f"VOLTGATE_ALERT_SMS_TO: {number!r} is not like +14155550100")
        if not _ACCOUNT.fullmatch(self.twilio_account_sid or ""):
            raise ValueError(
                "VOLTGATE_ALERT_SMS_TO needs VOLTGATE_TWILIO_ACCOUNT_SID: AC and 32 digits"
            )
        if self.twilio_auth_token is None or not self.twilio_auth_token.get_secret_value():
            raise ValueError("VOLTGATE_ALERT_SMS_TO needs VOLTGATE_TWILIO_AUTH_TOKEN")
        if not _SENDER.fullmatch(self.twilio_from or ""):
            raise ValueError(
                "VOLTGATE_ALERT_SMS_TO needs VOLTGATE_TWILIO_FROM: a number like +14155550100, "
                "MG and 32 digits, or a name of at most 11 letters"
            )
        if not is_safe(_split(self.twilio_url, "VOLTGATE_TWILIO_URL")):
            raise ValueError("VOLTGATE_TWILIO_URL begins with https://")
        return self

    @model_validator(mode="after")
    def _refuse_webhook_that_cannot_go(self) -> Self:
        if self.alert_webhook_url is None:
            return self
        _split(self.alert_webhook_url, "VOLTGATE_ALERT_WEBHOOK_URL")
        secret = self.alert_webhook_secret
        if secret is None or not is_secret(secret.get_secret_value()):
            raise ValueError(
                "VOLTGATE_ALERT_WEBHOOK_URL needs VOLTGATE_ALERT_WEBHOOK_SECRET: whsec_ and base64"
            )
        return self


def is_safe(url: SplitResult) -> bool:
    """Tell whether secrets may be sent there: over TLS, or within this machine."""
    return url.scheme == "https" or url.hostname in _LOOPBACK


def _split(text: str, variable: str) -> SplitResult:
    """Return the parts of a URL; the text itself may be a secret and is not repeated."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises if it is none
    except ValueError:
        raise ValueError(f"{variable} cannot be read") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{variable} is not of the form https://host/path")
    return parts
