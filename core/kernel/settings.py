"""Configuration, read once from the environment (prefix ``VOLTGATE_``)."""

import os
import socket
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from core.kernel import failpoints
from core.kernel.settings_alerts import AlertSettings
from core.kernel.settings_certificates import CertificateSettings, CertificateSigner
from core.kernel.settings_conduct import ConductSettings
from core.kernel.settings_events import EventSettings
from core.kernel.settings_limits import LimitSettings
from core.kernel.settings_requests import RequestLogSettings
from core.kernel.settings_sandbox import SandboxSettings
from core.kernel.settings_seeing import SeeingSettings
from core.kernel.settings_signing import SigningSettings
from core.kernel.settings_tracing import TracingSettings

DEVELOPMENT_SECRET: Final = "voltgate-development-only-not-for-production"  # noqa: S105
MINIMUM_SECRET_LENGTH: Final = 32


_NONE_IF_EMPTY: Final = (
    "alert_webhook_secret",
    "alert_webhook_url",
    "certificate_signer",
    "certificate_signer_token",
    "certificate_signer_url",
    "mail_from",
    "organisation",
    "registry_token",
    "registry_url",
    "smtp_url",
    "terms_url",
    "tls_certificate",
    "tls_client_ca",
    "tls_client_crl",
    "tls_key",
    "traces_endpoint",
    "twilio_account_sid",
    "twilio_auth_token",
    "twilio_from",
)
"""Variables that are there without a value, as in a template, are not set."""


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class UnknownChargers(StrEnum):
    """What happens to a charger that nobody registered (OC-7)."""

    REFUSE = "refuse"
    PENDING = "pending"


def _node_id() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


