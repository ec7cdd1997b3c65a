"""Stations, connectors and how they are now."""
