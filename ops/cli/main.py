"""The commands of ``voltgate`` and the order in which the help shows them.

Importing it imports nothing that a command works with: ``voltgate --help`` is there at once.
"""

from typing import Annotated

import typer

from ops.cli.groups import group
from ops.cli.output import ApiKey, ApiUrl, Json
from ops.roles import ALL_ROLES, Role

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
DEVELOP = "Develop against the partner API"


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
    from ops.demo import demo_command

    demo_command(exit_=exit_, verbose=verbose)


@app.command(rich_help_panel=RUN)
def serve(
    role: Annotated[
        list[Role] | None,
        typer.Option(
            "--role", help="Run this part only; may be given several times. Default: all."
        ),
    ] = None,
) -> None:
    """Run the platform: OCPP for chargers, the partner API, the operator API, webhooks.

    All parts in one process, or one [bold]--role[/bold] a process over PostgreSQL and Redis. In
    development it migrates the database and makes an operator token by itself; in production
    (VOLTGATE_ENVIRONMENT=production) run [bold]voltgate migrate[/bold] first.

    Ctrl-C or SIGTERM ends it: requests under way are finished, chargers reconnect elsewhere.

    Examples:
        voltgate serve

        voltgate serve --role csms --role worker

        VOLTGATE_DATABASE_URL=postgresql://voltgate:secret@db/voltgate voltgate serve
    """
    from ops.cli.serving import run_roles

    run_roles(frozenset(role) if role else ALL_ROLES)


@app.command(rich_help_panel=RUN)
def csms() -> None:
    """Run the chargers' side alone: the same as [bold]voltgate serve --role csms[/bold]."""
    serve([Role.CSMS])


@app.command(rich_help_panel=RUN)
def api() -> None:
    """Run the partner API alone: the same as [bold]voltgate serve --role api[/bold]."""
    serve([Role.API])


@app.command(rich_help_panel=RUN)
def worker() -> None:
    """Run webhooks, deadlines and clean-up: as [bold]voltgate serve --role worker[/bold]."""
    serve([Role.WORKER])


@app.command(rich_help_panel=DEVELOP)
def listen(
    *,
    forward_to: Annotated[
        str | None, typer.Option(help="Post each event there; else they are only shown.")
    ] = None,
    types: Annotated[
        str | None, typer.Option("--events", help="Types, separated by commas. Default: all.")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(envvar="VOLTGATE_WEBHOOK_SECRET", help="whsec_...; one is made if not given."),
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
    api_url: ApiUrl = "http://127.0.0.1:8080",
    key: ApiKey = None,
) -> None:
    """Bring the events of test mode to your machine, signed as webhooks; no public address needed.

    Examples:
        voltgate listen --forward-to http://localhost:3000/webhooks

        voltgate listen --events operation.succeeded,session.ended
    """
    from ops.cli import developer

    developer.listen(
        api_url=api_url, key=key, forward_to=forward_to, types=types, secret=secret, count=count
    )


@app.command(rich_help_panel=DEVELOP)
def trigger(
    event: Annotated[str, typer.Argument(help="A type, such as session.ended.")],
    *,
    api_url: ApiUrl = "http://127.0.0.1:8080",
    key: ApiKey = None,
) -> None:
    """Let an event of test mode happen: a simulated charger does what leads to it.

    Examples:
        voltgate trigger operation.succeeded

        voltgate trigger operation.failed
    """
    from ops.cli import developer

    developer.trigger(api_url=api_url, key=key, event_type=event)


@app.command(rich_help_panel=RUN)
def migrate(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 1 if something is missing.")
    ] = False,
) -> None:
    """Bring the database's tables up to date.

    Safe to run from several nodes at once, and while an older version still runs. Back up first.

    Examples:
        voltgate migrate

        voltgate migrate --check && echo up to date
    """
    from ops.cli import database

    database.migrate(check=check)


@app.command(rich_help_panel=SEE)
def doctor(*, json: Json = False) -> None:
    """Check every invariant that the database can show, on a live system.

    Prints the offending rows and ends with exit code 1 if there are any. It only reads.

    Examples:
        voltgate doctor

        voltgate doctor --json > findings.json
    """
    from ops.cli import database

    database.examine(json=json)


station = group("Stations: places with chargers.", "ops.cli.stations:app")
station_group = group("Stations that are granted together.", "ops.cli.station_groups:app")
charger = group(
    "Chargers: register, approve, look at.",
    "ops.cli.chargers:app",
    "ops.cli.certificates:charger_app",
    "ops.cli.local_lists:charger_app",
    "ops.cli.charger_compliance:app",
    "ops.cli.configuration:app",
)
firmware = group("Firmware: what a charger should run, and how far it is.", "ops.cli.firmware:app")
log = group("Logs of chargers: ask for one, follow it.", "ops.cli.logs:app")
local_list = group(
    "The local list: which id tokens a charger knows by itself.", "ops.cli.local_lists:app"
)
fleet = group(
    """One command for many chargers: a few at a time, each answer kept.

    Choose with --station, --vendor, --model, --firmware, --charger (several), or --all. A running
    worker (voltgate serve has one) does the work; Ctrl-C ends the watching only.
    """,
    "ops.cli.fleet:app",
)
certificate = group("Chargers' certificates: ending, signed, revoked.", "ops.cli.certificates:app")
token = group("Id tokens: cards and apps that may charge.", "ops.cli.id_tokens:app")
logs = group("Your calls of the partner API: follow them, look at one.", "ops.cli.request_logs:app")
partner = group(
    "Partners: platforms that start charges.",
    "ops.cli.partners:app",
    "ops.cli.partner_logs:app",
    "ops.cli.conduct:app",
    "ops.cli.signing:partner_app",
)
application = group(
    "Applications: companies that want to become partners.", "ops.cli.applications:app"
)
key = group(
    "API keys of partners, tokens of operators: secrets are shown once.",
    "ops.cli.keys:app",
    "ops.cli.signing:key_app",
)
event = group("Events: what partners were told, and how that went.", "ops.cli.events:app")
audit = group("The audit trail: who did what, and is it as it was written.", "ops.cli.audit:app")
replay = group("Send again what was given up.", "ops.cli.events:replay_app")
alert = group("Alerts: what you should know of, and who looks after it.", "ops.cli.alerts:app")

station.add_typer(station_group, name="group")
charger.add_typer(firmware, name="firmware")
charger.add_typer(log, name="log")
charger.add_typer(local_list, name="local-list")
app.add_typer(logs, name="logs", rich_help_panel=DEVELOP)
app.add_typer(station, name="station", rich_help_panel=LOOK_AFTER)
app.add_typer(charger, name="charger", rich_help_panel=LOOK_AFTER)
app.add_typer(fleet, name="fleet", rich_help_panel=LOOK_AFTER)
app.add_typer(certificate, name="certificate", rich_help_panel=LOOK_AFTER)
app.add_typer(token, name="token", rich_help_panel=LOOK_AFTER)
app.add_typer(partner, name="partner", rich_help_panel=LOOK_AFTER)
app.add_typer(application, name="application", rich_help_panel=LOOK_AFTER)
app.add_typer(key, name="key", rich_help_panel=LOOK_AFTER)
app.add_typer(alert, name="alert", rich_help_panel=SEE)
app.add_typer(event, name="event", rich_help_panel=SEE)
app.add_typer(audit, name="audit", rich_help_panel=SEE)
app.add_typer(replay, name="replay", rich_help_panel=SEE)


def main() -> None:
    """Run the command line (console script ``voltgate``)."""
    app()
