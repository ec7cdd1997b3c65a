"""The partner and its API keys: bodies and answers."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from core.partners.scopes import Scope
from core.partners.states import PartnerStatus, Step
from partner_api.fields import In, Instant, Out, Whole

Name = Annotated[str, Field(min_length=1, max_length=100)]
Scopes = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64)]],
    Field(
        min_length=1,
        max_length=50,
        description="At most those of the key that asks: " + " ".join(Scope),
    ),
]
Networks = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64)]],
    Field(max_length=100, description="Addresses or networks (CIDR); empty: from anywhere."),
]


class CreateKey(In):
    name: Name
    scopes: Scopes
    ip_allowlist: Networks = Field(default_factory=list)
    expires_at: Instant | None = None


class ChangeKey(In):
    """What is not named stays as it is."""

    name: Name = Field(default_factory=str)
    scopes: Scopes = Field(default_factory=list)
    ip_allowlist: Networks = Field(default_factory=list)
    expires_at: Instant | None = Field(default_factory=lambda: None)
    require_signature: Annotated[
        bool, Field(description="All calls with this key must be signed; it needs a signing key.")
    ] = Field(default_factory=bool)


class RotateKey(In):
    overlap_hours: Annotated[
        Whole,
        Field(
            description="How long the old one works too; 0: not at all.",
            json_schema_extra={"minimum": 0, "maximum": 168},
        ),
    ] = 24


class ApiKey(Out):
    """An API key; its secret is shown once."""

    id: Annotated[str, Field(examples=["key_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["api_key"]
    livemode: bool
    name: str
    scopes: list[str]
    ip_allowlist: list[str]
    require_signature: Annotated[bool, Field(description="All calls with it must be signed.")]
    expires_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    last_used_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class ApiKeyWithSecret(ApiKey):
    secret: Annotated[str, Field(description="Nobody can read it again.", examples=["vg_live_..."])]


class GrantedStation(Out):
    station_id: str
    control: Annotated[bool, Field(description="You may charge there, not only look.")]


class PartnerLimits(Out):
    """Of all your keys together, in both modes."""

    requests_per_minute: int
    control_calls_per_minute: int
    stop_calls_per_minute: int
    active_operations: int
    open_reservations: int
    open_streams: int


class OwnStanding(Out):
    """What is held against you in this mode, because of abnormal usage."""

    step: Annotated[Step, Field(description="The higher, the sooner the next ban, and longer.")]
    throttled_until: Annotated[
        AwareDatetime | None, Field(description="You have a part of your limits until then.")
    ]
    banned_until: Annotated[
        AwareDatetime | None,
        Field(description="You may read a little, and stop your own sessions, until then."),
    ]


class Partner(Out):
    """Who you are here, in the mode of the key."""

    id: Annotated[str, Field(examples=["prt_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["partner"]
    name: str
    status: PartnerStatus
    livemode: bool
    scopes: Annotated[list[str], Field(description="Of the key that asks.")]
    signs_requests: Annotated[bool, Field(description="All calls with this key must be signed.")]
    signs_live_control: Annotated[
        bool, Field(description="The operator demands signed control calls of your live keys.")
    ]
    limits: PartnerLimits
    standing: OwnStanding
    stations: list[GrantedStation]
    created_at: AwareDatetime
    updated_at: AwareDatetime
