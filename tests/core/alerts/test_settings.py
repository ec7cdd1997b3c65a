"""Settings of channels that cannot work end the process at its start, and tell no secret."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from core.kernel.settings import FixedSettings, Settings
from tests.core.alerts.outside import SECRET, SID, TOKEN

SMS: dict[str, Any] = {
    "alert_sms_to": ("+14155550100",),
    "twilio_account_sid": SID,
    "twilio_auth_token": SecretStr(TOKEN),
    "twilio_from": "+14155550199",
}
WEBHOOK: dict[str, Any] = {
    "alert_webhook_url": "https://alerts.example/hook",
    "alert_webhook_secret": SecretStr(SECRET),
}
MAIL: dict[str, Any] = {
    "alert_mail_to": ("ops@example.com",),
    "smtp_url": SecretStr("smtps://mail.example"),
    "mail_from": "voltgate@example.com",
}


@pytest.mark.parametrize(
    "good",
    [
        SMS,
        SMS | {"twilio_from": "MG" + "0" * 32},
        SMS | {"twilio_from": "Voltgate"},
        SMS | {"twilio_url": "https://api.dublin.ie1.twilio.com"},
        WEBHOOK,
        WEBHOOK | {"alert_webhook_url": "http://alertmanager:9095/hook"},
        MAIL,
        {"alert_mail_to": (), "twilio_auth_token": None},
    ],
)
def test_channels_that_can_work_are_taken(good: dict[str, Any]) -> None:
    FixedSettings(**good)


@pytest.mark.parametrize(
    ("wrong", "variable"),
    [
        (SMS | {"alert_sms_to": ("0170 123",)}, "ALERT_SMS_TO"),
        (SMS | {"twilio_account_sid": None}, "TWILIO_ACCOUNT_SID"),
        (SMS | {"twilio_account_sid": "AC../../x"}, "TWILIO_ACCOUNT_SID"),
        (SMS | {"twilio_auth_token": None}, "TWILIO_AUTH_TOKEN"),
        (SMS | {"twilio_auth_token": SecretStr("")}, "TWILIO_AUTH_TOKEN"),
        (SMS | {"twilio_from": None}, "TWILIO_FROM"),
        (SMS | {"twilio_from": "a name that is too long"}, "TWILIO_FROM"),
        (SMS | {"twilio_url": "http://api.twilio.com"}, "TWILIO_URL"),
        (SMS | {"twilio_url": "ftp://api.twilio.com"}, "TWILIO_URL"),
        (SMS | {"twilio_url": "https://[bad"}, "TWILIO_URL"),
        (WEBHOOK | {"alert_webhook_secret": None}, "ALERT_WEBHOOK_SECRET"),
        (WEBHOOK | {"alert_webhook_secret": SecretStr("whsec_%%%")}, "ALERT_WEBHOOK_SECRET"),
        (WEBHOOK | {"alert_webhook_url": "alerts.example"}, "ALERT_WEBHOOK_URL"),
        (MAIL | {"smtp_url": None}, "SMTP_URL"),
        (MAIL | {"alert_mail_to": ("a@b\r\nBcc: c@d",)}, "ALERT_MAIL_TO"),
        (MAIL | {"alert_mail_to": ("nobody",)}, "ALERT_MAIL_TO"),
    ],
)
def test_channels_that_cannot_work_are_refused(wrong: dict[str, Any], variable: str) -> None:
    with pytest.raises(ValidationError, match=f"VOLTGATE_{variable}") as refused:
        FixedSettings(**wrong)
    assert TOKEN not in str(refused.value)
    assert SECRET not in str(refused.value)


def test_lists_come_from_the_environment_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "SMTP_URL": "smtps://mail.example",
        "MAIL_FROM": "voltgate@example.com",
        "ALERT_MAIL_TO": "a@example.com, b@example.com",
        "TWILIO_AUTH_TOKEN": "",
    }.items():
        monkeypatch.setenv(f"VOLTGATE_{name}", value)
    assert Settings().alert_mail_to == ("a@example.com", "b@example.com")
    assert Settings().twilio_auth_token is None
