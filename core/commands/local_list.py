"""What can be asked about the local list of id tokens."""

from typing import Any

from core.commands.commands import Command, command


@command("send_local_list")
class SendLocalList(Command):
    """Replace the list (*full*) or change it; *version* is that of the list afterwards.

    Each of *entries* has the facts of a token, each of *removed* its ``token`` and ``kind``.
    """

    version: int
    full: bool
    entries: list[dict[str, Any]]
    removed: list[dict[str, str]]


@command("ask_local_list_version")
class AskLocalListVersion(Command):
    """Tell the version of the list: 0 where it is empty, -1 where there is none."""
