"""What a charger can be asked about its display (2.0.1)."""

from core.commands.commands import Command, command


@command("set_display_message")
class SetDisplayMessage(Command):
    """Show *content*; *priority*, *state* and *format* in the words of OCPP 2.0.1 O01 to O02."""

    message: int
    priority: str
    format: str
    content: str
    language: str | None = None
    state: str | None = None
    start_at: str | None = None
    end_at: str | None = None
    transaction_ref: str | None = None
    display: str | None = None
    display_evse: int | None = None


@command("clear_display_message")
class ClearDisplayMessage(Command):
    message: int


@command("report_display_messages")
class ReportDisplayMessages(Command):
    """Report messages: all, or those of *messages*, *priority*, *state*."""

    request: int
    messages: list[int]
    priority: str | None = None
    state: str | None = None
