"""Settings of traces."""

from pydantic import Field
from pydantic_settings import BaseSettings


class TracingSettings(BaseSettings):
    """A part of ``Settings``."""

    traces_endpoint: str | None = Field(
        default=None,
        description="Where traces go, by OTLP over HTTP: `http://localhost:4318/v1/traces`. Needs "
        "`pip install 'voltgate[otel]'`; headers and the like by the variables of OpenTelemetry.",
    )
    traces_ratio: float = Field(
        default=1.0, ge=0, le=1, description="The share of traces that are kept."
    )
