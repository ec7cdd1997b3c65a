"""``voltgate event`` and ``voltgate replay``: what partners were told, and telling it again."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer

from core.audit.service import CLI
from core.kernel.db import Tx
from core.kernel.times import rfc3339
from core.webhooks import deliveries, tracing
from core.webhooks import events as reading
from core.webhooks.models import Event
from core.webhooks.replaying import replay_dead_letters
from core.webhooks.types import EventType
from core.webhooks.views import attempt_view, delivery_view, event_view
from ops.cli.output import MISUSED, Json, fail, out, print_json, print_rows, say, shown
from ops.cli.running import Opened, run, transact

app = typer.Typer()
replay_app = typer.Typer()

PartnerOption = Annotated[str | None, typer.Option("--partner", help="Of this partner.")]
EventId = Annotated[str, typer.Argument(metavar="EVENT", help="evt_...")]
Since = Annotated[
    str | None, typer.Option(help="Given up since: 24h, 3d, or a time as 2026-11-21T08:00:00Z.")
]
Until = Annotated[str | None, typer.Option(help="Given up before: as --since.")]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", help="Of this type or group, such as operation.*; may be repeated."),
]
_AGE: Final = re.compile(r"(\d{1,5})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_COLUMNS: Final = ("created_at", "id", "partner_id", "seq", "type", "object_id")
_POLLED_EVERY_S: Final = 1.0


@app.command("list")
def list_events(
    *,
    partner: PartnerOption = None,
    type_: Annotated[EventType | None, typer.Option("--type")] = None,
    about: Annotated[
        str | None, typer.Option(help="About this operation, session, order, connector ...")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Rows at most.")] = 50,
    json: Json = False,
) -> None:
    """List events, the newest first.

    Examples:
        voltgate event list --about op_01jd...

        voltgate event list --partner prt_01jd... --type operation.failed
    """

    async def work(tx: Tx, _: Opened) -> Sequence[Event]:
        return await tracing.newest_events(
            tx, partner_id=partner, type_=type_, object_id=about, limit=limit
        )

    found = transact(work)
    rows = [event_view(event) if json else _brief(event) for event in found]
    print_rows("Events", _COLUMNS, rows, as_json=json)


@app.command()
def show(event: EventId, *, json: Json = False) -> None:
    """Show an event as it was sent, and every attempt to deliver it.

    Example: voltgate event show evt_01jd...
    """

    async def work(tx: Tx, _: Opened) -> tracing.TracedEvent:
        found = await reading.get_event(tx, event, partner_id=None, livemode=None)
        return await tracing.of_event(tx, found)

    traced = transact(work)
    views = [
        {
            **delivery_view(one.delivery),
            "url": one.url,
            "attempts": [attempt_view(attempt) for attempt in one.attempts],
        }
        for one in traced.deliveries
    ]
    if json:
        print_json({"event": event_view(traced.event), "deliveries": views})
        return
    print_json(event_view(traced.event))
    columns = ["id", "url", "status", "attempt_count", "next_attempt_at"]
    print_rows("Deliveries", columns, views)
    for view in views:
        columns = ["number", "at", "status_code", "duration_ms", "error", "response"]
        print_rows(f"Attempts of {view['id']}", columns, view["attempts"])


@app.command()
def resend(
    event: EventId,
    *,
    endpoint: Annotated[
        str | None, typer.Option(help="we_...; left out: every endpoint that wants its type.")
    ] = None,
    json: Json = False,
) -> None:
    """Send an event again, the same id and bytes.

    Example: voltgate event resend evt_01jd... --endpoint we_01jd...
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        found = await reading.get_event(tx, event, partner_id=None, livemode=None)
        made = await deliveries.resend(
            tx,
            CLI,
            partner_id=found.partner_id,
            livemode=found.livemode,
            event_id=event,
            endpoint_id=endpoint,
        )
        return [delivery_view(delivery) for delivery in made]

    print_rows("Deliveries", ["id", "endpoint_id", "status"], transact(work), as_json=json)


@app.command()
def tail(*, partner: PartnerOption = None, json: Json = False) -> None:
    """Follow events as they happen, until Ctrl-C.

    Example: voltgate event tail --partner prt_01jd...
    """
    say("[dim]Waiting for events; Ctrl-C ends it.[/dim]")

    async def work(opened: Opened) -> None:
        seen: frozenset[str] | None = None
        while True:
            async with opened.db.transaction() as tx:
                newest = await tracing.newest_events(tx, partner_id=partner, limit=200)
            fresh = [] if seen is None else [event for event in newest if event.id not in seen]
            for event in reversed(fresh):
                _print_line(event, json=json)
            seen = frozenset(event.id for event in newest)
            await opened.db.clock.sleep(_POLLED_EVERY_S)

    run(work)


def replay(
    *,
    endpoint: Annotated[str | None, typer.Option(help="Of this endpoint, we_...")] = None,
    types: Types = None,
    since: Since = None,
    until: Until = None,
    json: Json = False,
) -> None:
    """Send dead letters again: webhooks that were given up after all their attempts.

    What has reached its endpoint since is left out, and so are disabled endpoints.

    Examples:
        voltgate replay dead-letters --endpoint we_01jd...

        voltgate replay dead-letters --since 24h --type 'operation.*'
    """

    async def work(opened: Opened) -> int:
        total = 0
        while True:
            async with opened.db.transaction() as tx:
                made = await replay_dead_letters(
                    tx,
                    CLI,
                    endpoint_id=endpoint,
                    event_types=types,
                    since=None if since is None else parse_since(since, now=tx.now),
                    until=None if until is None else parse_since(until, now=tx.now),
                )
            total += len(made)
            if not made:
                return total

    total = run(work, waiting="Queueing dead letters ...")
    if json:
        print_json({"count": total})
    else:
        out().print(f"{total} dead letters were queued again.")


app.command("replay")(replay)
replay_app.command("dead-letters")(replay)


def parse_since(text: str, *, now: datetime) -> datetime:
    """Return the instant that ``24h``, ``3d``, ``30m`` or an ISO 8601 time means."""
    if age := _AGE.fullmatch(text):
        return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as exc:
        raise fail(
            f"{text}: not a time.",
            then="Write 24h, 3d or 2026-11-21T08:00:00Z.",
            code=MISUSED,
        ) from exc
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def _brief(event: Event) -> dict[str, Any]:
    return {
        "created_at": rfc3339(event.created_at),
        "id": event.id,
        "partner_id": event.partner_id,
        "seq": event.seq,
        "type": event.type,
        "object_id": event.object_id,
    }


def _print_line(event: Event, *, json: bool) -> None:
    if json:
        typer.echo(event.body)
        return
    brief = _brief(event)
    out().print("  ".join(shown(brief[column]) for column in _COLUMNS))
