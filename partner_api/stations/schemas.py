"""Stations, connectors and statuses as answers."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from core.chargers.states import ConnectorStatus
from partner_api.fields import Out


class Coordinates(Out):
    latitude: float
    longitude: float


class StationConnector(Out):
    """What a connector is; power in W, voltage in V, current in A."""

    id: Annotated[str, Field(examples=["con_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    evse: int
    connector: int
    standard: str | None
    format: str | None
    power_type: str | None
    max_power_w: int | None
    max_voltage_v: int | None
    max_current_a: int | None
    tariff_id: Annotated[str | None, Field(description="What holds now; null: nothing is said.")]


class StationCharger(Out):
    id: Annotated[str, Field(examples=["cp_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    model: str | None
    vendor: str | None
    connectors: list[StationConnector]


class RegularHours(Out):
    """Local times; 24:00 is the end of the day."""

    weekday: Annotated[int, Field(description="1 (Monday) to 7 (Sunday).")]
    period_begin: Annotated[str, Field(examples=["08:00"])]
    period_end: Annotated[str, Field(examples=["20:00"])]


class ExceptionalPeriod(Out):
    period_begin: AwareDatetime
    period_end: AwareDatetime


class OpeningTimes(Out):
    """When a station is open, as in OCPI; exceptions win."""

    twentyfourseven: bool
    regular_hours: list[RegularHours] | None = None
    exceptional_openings: list[ExceptionalPeriod]
    exceptional_closings: list[ExceptionalPeriod]


class Picture(Out):
    """A picture of a station; the content is at `url`."""

    id: Annotated[str, Field(examples=["pic_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    url: str
    media_type: Literal["image/png", "image/jpeg"]
    size_bytes: int
    caption: str | None


class Money(Out):
    amount: Annotated[str, Field(examples=["0.49"])]
    currency: Annotated[str, Field(examples=["EUR"])]


class Tariff(Out):
    """A version of a tariff; prices are without tax."""

    id: Annotated[str, Field(examples=["trf_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["tariff"]
    station_id: Annotated[str | None, Field(description="null: wherever there is no other.")]
    currency: Annotated[str, Field(description="ISO 4217.")]
    per_kwh: Money
    per_minute: Money
    start_fee: Money
    tax_percent: Annotated[str | None, Field(description="null: the prices are final.")]
    text: Annotated[str | None, Field(description="As drivers are shown it.")]
    language: str | None
    valid_from: AwareDatetime
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Station(Out):
    """A place with chargers that was granted to you."""

    id: Annotated[str, Field(examples=["st_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["station"]
    livemode: bool
    name: str
    address: str | None
    city: str | None
    country: Annotated[str | None, Field(description="ISO 3166-1 alpha-2.")]
    coordinates: Coordinates | None
    time_zone: str
    opening_times: OpeningTimes | None
    pictures: list[Picture]
    chargers: list[StationCharger]
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Status(Out):
    """How a connector is; `unknown` whenever its charger is offline."""

    connector_id: str
    station_id: str
    status: ConnectorStatus
    since: Annotated[AwareDatetime, Field(description="When it became so.")]
    as_of: Annotated[AwareDatetime, Field(description="When it was last confirmed.")]
    stale: Annotated[bool, Field(description="Offline, or not confirmed for an hour.")]
    seq: int


class Connector(StationConnector):
    """What a connector is and how it is."""

    object: Literal["connector"]
    charger_id: str
    station_id: str
    status: ConnectorStatus
    since: AwareDatetime
    as_of: AwareDatetime
    stale: bool
    seq: int
