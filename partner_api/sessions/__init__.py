"""Sessions, their meter values, and orders."""
