"""The five control calls."""
