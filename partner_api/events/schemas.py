"""Events: bodies and answers. They are the bodies of webhooks, too."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from core.webhooks.types import EventType
from partner_api.fields import In, ObjectId, Out


class Resend(In):
    endpoint_id: Annotated[
        ObjectId | None, Field(description="Where to; without it: to all that want its type.")
    ] = None


class Related(Out):
    operation_id: str | None
    request_id: str | None
    session_id: str | None
    order_id: str | None


class EventData(Out):
    object: Annotated[dict[str, Any], Field(description="The whole object, as it was then.")]


class Event(Out):
    """What happened, frozen when it was written."""

    id: Annotated[str, Field(examples=["evt_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["event"]
    type: EventType
    timestamp: AwareDatetime
    api_version: Literal["v1"]
    livemode: bool
    partner_id: str
    seq: Annotated[int, Field(description="Of your events; without holes a reader could miss.")]
    object_sequence: Annotated[int, Field(description="Of the object; drop what is older.")]
    related: Related
    data: EventData
