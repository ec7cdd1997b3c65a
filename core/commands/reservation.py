"""What operators can ask a charger to keep free."""

from core.commands.commands import Command, command


@command("hold")
class Hold(Command):
    """Keep a connector free for *token*, or for tokens of its group, until *expires_at*.

    *evse* ``None``: any; *connector_type*: any of that type (2.x).
    """

    reservation: int
    evse: int | None
    connector_type: str | None
    token: str
    token_kind: str
    group_token: str | None
    group_kind: str
    expires_at: str
