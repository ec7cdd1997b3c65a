"""Sessions, readings and orders as answers."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from core.sessions.states import DataQuality, SessionStatus, StopReason
from partner_api.fields import Out


class Session(Out):
    """One transaction of a charger that you started, or that the operator gave to you."""

    id: Annotated[str, Field(examples=["cs_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["session"]
    livemode: bool
    operation_id: str | None
    request_id: str | None
    reservation_id: str | None
    user_ref: str | None
    connector_id: str | None
    status: SessionStatus
    started_at: AwareDatetime
    ended_at: AwareDatetime | None
    energy_wh: int
    power_w: int | None
    soc_percent: int | None
    stop_reason: StopReason | None
    meter_start_wh: int | None
    meter_stop_wh: int | None
    data_quality: DataQuality
    created_at: AwareDatetime
    updated_at: AwareDatetime
    sequence: Annotated[int, Field(description="Grows with every change.")]


class MeterValue(Out):
    """One reading; `accepted` false: kept, but not believed."""

    at: AwareDatetime
    energy_wh: int | None
    power_w: int | None
    current_ma: int | None
    voltage_mv: int | None
    soc_percent: int | None
    context: str | None
    accepted: bool
    flags: list[str]


class Order(Out):
    """The figures of an ended session; a correction makes a new version."""

    id: Annotated[str, Field(examples=["ord_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["order"]
    livemode: bool
    version: int
    session_id: str
    operation_id: str | None
    request_id: str | None
    user_ref: str | None
    connector_id: str | None
    started_at: AwareDatetime
    ended_at: AwareDatetime | None
    energy_wh: int
    meter_start_wh: int | None
    meter_stop_wh: int | None
    stop_reason: StopReason | None
    data_quality: DataQuality
    flags: list[str]
    billable: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime
