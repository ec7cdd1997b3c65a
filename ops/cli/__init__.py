"""``voltgate``: run the platform, look after its partners and chargers, see what happened."""

from ops.cli.main import app, main

__all__ = ["app", "main"]
