"""What chargers are told about money (OCPP 2.0.1 I)."""

from core.commands.commands import Command, command


@command("show_cost")
class ShowCost(Command):
    """Show the driver that the transaction has cost *total*, a decimal number, so far."""

    transaction_ref: str
    total: str
