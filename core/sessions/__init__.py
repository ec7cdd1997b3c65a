"""Charging sessions, which become orders when they end; meter values."""
