"""Settings of watching partners: what holds for each rule is tuned by operators instead."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings


class ConductSettings(BaseSettings):
    """A part of ``Settings``."""

    conduct_rules: bool = Field(
        default=True, description="Whether misbehaving partners are dealt with by themselves."
    )
    conduct_throttle_divisor: int = Field(
        default=4, ge=2, le=1000, description="A throttled partner has this part of its limits."
    )
    conduct_throttle_for: timedelta = Field(
        default=timedelta(hours=1), description="How long a throttle lasts."
    )
    conduct_step_down_after: timedelta = Field(
        default=timedelta(hours=24), description="A partner without incidents goes a step down."
    )
    failed_logins_per_minute: int = Field(
        default=60, ge=1, description="API keys that are not good, by address and node."
    )
