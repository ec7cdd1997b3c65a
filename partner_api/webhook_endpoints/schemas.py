"""Webhook endpoints and deliveries: bodies and answers."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from core.webhooks.states import DeliveryStatus
from partner_api.fields import In, Instant, Out, Whole

Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2048,
        description="Where to; https in production.",
        examples=["https://example.com/voltgate"],
    ),
]
EventTypes = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64)]],
    Field(
        min_length=1, max_length=100, description='Types, or `["*"]` for all but the opt-in ones.'
    ),
]
Description = Annotated[str, Field(max_length=200)]


class CreateEndpoint(In):
    url: Url
    event_types: EventTypes = Field(default_factory=lambda: ["*"])
    description: Description | None = None
    enabled: bool = True


class ChangeEndpoint(In):
    """What is not named stays as it is."""

    url: Url = Field(default_factory=str)
    event_types: EventTypes = Field(default_factory=list)
    description: Description | None = Field(default_factory=lambda: None)
    enabled: bool = Field(default_factory=bool)


class RotateSecret(In):
    overlap_hours: Annotated[
        Whole,
        Field(description="How long the old one signs too.", json_schema_extra={"maximum": 168}),
    ] = 24


class Recover(In):
    since: Annotated[Instant, Field(description="What happened from then on.")]


class Endpoint(Out):
    """Where events are sent; its secret is shown once."""

    id: Annotated[str, Field(examples=["we_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["webhook_endpoint"]
    livemode: bool
    url: str
    event_types: list[str]
    description: str | None
    enabled: bool
    disabled_reason: str | None
    failing_since: AwareDatetime | None
    previous_secret_until: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class EndpointWithSecret(Endpoint):
    secret: Annotated[str, Field(description="Nobody can read it again.", examples=["whsec_..."])]


class Deleted(Out):
    id: str
    object: Literal["webhook_endpoint"]
    deleted: Literal[True]


class Ping(Out):
    object: Literal["ping"]
    event_id: str


class Recovery(Out):
    """How many deliveries were queued; with `has_more` the same call goes on."""

    object: Literal["recovery"]
    count: int
    has_more: bool


class Attempt(Out):
    number: int
    at: AwareDatetime
    status_code: int | None
    duration_ms: int
    response: Annotated[str | None, Field(description="The first 1 KiB of the answer.")]
    error: str | None


class Delivery(Out):
    """One event on its way to one endpoint."""

    id: Annotated[str, Field(examples=["dlv_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["delivery"]
    event_id: str
    event_type: str
    endpoint_id: str
    status: DeliveryStatus
    attempt_count: int
    next_attempt_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class DeliveryWithAttempts(Delivery):
    attempts: list[Attempt]
