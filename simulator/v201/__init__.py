"""OCPP 2.0.1."""

from simulator.v201.dialect import DIALECT

__all__ = ["DIALECT"]
