"""The commands of ``voltgate`` and the order in which the help shows them."""

from typing import Annotated

import typer

from ops.cli import (
    certificates,
    charger_compliance,
    chargers,
    configuration,
    database,
    events,
    firmware,
    fleet,
    id_tokens,
    keys,
    local_lists,
    logs,
    partners,
    serving,
    stations,
)

app = typer.Typer(
    name="voltgate",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="""Open EV charging platform: OCPP chargers on one side, a partner API on the other.

    [bold]See it happen[/bold]: voltgate demo

    [bold]Begin[/bold], in this order:

      voltgate serve                                   on SQLite, nothing to set

      voltgate station create "Depot"                  a place with chargers

      voltgate charger register CP-1 --station st_...  prints URL and password

      voltgate partner create "App"                    who starts charges

      voltgate partner grant prt_... st_... --control  where it may

      voltgate key create --partner prt_...            prints its API key, once

    Settings come from the environment (VOLTGATE_...) or a file .env: docs/operators/settings.md
    """,
)

RUN = "Run"
LOOK_AFTER = "Look after"
SEE = "See what happened"


@app.command(rich_help_panel=RUN)
def demo(
    *,
    exit_: Annotated[
        bool,
        typer.Option("--exit", help="End after the story; exit code 0 only if every step held."),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show boots, heartbeats and statuses, too.")
    ] = False,
) -> None:
    """See it all happen: a partner, chargers of both OCPP versions, signed webhooks.

    Needs no configuration and no service: a temporary SQLite database, simulated chargers and a
    webhook receiver in this process. Afterwards it stays up and prints what to try with curl.

    Examples:
        voltgate demo

        voltgate demo --exit && echo every step held
    """
    from ops.demo import demo_command  # noqa: PLC0415 - a second other commands need not wait

    demo_command(exit_=exit_, verbose=verbose)


app.command("serve", rich_help_panel=RUN)(serving.serve)
app.command("csms", rich_help_panel=RUN)(serving.csms)
app.command("api", rich_help_panel=RUN)(serving.api)
app.command("worker", rich_help_panel=RUN)(serving.worker)
app.command("migrate", rich_help_panel=RUN)(database.migrate)
app.add_typer(stations.app, name="station", rich_help_panel=LOOK_AFTER)
chargers.app.add_typer(charger_compliance.app)
chargers.app.add_typer(configuration.app)
chargers.app.add_typer(firmware.app, name="firmware")
chargers.app.add_typer(logs.app, name="log")
app.add_typer(chargers.app, name="charger", rich_help_panel=LOOK_AFTER)
app.add_typer(fleet.app, name="fleet", rich_help_panel=LOOK_AFTER)
chargers.app.command("rotate-password")(certificates.rotate_password)
chargers.app.command("security-events")(certificates.list_security_events)
app.add_typer(certificates.app, name="certificate", rich_help_panel=LOOK_AFTER)
chargers.app.add_typer(local_lists.app, name="local-list")
chargers.app.command("data-transfers")(local_lists.data_transfers)
app.add_typer(id_tokens.app, name="token", rich_help_panel=LOOK_AFTER)
app.add_typer(partners.app, name="partner", rich_help_panel=LOOK_AFTER)
app.add_typer(keys.app, name="key", rich_help_panel=LOOK_AFTER)
app.command("doctor", rich_help_panel=SEE)(database.examine)
app.add_typer(events.app, name="event", rich_help_panel=SEE)
app.add_typer(events.replay_app, name="replay", rich_help_panel=SEE)


def main() -> None:
    """Run the command line (console script ``voltgate``)."""
    app()
