"""Settings of the log of partners' calls."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings


class RequestLogSettings(BaseSettings):
    """A part of ``Settings``."""

    request_log: bool = Field(
        default=True, description="Keep each call of a partner, redacted, for it to look at."
    )
    request_log_retention: timedelta = Field(
        default=timedelta(days=30), gt=timedelta(0), description="Age of deletion."
    )
