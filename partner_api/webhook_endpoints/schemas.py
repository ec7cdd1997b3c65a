"""Webhook endpoints and deliveries: bodies and answers."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from core.webhooks.states import DeliveryStatus
from partner_api.fields import MAX_SEQ, In, Instant, ObjectId, Out, Whole

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
        min_length=1,
        max_length=100,
        description="Types, groups such as `operation.*`, or `*`; "
        "groups and `*` leave out the opt-in types.",
        examples=[["operation.*", "session.ended"]],
    ),
]
StationIds = Annotated[
    list[ObjectId],
    Field(
        min_length=1,
        max_length=200,
        description="Only what happens at these of your stations. "
        "Null: at any, and what is about none, such as `key.*`.",
    ),
]
Ordering = Annotated[
    Literal["none", "session"],
    Field(
        description="`session`: the events of a session, its operations and its order arrive one "
        "after the other, by `seq`."
    ),
]
Description = Annotated[str, Field(max_length=200)]


class CreateEndpoint(In):
    url: Url
    event_types: EventTypes = Field(default_factory=lambda: ["*"])
    station_ids: StationIds | None = None
    ordering: Ordering = "none"
    description: Description | None = None
    enabled: bool = True


class ChangeEndpoint(In):
    """What is not named stays as it is."""

    url: Url = Field(default_factory=str)
    event_types: EventTypes = Field(default_factory=list)
    station_ids: StationIds | None = Field(default_factory=lambda: None)
    ordering: Ordering = Field(default_factory=lambda: "none")
    description: Description | None = Field(default_factory=lambda: None)
    enabled: bool = Field(default_factory=bool)


class RotateSecret(In):
    overlap_hours: Annotated[
        Whole,
        Field(description="How long the old one signs too.", json_schema_extra={"maximum": 168}),
    ] = 24


class Recover(In):
    since: Annotated[Instant, Field(description="What happened from then on.")]


class Replay(In):
    """Which events: those that fit all that is given."""

    status: Annotated[
        Literal["all", "failed", "undelivered"],
        Field(
            description="`undelivered`: what has never arrived; `failed`: of that, what was given "
            "up after all attempts; `all`: what has arrived, too.",
        ),
    ] = "undelivered"
    event_types: Annotated[
        EventTypes | None, Field(description="Types or groups; none: what it subscribed to.")
    ] = None
    object_id: Annotated[
        ObjectId | None, Field(description="About this operation, session, order ...")
    ] = None
    session_id: Annotated[
        ObjectId | None, Field(description="About this session, its operations or its order.")
    ] = None
    since: Annotated[Instant | None, Field(description="Written at or after.")] = None
    until: Annotated[Instant | None, Field(description="Written before.")] = None
    after_seq: Annotated[
        Whole,
        Field(ge=0, le=MAX_SEQ, description="`next_seq` of the call before; 0: from the oldest."),
    ] = 0


class Health(Out):
    """How well an endpoint works."""

    status: Literal["ok", "failing", "disabled"]
    failing_since: Annotated[
        AwareDatetime | None, Field(description="From then on every attempt failed.")
    ]
    failure_budget_used: Annotated[
        float,
        Field(ge=0, le=1, description="Of the 120 h of failures after which it is disabled."),
    ]
    last_success_at: AwareDatetime | None
    last_failure_at: AwareDatetime | None


class Endpoint(Out):
    """Where events are sent; its secret is shown once."""

    id: Annotated[str, Field(examples=["we_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["webhook_endpoint"]
    livemode: bool
    url: str
    event_types: list[str]
    station_ids: list[str] | None
    ordering: Literal["none", "session"]
    description: str | None
    enabled: bool
    disabled_reason: str | None
    failing_since: AwareDatetime | None
    health: Health
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


class Replaying(Out):
    """How many deliveries were queued; with `has_more` go on with `next_seq` as `after_seq`."""

    object: Literal["replay"]
    count: int
    has_more: bool
    next_seq: int


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
