"""What a charger can be asked about logs."""

from core.commands.commands import Command, command


@command("get_log")
class GetLog(Command):
    """Bring a log to *location*; *security*: the security log, else diagnostics.

    Entries between *oldest_at* and *latest_at* (RFC 3339). ``sealed`` holds a *location* with
    credentials.
    """

    request: int
    location: str
    security: bool = False
    oldest_at: str | None = None
    latest_at: str | None = None
    retries: int | None = None
    retry_s: int | None = None
    sealed: str | None = None


@command("get_diagnostics")
class GetDiagnostics(Command):
    """Bring diagnostics to a directory (OCPP 1.6 5.8); what comes of it is reported without id."""

    location: str
    oldest_at: str | None = None
    latest_at: str | None = None
    retries: int | None = None
    retry_s: int | None = None
    sealed: str | None = None
