"""``voltgate partner conduct | ban | throttle | lift | tune``: partners that misbehave."""

from typing import Annotated, Any

import typer

from core.audit.service import CLI
from core.conduct import service, tuning
from core.conduct.rules import RuleName
from core.conduct.service import BanLength
from core.conduct.views import conduct_view, incident_view, standing_view
from core.kernel.db import Tx
from core.partners.states import Step
from ops.cli.output import MISUSED, Json, fail, print_facts, print_json, print_rows
from ops.cli.running import Opened, transact

app = typer.Typer()

PartnerId = Annotated[str, typer.Argument(metavar="PARTNER", help="prt_...")]
TestMode = Annotated[bool, typer.Option("--test", help="In test mode; else in live mode.")]
Reason = Annotated[str, typer.Option(help="For the audit trail.")]


@app.command()
def conduct(partner: PartnerId, *, json: Json = False) -> None:
    """Show how a partner stands in both modes, and why: incidents with their evidence.

    Example: voltgate partner conduct prt_01jd...
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        return conduct_view(await service.conduct(tx, partner), tx.now)

    view = transact(work)
    if json:
        print_json(view)
        return
    modes = [{"mode": mode, **view[mode]} for mode in ("live", "test")]
    print_rows("Standing", ["mode", "step", "throttled_until", "banned_until", "since"], modes)
    incidents = [
        {
            **one,
            "mode": "live" if one["livemode"] else "test",
            "why": one["evidence"].get("counts") or one["evidence"].get("reason"),
            "example": next(iter(one["evidence"].get("examples", ())), None),
        }
        for one in view["incidents"]
    ]
    columns = ["created_at", "id", "mode", "rule", "step", "until", "status", "count", "why"]
    print_rows("Incidents", [*columns, "example"], incidents)
    print_rows("History", ["at", "actor", "action"], view["history"])


@app.command()
def ban(
    partner: PartnerId,
    *,
    length: Annotated[BanLength, typer.Option("--for", help="How long.")] = BanLength.MINUTES_15,
    reason: Reason,
    test: TestMode = False,
    json: Json = False,
) -> None:
    """Ban a partner for a while; it may still read a little and stop its own sessions.

    Example: voltgate partner ban prt_01jd... --for 1h --reason "starts on all chargers at once"
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        incident = await service.ban(
            tx, CLI, partner_id=partner, livemode=not test, length=length, reason=reason
        )
        return incident_view(incident)

    print_facts(transact(work), as_json=json)


@app.command()
def throttle(
    partner: PartnerId, *, reason: Reason, test: TestMode = False, json: Json = False
) -> None:
    """Leave a partner a part of its limits for a while.

    Example: voltgate partner throttle prt_01jd... --reason "its sync runs without a pause"
    """

    async def work(tx: Tx, opened: Opened) -> dict[str, Any]:
        incident = await service.throttle(
            tx, opened.settings, CLI, partner_id=partner, livemode=not test, reason=reason
        )
        return incident_view(incident)

    print_facts(transact(work), as_json=json)


@app.command()
def lift(
    partner: PartnerId,
    *,
    reason: Annotated[str | None, typer.Option(help="For the audit trail.")] = None,
    test: TestMode = False,
    json: Json = False,
) -> None:
    """End a throttle, a ban or a suspension by the ladder, from the next request on.

    Example: voltgate partner lift prt_01jd... --reason "they fixed it"
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        lifted = await service.lift(tx, CLI, partner_id=partner, livemode=not test, reason=reason)
        return standing_view(lifted, tx.now)

    print_facts(transact(work), as_json=json)


@app.command()
def tune(
    rule: Annotated[RuleName | None, typer.Argument(help="Shows all if none is named.")] = None,
    *,
    partner: Annotated[
        str | None, typer.Option(metavar="PARTNER", help="For it alone; else for everybody.")
    ] = None,
    on: Annotated[bool | None, typer.Option("--on/--off", help="Whether it is judged.")] = None,
    count: Annotated[int | None, typer.Option(help="From so many on.")] = None,
    share: Annotated[int | None, typer.Option(help="And from such a share on, %.")] = None,
    minutes: Annotated[int | None, typer.Option(help="Within so long.")] = None,
    ceiling: Annotated[Step | None, typer.Option(help="The highest step it leads to.")] = None,
    default: Annotated[bool, typer.Option("--default", help="As delivered.")] = False,
    json: Json = False,
) -> None:
    """Show the rules, or change one; in force within seconds, on every node.

    Examples:
        voltgate partner tune

        voltgate partner tune scanning --count 500 --partner prt_01jd...

        voltgate partner tune new_networks --off
    """
    given = {
        "enabled": on,
        "count": count,
        "share_percent": share,
        "window_minutes": minutes,
        "ceiling": ceiling,
    }
    changes: dict[str, Any] = {name: one for name, one in given.items() if one is not None}
    if (changes or default) and rule is None:
        raise fail("Name the rule to change.", code=MISUSED)
    if default:
        changes = dict.fromkeys(given) | changes

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        if rule is not None and changes:
            await tuning.tune(tx, CLI, partner_id=partner, rule=rule, changes=changes)
        return await tuning.view(tx, partner)

    view = transact(work)
    if json:
        print_json(view)
        return
    columns = ["rule", "enabled", "count", "share_percent", "window_minutes", "ceiling", "counts"]
    print_rows("Rules", columns, view["rules"])
