"""``python -m benchmarks``: measure this machine."""

import asyncio
from inspect import cleandoc
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from benchmarks import databases, report, running
from benchmarks.databases import Backend
from benchmarks.measuring import Figures
from benchmarks.running import Plan
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import KINDS, ServerFailed
from benchmarks.voltgate import new_event_loop

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
_LISTED = "\n\n".join(f"  {one.name:<22} {one.tells}" for one in SCENARIOS.values())


def _names(given: list[str] | None, known: dict[str, object], option: str) -> list[str]:
    unknown = [name for name in given or () if name not in known]
    if unknown:
        raise typer.BadParameter(
            f"{', '.join(unknown)}: choose from {', '.join(known)}", param_hint=option
        )
    return [name for name in known if not given or name in given]


@app.command(
    help=cleandoc(
        """Measure what a message, a start and a webhook cost on this machine.

        Every server runs in a process of its own on one core, with a temporary database; the load
        comes from this process on the other cores. All servers take turns, round by round; the
        table shows medians beside the budgets and beside a plain central system
        ([bold]reference[/bold]: ocpp + websockets + an ORM commit a message). Nothing else should
        run meanwhile.

        [bold]Scenarios[/bold]

        SCENARIOS

        [bold]Examples[/bold]

          make bench                        everything on SQLite, about 8 minutes

          make bench ARGS="--seconds 1 --rounds 1"                   a first look

          make bench ARGS="-s status --server voltgate --profile /tmp/profiles"

          make bench ARGS="-d postgresql://postgres@127.0.0.1/postgres --save"
        """
    ).replace("SCENARIOS", _LISTED)
)
def main(
    *,
    seconds: Annotated[
        float, typer.Option(min=0.05, help="Measured time of a scenario on a server, each round.")
    ] = 3.0,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; medians of them are shown.")] = 3,
    scenario: Annotated[
        list[str] | None, typer.Option("--scenario", "-s", help="Only this one; repeatable.")
    ] = None,
    database: Annotated[
        list[str] | None,
        typer.Option(
            "--database",
            "-d",
            help="[bold]sqlite[/bold] (default), [bold]postgresql[/bold] (the server of "
            f"{databases.POSTGRES_URL}) or a postgresql:// URL; repeatable. Databases are made "
            "and dropped.",
        ),
    ] = None,
    server: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this one: voltgate, frames (with every frame logged), reference; repeatable."
        ),
    ] = None,
    chargers: Annotated[
        int, typer.Option(min=2, max=1000, help="Chargers that send at the same time.")
    ] = 20,
    json: Annotated[
        Path | None, typer.Option(help="Write every figure of every round to this file.")
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Record the run under benchmarks/results/.")
    ] = False,
    profile: Annotated[
        Path | None,
        typer.Option(help="Profile the servers with cProfile into this directory; slower."),
    ] = None,
) -> None:
    plan = Plan(
        scenarios=_names(scenario, dict(SCENARIOS), "--scenario"),
        servers=_names(server, dict(KINDS), "--server"),
        seconds=seconds,
        rounds=rounds,
        chargers=chargers,
        profiles=profile,
    )
    try:
        chosen = [databases.backend(text) for text in database or ["sqlite"]]
    except ValueError as exc:
        raise typer.BadParameter(str(exc), param_hint="--database") from exc
    if profile is not None:
        profile.mkdir(parents=True, exist_ok=True)
    console = Console()
    try:
        documents = [_measure(console, plan, one) for one in chosen]
    except ServerFailed as exc:
        console.print(f"[red]A server did not start.[/red] The end of its log:\n{exc}")
        raise typer.Exit(1) from exc
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    for file in (json, report.results_file() if save else None):
        if file is not None:
            report.save(documents, file)
            console.print(f"Written: {file}")
    if any(document["failures"] for document in documents):
        raise typer.Exit(1)


def _measure(console: Console, plan: Plan, chosen: Backend) -> dict[str, object]:
    """Measure on one database, print its table, return its document."""
    machine = report.this_machine()
    if machine["load_at_start"] > 0.5:  # noqa: PLR2004 - half a core is taken
        console.print(
            f"[yellow]This machine is at work already (load {machine['load_at_start']}): "
            "the rates will be too low, CPU per message is steadier.[/yellow]"
        )

    async def measure() -> tuple[running.Rounds, list[str], str]:
        name = await databases.version(chosen)
        with console.status("") as status:

            def progress(what: str, result: Figures | str | None) -> None:
                status.update(what)
                if isinstance(result, str):
                    console.print(f"[red]{escape(result)}[/red]", soft_wrap=True)
                elif result is not None:
                    console.print(f"[dim]{what}: {_brief(result)}[/dim]", soft_wrap=True)

            return *await running.run(plan, chosen, progress), name

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        rounds, failures, name = runner.run(measure())
    measured = running.medians(rounds)
    title = (
        f"{name}, {plan.chargers} chargers, OCPP 1.6, {plan.rounds} x {plan.seconds:g} s, "
        f"{machine['cores']} cores"
    )
    report.print_table(console, title, measured)
    for failure in failures:
        console.print(f"[red]failed: {escape(failure)}[/red]", soft_wrap=True)
    return report.document(
        database=name,
        machine=machine,
        settings={
            "seconds": plan.seconds,
            "rounds": plan.rounds,
            "chargers": plan.chargers,
            "is_profiled": plan.profiles is not None,
        },
        rounds=rounds,
        failures=failures,
        measured=measured,
    )


def _brief(figures: Figures) -> str:
    shown = {
        "per_second": "{:,.0f}/s",
        "cpu_us": "{:,.0f} us",
        "p50_ms": "p50 {:.1f} ms",
        "p99_ms": "p99 {:.1f} ms",
        "p100_ms": "worst {:.1f} ms",
        "back_s": "all back after {:.1f} s",
    }
    return ", ".join(text.format(figures[name]) for name, text in shown.items() if name in figures)


if __name__ == "__main__":
    app()
