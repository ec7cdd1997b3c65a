"""Simulated OCPP chargers, for tests, demonstrations and load.

The package shares no code with the platform: a misreading of the protocol on one side does not
cancel out on the other.
"""

from simulator.behaviours import Behaviour, Timing
from simulator.charger import NotAuthorized, SimulatedCharger
from simulator.clock import Clock, ManualClock, ScaledClock
from simulator.config import ChargerConfig, Vehicle, Version
from simulator.dialect import Cause
from simulator.ledger import Kind, Ledger, ReceivedCall, SentMessage, Transaction
from simulator.station import Frame
from simulator.wire import Disconnected, NoAnswer, Refused

__all__ = [
    "Behaviour",
    "Cause",
    "ChargerConfig",
    "Clock",
    "Disconnected",
    "Frame",
    "Kind",
    "Ledger",
    "ManualClock",
    "NoAnswer",
    "NotAuthorized",
    "ReceivedCall",
    "Refused",
    "ScaledClock",
    "SentMessage",
    "SimulatedCharger",
    "Timing",
    "Transaction",
    "Vehicle",
    "Version",
]
