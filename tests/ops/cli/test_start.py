"""How quickly ``voltgate`` is there: a command imports what it runs, and nothing else."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from ops.cli import app
from tests.ops.cli.test_cli import voltgate

HELP = """
import sys
from ops.cli import main
sys.argv = ["voltgate", "--help"]
try:
    main()
finally:
    print("imported:", *sorted({name.partition(".")[0] for name in sys.modules}))
"""
SLOW = {"alembic", "core", "cryptography", "fastapi", "pydantic", "redis", "sqlalchemy"}


def leaves(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command that runs something, with its words."""
    if not hasattr(command, "list_commands"):
        yield path, command
        return
    for name in command.list_commands(None):
        yield from leaves(command.get_command(None, name), *path, name)


def test_help_waits_for_nothing_that_a_command_works_with() -> None:
    command = [sys.executable, "-c", HELP]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    text, _, imported = printed.partition("imported:")
    assert "Chargers: register, approve, look at." in text
    assert not SLOW & set(imported.split())


def test_a_walk_finds_every_command_and_its_help() -> None:
    found = dict(leaves(get_command(app)))
    assert {("serve",), ("charger", "list"), ("charger", "firmware", "set")} <= found.keys()
    assert {("charger", "rotate-password"), ("replay", "dead-letters")} <= found.keys()
    assert not [path for path, command in found.items() if not command.help]


def test_an_unknown_command_of_a_group_gets_what_is_near_it() -> None:
    result = voltgate("charger", "rotate-pasword")
    assert result.exit_code == 2
    assert "rotate-password" in result.output
