"""A vendor's own message to a charger."""

from typing import Any

from core.commands.commands import Command, command


@command("data_transfer")
class SendData(Command):
    """Say something in a vendor's words; *data* is a text in 1.6 and any JSON in 2.x.

    Where it holds a secret, *data* has it blanked out and *sealed* has the whole.
    """

    vendor_id: str
    message_id: str | None = None
    data: Any = None
    sealed: str | None = None
