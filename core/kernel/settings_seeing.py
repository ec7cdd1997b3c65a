"""Settings of what partners see of stations, and how they hear of it."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class SeeingSettings(BaseSettings):
    """A part of ``Settings``."""

    status_interval: timedelta = Field(
        default=timedelta(seconds=1),
        ge=timedelta(milliseconds=10),
        le=timedelta(minutes=1),
        description="How often partners are told which connectors and chargers changed; of changes "
        "in between they hear the last.",
    )
    status_backlog: int = Field(
        default=1000,
        ge=1,
        description="Unsent status webhooks of an endpoint; with more its partner is told later.",
    )
    picture_directory: Path = Field(
        default=Path("voltgate-pictures"),
        description="Pictures of stations; one directory that all nodes share, backed up.",
    )
    picture_limit_bytes: int = Field(
        default=2_097_152, ge=1024, le=20_971_520, description="Largest picture of a station."
    )
