"""Configuration, read once from the environment (prefix ``VOLTGATE_``)."""

import os
import socket
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from core.kernel import failpoints

DEVELOPMENT_SECRET: Final = "voltgate-development-only-not-for-production"  # noqa: S105
MINIMUM_SECRET_LENGTH: Final = 32


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class UnknownChargers(StrEnum):
    """What happens to a charger that nobody registered (OC-7)."""

    REFUSE = "refuse"
    PENDING = "pending"


def _node_id() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


class Settings(BaseSettings):
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
        default="sqlite+aiosqlite:///voltgate.db",
        description="`sqlite+aiosqlite:///file.db` or `postgresql+asyncpg://user:pass@host/name`.",
    )
    database_pool_size: int = Field(
        default=10, ge=1, le=200, description="PostgreSQL connections a process may hold."
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="Doorbell between nodes; without it nodes poll the database each second.",
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
        description="Networks (CIDR, comma-separated) whose X-Forwarded-For is believed.",
    )
    body_limit_bytes: int = Field(default=65_536, ge=1024, description="Largest request body.")
    requests_per_minute: int = Field(
        default=600, ge=1, description="Requests a partner may make, in each process."
    )

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
    login_failures_per_identity: int = Field(
        default=10, ge=1, description="A minute; then refused (S6)."
    )
    login_failures_per_address: int = Field(
        default=100, ge=1, description="A minute; then refused (S6)."
    )
    frames_per_second: int = Field(
        default=50, ge=1, description="A charger above it is slowed down."
    )
    frame_log: bool = Field(default=True, description="Store every OCPP frame, redacted.")
    frame_log_retention: timedelta = Field(
        default=timedelta(days=30), description="Age of deletion."
    )

    webhook_timeout: timedelta = Field(
        default=timedelta(seconds=10), le=timedelta(seconds=30), description="Whole attempt."
    )
    webhook_allow_insecure: bool = Field(
        default=False, description="Development: http:// and loopback receivers (S16)."
    )
    webhook_concurrency: int = Field(
        default=64, ge=1, description="Attempts under way in a worker."
    )
    webhook_concurrency_per_endpoint: int = Field(
        default=8, ge=1, description="One slow endpoint holds at most this many."
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
        for name in ("encryption_keys", "trusted_proxies"):
            value = values.get(name)
            if isinstance(value, str):
                values[name] = tuple(part.strip() for part in value.split(",") if part.strip())
        return values

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
        if failpoints.armed():
            raise ValueError("production refuses VOLTGATE_FAILPOINT")
        return self


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
