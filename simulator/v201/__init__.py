"""OCPP 2.0.1."""

from simulator.station import Station
from simulator.v201 import events, iso15118, model
from simulator.v201.dialect import DIALECT

__all__ = ["DIALECT", "attach"]


def attach(station: Station) -> None:
    """Give a station what only 2.0.1 has: measured variables, monitors, cars that negotiate."""
    model.furnish(station)
    events.attach(station)
    iso15118.attach(station)
