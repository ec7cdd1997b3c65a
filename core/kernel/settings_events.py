"""Settings of events and of how they are told."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings


class EventSettings(BaseSettings):
    """A part of ``Settings``."""

    event_retention: timedelta = Field(
        default=timedelta(days=90),
        ge=timedelta(days=7),
        description="Age at which partners' events are deleted, with their deliveries. Longer than "
        "the 80 h for which a webhook is attempted.",
    )
    webhook_timeout: timedelta = Field(
        default=timedelta(seconds=10), le=timedelta(seconds=30), description="Whole attempt."
    )
    webhook_retry_after: timedelta = Field(
        default=timedelta(minutes=1),
        gt=timedelta(0),
        le=timedelta(minutes=1),
        description="From a webhook's first failure to its next attempt. A shorter one shortens "
        "all waits of the schedule in proportion: for trials, partners are promised the default.",
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
