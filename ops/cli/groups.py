"""Command groups whose modules are imported when one of their commands is called.

What a command imports (the database, certificates, both OCPP adapters) takes longer than most
commands run; help and the others need not wait for it.
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group


def group(help_: str, *sources: str) -> typer.Typer:
    """Return a group with the commands that *sources* declare: each is ``module:Typer instance``.

    The sources are imported one after another until one has the command; help imports all.
    """

    class Later(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            self._import_until(None)
            return super().list_commands(ctx)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            self._import_until(cmd_name)
            return super().get_command(ctx, cmd_name)

        def _import_until(self, name: str | None) -> None:
            declared_here = dict(self.commands)
            declared_there: dict[str, Any] = {}
            for source in sources:
                if name in declared_here or name in declared_there:
                    break
                module, _, instance = source.partition(":")
                there = get_group(getattr(import_module(module), instance))
                declared_there |= there.commands
            self.commands = declared_there | declared_here

    return typer.Typer(no_args_is_help=True, help=help_, cls=Later)
