"""Signing keys of API keys."""
