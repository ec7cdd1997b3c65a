"""Settings of test mode: the sandboxes and what simulates their chargers."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings


class SandboxSettings(BaseSettings):
    """A part of ``Settings``."""

    sandbox: bool = Field(
        default=True,
        description="Test mode: a station of simulated chargers for every partner with a test key.",
    )
    sandbox_idle_after: timedelta = Field(
        default=timedelta(minutes=10),
        gt=timedelta(0),
        description="A simulated charger that nobody used for so long disconnects.",
    )
    sandbox_chargers_at_once: int = Field(
        default=100, ge=1, description="Simulated chargers that a process runs at a time."
    )
