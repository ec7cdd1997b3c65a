"""Keeping chargers well: firmware, logs, monitors, events, display messages, customer data."""
