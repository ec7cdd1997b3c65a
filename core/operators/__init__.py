"""Operator tokens and their roles."""