class Settings(
    EventSettings,
    LimitSettings,
    AlertSettings,
    CertificateSettings,
    RequestLogSettings,
    SeeingSettings,
    ConductSettings,
    SigningSettings,
    SandboxSettings,
    TracingSettings,
):
    """Every knob of the platform; the defaults run without any service.

    Durations are ISO 8601 (``VOLTGATE_CONFIRM_WITHIN=PT60S``) or seconds. Production refuses to
    start with a secret that is the default or shorter than 32 characters.
    """

    model_config = SettingsConfigDict(
        env_prefix="VOLTGATE_", env_file=".env", frozen=True, extra="ignore"
    )

    environment: Environment = Field(
        default=Environment.DEVELOPMENT,
        description="`production` refuses weak secrets and open settings.",
    )
    database_url: str = Field(
        default="sqlite:///voltgate.db",
        description="`sqlite:///file.db` or `postgresql://user:pass@host/name`.",
    )
    database_pool_size: int = Field(
        default=10, ge=1, le=200, description="PostgreSQL connections a process may hold."
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="Doorbell between nodes and count of partners' limits; without it nodes poll "
        "the database each second, and each counts its share of the limits.",
    )
    node_id: str = Field(
        default_factory=_node_id, description="Name of this process; unique among the nodes."
    )
    secret_key: SecretStr = Field(
        default=SecretStr(DEVELOPMENT_SECRET),
        description="Pepper of stored keys and root of encryption at rest; at least 32 characters.",
    )
    encryption_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Key ring `id:secret,id:secret`; the first encrypts, all decrypt. "
        "Empty: one key derived from the secret key.",
    )

    host: str = Field(default="127.0.0.1", description="Address that all servers listen on.")
    api_port: int = Field(default=8080, ge=0, le=65535, description="Partner API.")
    operator_port: int = Field(
        default=8081, ge=0, le=65535, description="Operator API, health, metrics."
    )
    ocpp_port: int = Field(
        default=9000, ge=0, le=65535, description="Chargers: ws://host:port/ocpp/ID."
    )
    public_url: str = Field(
        default="http://127.0.0.1:8080", description="Base of links in answers, as partners see it."
    )
    allow_insecure_ocpp: bool = Field(
        default=False, description="Plain ws:// on an address other than loopback."
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Networks (CIDR, comma-separated) whose X-Forwarded-For is believed; at the "
        "chargers' port X-Forwarded-Proto and the client certificate, too.",
    )
    ocpp_tls_port: int = Field(
        default=9443,
        ge=0,
        le=65535,
        description="Chargers: wss://host:port/ocpp/ID, where VOLTGATE_TLS_CERTIFICATE is set.",
    )
    tls_certificate: Path | None = Field(
        default=None,
        description="PEM file: the server's certificate and its chain. Read again when it changes.",
    )
    tls_key: Path | None = Field(
        default=None, description="PEM file of its private key; none: in the certificate's file."
    )
    tls_client_ca: Path | None = Field(
        default=None,
        description="PEM file: further authorities whose client certificates are accepted "
        "(security profile 3); the built-in one always is.",
    )
    tls_client_crl: Path | None = Field(
        default=None, description="PEM or DER file: revocation lists of those authorities."
    )
    tls_static_rsa: bool = Field(
        default=False, description="Allow TLS suites without forward secrecy, which OCTT asks for."
    )
    security_profile_min: int = Field(
        default=0,
        ge=0,
        le=3,
        description="Lowest OCPP security profile that a charger may use; 2 is a good choice.",
    )
    body_limit_bytes: int = Field(default=65_536, ge=1024, description="Largest request body.")

    confirm_within: timedelta = Field(
        default=timedelta(seconds=60), description="From 202 until `operation.timed_out`."
    )
    command_timeout: timedelta = Field(
        default=timedelta(seconds=30), description="How long a charger may take to answer a CALL."
    )
    long_poll_max: timedelta = Field(default=timedelta(seconds=30), description="Longest `?wait=`.")
    suspect_grace: timedelta = Field(
        default=timedelta(minutes=10),
        description="A session whose charger rebooted is ended as estimated after this.",
    )
    reservation_max: timedelta = Field(
        default=timedelta(hours=24), description="Longest reservation."
    )
    cost_update_interval: timedelta = Field(
        default=timedelta(seconds=60),
        ge=timedelta(0),
        description="How often a 2.0.1 charger that shows costs is told a session's; 0: never.",
    )
    charging_plans: bool = Field(
        default=False, description="Send a schedule to each vehicle that tells its needs (2.0.1)."
    )

    unknown_chargers: UnknownChargers = Field(
        default=UnknownChargers.REFUSE,
        description="`pending`: hold them for an operator's approval.",
    )
    heartbeat_interval: timedelta = Field(
        default=timedelta(seconds=300), description="Sent to chargers at boot, with 10 % jitter."
    )
    frame_max_bytes: int = Field(default=262_144, ge=4096, description="Largest OCPP frame.")
    handshakes_at_once: int = Field(
        default=200, ge=1, description="Charger logins handled at a time; more wait in the backlog."
    )
    handshake_wait: timedelta = Field(
        default=timedelta(seconds=30),
        ge=timedelta(seconds=1),
        le=timedelta(seconds=50),
        description="A login that would wait longer is answered with 503 and Retry-After.",
    )
    login_failures_per_identity: int = Field(
        default=10, ge=1, description="A minute; then refused (S6)."
    )
    login_failures_per_address: int = Field(
        default=100, ge=1, description="A minute; then refused (S6)."
    )
    connections_per_address: int = Field(
        default=3000,
        ge=1,
        description="Handshakes a minute, in each process; then answered with 429 (S6).",
    )
    frames_per_second: int = Field(
        default=50, ge=1, description="A charger above it is slowed down."
    )
    flood_tolerance: timedelta = Field(
        default=timedelta(minutes=5),
        description="A charger above it for so long without a pause is disconnected (1008).",
    )
    flapping_replacements: int = Field(
        default=5,
        ge=2,
        description="Sockets of one charger replaced within 10 minutes that raise an alert (S7).",
    )
    group_within: timedelta = Field(
        default=timedelta(0),
        ge=timedelta(0),
        le=timedelta(seconds=1),
        description="Statuses and meter readings wait for so long for others, to be stored with "
        "them; with 0 only while a group is being stored.",
    )
    frame_log: bool = Field(default=True, description="Store every OCPP frame, redacted.")
    frame_log_retention: timedelta = Field(
        default=timedelta(days=30), description="Age of deletion."
    )
    meter_value_retention: timedelta | None = Field(
        default=None,
        ge=timedelta(days=60),
        description="Age at which meter values are deleted, by the month, on PostgreSQL; none: "
        "never. MeterValues and the samples of 2.x updates go with them; sessions and orders keep "
        "their figures.",
    )

    transfer_stalled_after: timedelta = Field(
        default=timedelta(hours=1),
        gt=timedelta(0),
        description="A firmware update or log without news for this long is shown as stalled.",
    )
    charger_event_retention: timedelta = Field(
        default=timedelta(days=90), description="Age at which chargers' events are deleted."
    )
    customer_information_retention: timedelta = Field(
        default=timedelta(days=7),
        description="What a charger told of a customer is deleted then, shown or not.",
    )

    contract_service_url: str | None = Field(
        default=None,
        description="ISO 15118 contract certificates are asked of this service; else refused.",
    )
    contract_service_token: SecretStr | None = Field(
        default=None, description="Bearer token for the contract service."
    )
    contract_service_timeout: timedelta = Field(
        default=timedelta(seconds=10),
        gt=timedelta(0),
        le=timedelta(seconds=25),
        description="Whole question to the contract service.",
    )
    contract_service_allow_private: bool = Field(
        default=False, description="It may be in this network, and without TLS."
    )
    id_token_max_sessions: int | None = Field(
        default=None, ge=1, description="Sessions at a time of an id token that names no number."
    )
    data_transfer_timeout: timedelta = Field(
        default=timedelta(seconds=10),
        gt=timedelta(0),
        le=timedelta(seconds=25),
        description="How long a DataTransfer hook may take.",
    )

    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Level."
    )
    log_format: str = Field(
        default="json", pattern="^(json|console)$", description="`json` or `console`."
    )

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in _NONE_IF_EMPTY:
            if values.get(name) == "":
                del values[name]
        for name in ("alert_mail_to", "alert_sms_to", "encryption_keys", "trusted_proxies"):
            value = values.get(name)
            if isinstance(value, str):
                values[name] = tuple(part.strip() for part in value.split(",") if part.strip())
        return values

    @model_validator(mode="after")
    def _refuse_what_cannot_work(self) -> Self:
        if self.tls_key is not None and self.tls_certificate is None:
            raise ValueError("VOLTGATE_TLS_KEY needs VOLTGATE_TLS_CERTIFICATE")
        for text in self.trusted_proxies:
            try:
                ip_network(text, strict=False)
            except ValueError as exc:
                raise ValueError(f"VOLTGATE_TRUSTED_PROXIES: {text!r} is no network") from exc
        return self

    @model_validator(mode="after")
    def _refuse_weak_production(self) -> Self:
        if self.environment is not Environment.PRODUCTION:
            return self
        secrets = [self.secret_key, *self.encryption_keys]
        for secret in secrets:
            text = secret.get_secret_value()
            if text == DEVELOPMENT_SECRET or len(text) < MINIMUM_SECRET_LENGTH:
                raise ValueError(
                    "production needs VOLTGATE_SECRET_KEY (and every encryption key) with at "
                    f"least {MINIMUM_SECRET_LENGTH} random characters; make one with: "
                    "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
                )
        if self.webhook_allow_insecure:
            raise ValueError("production refuses VOLTGATE_WEBHOOK_ALLOW_INSECURE")
        if self.certificate_signer is CertificateSigner.BUILT_IN:
            raise ValueError(
                "the built-in CA is for development: in production set "
                "VOLTGATE_CERTIFICATE_SIGNER to http or none"
            )
        if failpoints.armed():
            raise ValueError("production refuses VOLTGATE_FAILPOINT")
        return self

    @property
    def signer(self) -> CertificateSigner:
        """Who signs certificates of chargers, the default resolved."""
        if self.certificate_signer is not None:
            return self.certificate_signer
        is_production = self.environment is Environment.PRODUCTION
        return CertificateSigner.NONE if is_production else CertificateSigner.BUILT_IN


class FixedSettings(Settings):
    """Settings that come from arguments and defaults alone: for the demo and the tests."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)
