"""Settings of joining: who may apply, where documents lie, and the services asked outside."""

from datetime import timedelta
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings


class JoiningSettings(BaseSettings):
    """A part of ``Settings``."""

    applications_per_day: int = Field(
        default=500,
        ge=0,
        description="Partner applications taken in a day, from everybody together; 0: none.",
    )
    applications_per_address: int = Field(
        default=10, ge=1, description="Partner applications a day from one address (IPv6: its /64)."
    )
    applicant_requests_per_minute: int = Field(
        default=60, ge=1, description="Requests without an API key, of one address and process."
    )
    terms_version: str = Field(
        default="1",
        min_length=1,
        max_length=32,
        description="Version of your terms that an applicant must accept.",
    )
    terms_url: str | None = Field(default=None, description="Where applicants read your terms.")
    document_directory: Path = Field(
        default=Path("voltgate-documents"),
        description="Applicants' documents; one directory that all nodes share, backed up.",
    )
    document_limit_bytes: int = Field(
        default=10_485_760, ge=1024, le=104_857_600, description="Largest document."
    )
    document_retention: timedelta = Field(
        default=timedelta(days=90),
        ge=timedelta(0),
        description="Documents of a rejected application are deleted after this.",
    )
    registry_url: str | None = Field(
        default=None,
        description="Your service that looks companies up: an application is posted there.",
    )
    registry_token: SecretStr | None = Field(
        default=None, description="Sent to that service as a bearer token."
    )
    registry_timeout: timedelta = Field(
        default=timedelta(seconds=10),
        gt=timedelta(0),
        le=timedelta(seconds=30),
        description="Whole question to that service.",
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="`smtps://user:pass@host:465`, or `smtp://host:587` (with STARTTLS, but for "
        "loopback). None: mails are shown to operators.",
    )
    mail_from: str | None = Field(
        default=None, max_length=254, description="Sender of mails, as `you@example.com`."
    )
    mail_timeout: timedelta = Field(
        default=timedelta(seconds=10),
        gt=timedelta(0),
        le=timedelta(seconds=30),
        description="Each step of sending a mail.",
    )

    @model_validator(mode="after")
    def _refuse_mail_that_cannot_go(self) -> Self:
        if self.smtp_url is None:
            return self
        parts = urlsplit(self.smtp_url.get_secret_value())
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ValueError("VOLTGATE_SMTP_URL is smtp://host:port or smtps://host:port")
        if not self.mail_from:
            raise ValueError("VOLTGATE_SMTP_URL needs VOLTGATE_MAIL_FROM")
        return self
