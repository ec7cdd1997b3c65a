"""Simulated chargers and the inbox: bodies and answers."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from partner_api.fields import In, Out, Whole
from partner_api.webhook_endpoints.schemas import EventTypes

FaultCode = Literal[
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "LocalListConflict",
    "OtherError",
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
    "WeakSignal",
]


class Fault(In):
    code: Annotated[FaultCode, Field(description="The error that the charger reports.")] = (
        "GroundFailure"
    )


class Advance(In):
    seconds: Annotated[
        Whole,
        Field(
            ge=1,
            le=240,
            description="The charger's clock and its car go forward; deadlines of operations do "
            "not, for the platform's time is real.",
        ),
    ]


class CreateInbox(In):
    event_types: EventTypes = Field(default_factory=lambda: ["*"])


class TestCharger(Out):
    """A simulated charger of your sandbox."""

    id: Annotated[str, Field(examples=["cp_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["test_charger"]
    name: Annotated[str, Field(examples=["SIM-OK"])]
    connector_id: str
    station_id: str
    behaviour: Annotated[str, Field(description="What it does.")]
    expected: Annotated[str, Field(description="What you see of that.")]
    state: Annotated[
        Literal["asleep", "waking", "online", "disconnected", "absent"],
        Field(
            description="`asleep`: it connects as soon as a call concerns it; `disconnected`: by "
            "you, or by what it does; `absent`: it never connects."
        ),
    ]
    status: Annotated[str, Field(description="Of its connector.")]


class InboxMessage(Out):
    """A webhook as it would have been posted."""

    id: Annotated[str, Field(examples=["msg_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["inbox_message"]
    endpoint_id: str
    delivery_id: str
    event_id: str
    event_type: str
    headers: Annotated[dict[str, str], Field(description="`webhook-signature` among them.")]
    body: Annotated[str, Field(description="The exact text that was signed.")]
    event: Annotated[dict[str, Any], Field(description="The body, parsed.")]
    received_at: AwareDatetime


class Emptied(Out):
    object: Literal["inbox"]
    deleted: int
