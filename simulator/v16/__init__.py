"""OCPP 1.6-J."""

from simulator.v16.dialect import DIALECT

__all__ = ["DIALECT"]
