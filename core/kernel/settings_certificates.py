"""Settings of chargers' certificates: who signs them, for how long, when they are renewed."""

from datetime import timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings


class CertificateSigner(StrEnum):
    """Who signs what chargers ask to be signed."""

    BUILT_IN = "built_in"
    HTTP = "http"
    NONE = "none"


class CertificateSettings(BaseSettings):
    """A part of ``Settings``."""

    organisation: str | None = Field(
        default=None,
        max_length=64,
        description="Your organisation's name: the O of chargers' certificates. None: not checked.",
    )
    certificate_signer: CertificateSigner | None = Field(
        default=None,
        description="Who signs chargers' certificates: `built_in` (default in development), "
        "`http` or `none` (default in production).",
    )
    certificate_signer_url: str | None = Field(
        default=None, description="With `http`: a CSR is posted there, its chain comes back."
    )
    certificate_signer_token: SecretStr | None = Field(
        default=None, description="With `http`: sent as a bearer token."
    )
    certificate_signer_timeout: timedelta = Field(
        default=timedelta(seconds=10),
        gt=timedelta(0),
        le=timedelta(seconds=30),
        description="With `http`: whole question to the signer.",
    )
    certificate_lifetime: timedelta = Field(
        default=timedelta(days=365), description="Of certificates that the built-in CA signs."
    )
    certificate_alert_before: timedelta = Field(
        default=timedelta(days=7),
        gt=timedelta(0),
        description="An alert this long before a charger's certificate ends without a newer one.",
    )
    certificate_renew_before: timedelta = Field(
        default=timedelta(days=30),
        description="A charger is asked for a new request this long before its certificate ends.",
    )

    @model_validator(mode="after")
    def _refuse_a_signer_without_address(self) -> Self:
        is_http = self.certificate_signer is CertificateSigner.HTTP
        if is_http and not self.certificate_signer_url:
            raise ValueError(
                "VOLTGATE_CERTIFICATE_SIGNER=http needs VOLTGATE_CERTIFICATE_SIGNER_URL"
            )
        return self
