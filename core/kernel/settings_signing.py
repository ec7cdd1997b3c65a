"""Settings of request signing: who must sign, and how fresh a signature is."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings


class SigningSettings(BaseSettings):
    """A part of ``Settings``."""

    require_signatures: bool = Field(
        default=False,
        description="Every partner signs its live control calls; one partner alone: operator API.",
    )
    signature_max_age: timedelta = Field(
        default=timedelta(minutes=5),
        gt=timedelta(0),
        le=timedelta(minutes=15),
        description="A request whose signature was created longer ago is refused.",
    )
    signature_clock_skew: timedelta = Field(
        default=timedelta(seconds=30),
        ge=timedelta(0),
        le=timedelta(minutes=1),
        description="How far a partner's clock may be ahead of the database's.",
    )
