"""Stations, chargers, connectors, presence, live status, variables, credentials, id tokens."""
