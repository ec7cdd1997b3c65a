"""Stations, connectors and statuses as answers."""

from typing import Annotated, Any, Literal

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


class StationCharger(Out):
    id: Annotated[str, Field(examples=["cp_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    model: str | None
    vendor: str | None
    connectors: list[StationConnector]


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
    opening_times: dict[str, Any] | None
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
