"""``voltgate charger compliance | why | profile | profiles``: real chargers, and their quirks."""

import json as json_
from typing import Annotated, Any

import typer

from core.audit.service import CLI
from core.chargers import charger_profiles, compliance, compliance_help
from core.kernel.db import Tx
from ops.cli.chargers import Named, the_charger
from ops.cli.output import MISUSED, Json, fail, print_facts, print_json, print_rows, say
from ops.cli.running import Opened, transact
from ops.operator_api.record_views import charger_profile_view

app = typer.Typer()


@app.command("compliance")
def report(
    charger: Named,
    *,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin a new period: after a firmware update, say.")
    ] = False,
    json: Json = False,
) -> None:
    """Print what a charger does other than OCPP says, as Markdown to send to its vendor.

    Examples:
        voltgate charger compliance CP-1 > report.md

        voltgate charger compliance CP-1 --restart
    """

    async def work(tx: Tx, _: Opened) -> compliance.Report:
        found = await the_charger(tx, charger)
        if restart:
            await compliance.restart(tx, CLI, found.id)
        return await compliance.report(tx, found.id)

    found = transact(work)
    if json:
        print_json(compliance.report_view(found))
        return
    typer.echo(compliance.as_markdown(found), nl=False)


@app.command()
def why(
    identity: Annotated[str, typer.Argument(help="As the charger has it; registered or not.")],
    *,
    json: Json = False,
) -> None:
    """Say why a charger cannot connect, and the exact fix.

    Every refused handshake in plain words; near misses (another case, one wrong character,
    percent-encoding); what was wrong before it last succeeded.

    Example: voltgate charger why CP-1
    """

    async def work(tx: Tx, _: Opened) -> compliance_help.Help:
        return await compliance_help.explain(tx, identity)

    help_ = transact(work)
    view = compliance_help.help_view(help_)
    if json:
        print_json(view)
        return
    typer.echo(f"{help_.identity}: {help_.summary}")
    if view["last_success"] is not None:
        success = view["last_success"]
        typer.echo(f"Last connected {success['connected_at']} from {success['address']}.")
    for title, findings in (("", view["findings"]), ("Before that:", view["earlier"])):
        if title and findings:
            typer.echo(f"\n{title}")
        for one in findings:
            typer.echo(f"\n* {one['problem']}")
            if one["count"] is not None:
                typer.echo(f"  {one['count']} times from {one['address']}, last {one['last_at']}")
            typer.echo(f"  Fix: {one['fix']}")


@app.command()
def profiles(*, json: Json = False) -> None:
    """List the profiles of kinds of chargers; those shipped are there to be copied from.

    Example: voltgate charger profiles
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        return [charger_profile_view(one) for one in await charger_profiles.shared(tx)]

    columns = ["id", "name", "vendor", "model", "firmware", "rules", "note"]
    print_rows("Profiles", columns, transact(work), as_json=json)


@app.command()
def profile(
    charger: Named,
    *,
    rules: Annotated[
        str | None, typer.Option(help='JSON, such as \'{"naive_time_zone": "Europe/Berlin"}\'.')
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Treat it like its kind again.")] = False,
    json: Json = False,
) -> None:
    """Show by which rules a charger is treated, or set rules of its own.

    Examples:
        voltgate charger profile CP-1

        voltgate charger profile CP-1 --rules '{"missing_subprotocol": "1.6"}'

        voltgate charger profile CP-1 --clear
    """
    wanted = None if rules is None else _parsed(rules)

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        found = await the_charger(tx, charger)
        if clear:
            await charger_profiles.delete_own(tx, CLI, found.id)
        elif wanted is not None:
            await charger_profiles.put_own(tx, CLI, found.id, wanted)
        chosen, effective = await charger_profiles.of_charger(tx, found)
        names = charger_profiles.Rules.__dataclass_fields__
        return {
            "profile": "standard" if chosen is None else chosen.id,
            **{name: getattr(effective, name) for name in names},
        }

    print_facts(transact(work), as_json=json)
    if wanted is not None or clear:
        say("[dim]A connected charger follows within seconds; its handshake next time.[/dim]")


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = json_.loads(text)
    except ValueError as exc:
        raise fail(f"--rules is no JSON: {exc}", code=MISUSED) from exc
    if not isinstance(value, dict):
        raise fail("--rules is a JSON object.", code=MISUSED)
    return value
