"""What the command line prints: results to standard output, all else to standard error."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

ApiUrl = Annotated[str, typer.Option("--api", envvar="VOLTGATE_API_URL", help="The partner API.")]
ApiKey = Annotated[
    str | None,
    typer.Option(envvar="VOLTGATE_API_KEY", help="An API key; better not on the command line."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]

FAILED: Final = 1
MISUSED: Final = 2


def out() -> Console:
    """Return the console of results; as wide as they are when they go to a file."""
    console = Console()
    return console if console.is_terminal else Console(width=200, soft_wrap=True)


def err() -> Console:
    """Return the console of what is not a result."""
    return Console(stderr=True)


def print_json(document: Any) -> None:
    """Print *document* as indented JSON."""
    typer.echo(json.dumps(document, indent=2, default=str))


def print_rows(
    title: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, as_json: bool = False
) -> None:
    """Print rows as a table of *columns*, or all of each as JSON."""
    found = list(rows)
    if as_json:
        print_json(found)
        return
    if not found:
        err().print(f"[dim]No {escape(title.lower())}.[/dim]")
        return
    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in found:
        table.add_row(*(shown(row.get(column)) for column in columns))
    out().print(table)


def print_facts(facts: Mapping[str, Any], *, as_json: bool = False) -> None:
    """Print one object: a line a member, or JSON."""
    if as_json:
        print_json(facts)
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if name != "object":
            table.add_row(name.replace("_", " "), shown(value))
    out().print(table)


def shown(value: Any) -> str:
    """Return *value* as a cell shows it."""
    match value:
        case None:
            return "[dim]-[/dim]"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return escape(", ".join(str(item) for item in value)) or "[dim]-[/dim]"
        case _:
            return escape(str(value))


def say(text: str) -> None:
    """Print a remark, with markup, unwrapped: what it names can be copied."""
    err().print(text, soft_wrap=True)


def fail(text: str, *, then: str | None = None, code: int = FAILED) -> typer.Exit:
    """Print what went wrong and what to do; return the exit to raise."""
    say(f"[bold red]error[/bold red] {escape(text)}")
    if then is not None:
        say(f"[bold]next[/bold]  {escape(then)}")
    return typer.Exit(code)
