"""``voltgate logs``: a partner's developer sees what was called and how it was answered."""

import json as json_
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from ops.cli.developer import the_key
from ops.cli.output import ApiKey, ApiUrl, Json, fail, out, print_json, say
from ops.developer.client import Api, Refused
from ops.developer.tailing import tail as core_tail

app = typer.Typer()

_COLOURS: Final = {"2": "green", "3": "cyan", "4": "yellow", "5": "red"}
_HERE: Final = "http://127.0.0.1:8080"

Status = Annotated[str | None, typer.Option(help="409, or 4xx for all of them.")]
Method = Annotated[str | None, typer.Option(help="POST, for example.")]
Path = Annotated[str | None, typer.Option(help="What the path begins with: /v1/start_charge.")]
Code = Annotated[str | None, typer.Option(help="Of a problem: connector_busy.")]


@app.command()
def tail(
    *,
    status: Status = None,
    method: Method = None,
    path: Path = None,
    code: Code = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many calls.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    api_url: ApiUrl = _HERE,
    key: ApiKey = None,
) -> None:
    """Follow your calls of the partner API, as they are answered; Ctrl-C ends it.

    Shows the calls of the key, or of all keys of its mode if it has the scope keys:manage.

    Examples:
        voltgate logs tail

        voltgate logs tail --status 4xx

        voltgate logs tail --path /v1/start_charge --json
    """
    given = {"status": status, "method": method, "path": path, "code": code}
    filters = {name: value for name, value in given.items() if value is not None}
    try:
        with Api(api_url, the_key(key), only_test=False) as api:
            core_tail(
                api,
                filters=filters,
                count=count,
                tell=_tell_json if json else _tell,
                say=lambda text: say(f"[dim]{escape(text)}[/dim]"),
            )
    except Refused as refused:
        raise fail(str(refused)) from refused
    except KeyboardInterrupt:
        return


@app.command()
def show(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="req_...")],
    *,
    api_url: ApiUrl = _HERE,
    key: ApiKey = None,
    json: Json = False,
) -> None:
    """Show one call with what was sent and answered, secrets hidden.

    Example: voltgate logs show req_01jd...
    """
    try:
        with Api(api_url, the_key(key), only_test=False) as api:
            entry = api.get(f"/v1/request_logs/{request}")
    except Refused as refused:
        raise fail(str(refused)) from refused
    print_entry(entry, as_json=json)


def print_entry(entry: dict[str, Any], *, as_json: bool) -> None:
    """Print a call with its bodies."""
    if as_json:
        print_json(entry)
        return
    out().print(line(entry), highlight=False)
    for name in ("key_id", "remote_address", "user_agent"):
        out().print(f"  [dim]{name}[/dim]  {escape(str(entry[name] or '-'))}", highlight=False)
    for name in ("request", "response"):
        body = entry[name]
        what = body["omitted"] or ("no body" if body["body"] is None else "")
        out().print(f"\n[bold]{name}[/bold]  [dim]{body['bytes']} bytes {what}[/dim]")
        if body["body"] is not None:
            out().print_json(data=body["body"])


def line(entry: dict[str, Any]) -> str:
    """Return a call as one line, with markup."""
    status = str(entry["status"] or "gone")
    colour = _COLOURS.get(status[0], "red")
    answer = escape(" ".join(part for part in (status, entry["code"]) if part))
    target = entry["path"] + (f"?{entry['query']}" if entry["query"] else "")
    replayed = "replayed" if entry["replayed"] else None
    about = [entry["request_id"], entry["operation_id"], replayed, entry["id"]]
    return (
        f"[dim]{entry['at'][11:23]}[/dim]  [{colour}]{answer}[/{colour}]  "
        f"[bold]{escape(entry['method'])}[/bold] {escape(target)}  "
        f"[dim]{entry['duration_ms']} ms  {escape('  '.join(filter(None, about)))}[/dim]"
    )


def _tell(entry: dict[str, Any]) -> None:
    out().print(line(entry), highlight=False, soft_wrap=True)


def _tell_json(entry: dict[str, Any]) -> None:
    typer.echo(json_.dumps(entry, separators=(",", ":")))
