"""What a charger can be asked about a customer's data (2.0.1)."""

from typing import Any

from core.commands.commands import Command, command


@command("customer_information")
class CustomerInformation(Command):
    """Report and/or clear what is kept of a customer (OCPP 2.0.1 N09, N10).

    The customer is one of *customer*, *token* (with *token_type*), *certificate* (the members of
    its hash); all are personal, so ``sealed`` holds them and the row has none.
    """

    request: int
    report: bool
    clear: bool
    customer: str | None = None
    token: str | None = None
    token_type: str | None = None
    certificate: dict[str, Any] | None = None
    sealed: str | None = None
