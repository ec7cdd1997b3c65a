"""Periodic work, safe on every node at once."""
