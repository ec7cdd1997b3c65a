"""``voltgate listen`` and ``voltgate trigger``: for developers, with nothing but a test key."""

from rich.markup import escape

from core.kernel.webhook_signature import new_secret, sign
from ops.cli.output import MISUSED, fail, out, say
from ops.developer.checking import check
from ops.developer.client import Api, Refused
from ops.developer.listening import Forwarded
from ops.developer.listening import listen as core_listen
from ops.developer.triggering import trigger as core_trigger

_FIRST_ERROR = 300


def listen(
    *,
    api_url: str,
    key: str | None,
    forward_to: str | None,
    types: str | None,
    secret: str | None,
    count: int | None,
) -> None:
    """Forward events until Ctrl-C, or until there were *count*."""
    shown = secret or new_secret()
    try:
        sign([shown], message_id="check", timestamp=0, body=b"")
    except ValueError as exc:
        raise fail(str(exc), code=MISUSED) from exc
    wanted = [part.strip() for part in (types or "").split(",") if part.strip()]
    try:
        check(forward_to, wanted)
    except Refused as refused:
        raise fail(str(refused), then=refused.then, code=MISUSED) from refused
    if secret is None and forward_to is not None:
        say(f"Signed with this secret until it ends: [bold]{shown}[/bold]")
    try:
        with Api(api_url, the_key(key)) as api:
            core_listen(
                api,
                forward_to=forward_to,
                secret=shown,
                types=wanted,
                count=count,
                tell=_tell,
                say=lambda text: say(f"[dim]{escape(text)}[/dim]"),
            )
    except Refused as refused:
        raise fail(str(refused), then=refused.then) from refused
    except KeyboardInterrupt:
        return


def trigger(*, api_url: str, key: str | None, event_type: str) -> None:
    """Let an event happen and print its id."""
    try:
        with Api(api_url, the_key(key)) as api:
            event = core_trigger(
                api, event_type, say=lambda text: say(f"[dim]{escape(text)}[/dim]")
            )
    except Refused as refused:
        raise fail(str(refused), then=refused.then) from refused
    except KeyboardInterrupt:
        raise fail("interrupted", code=130) from None
    out().print(f"{event['id']} {event['type']}", highlight=False)


def the_key(key: str | None) -> str:
    """Return the API key that was given, or say how to give one and exit."""
    if not key:
        raise fail(
            "There is no API key.",
            then="Set VOLTGATE_API_KEY to a test key (vg_test_...), or give --key.",
            code=MISUSED,
        )
    return key


def _tell(one: Forwarded) -> None:
    text = f"{one.type} {one.event_id}"
    if one.status is not None:
        colour = "green" if one.status < _FIRST_ERROR else "red"
        text += f" -> [{colour}]{one.status}[/{colour}] {one.duration_ms} ms"
    elif one.error is not None:
        text += f" -> [red]{escape(one.error)}[/red]"
    out().print(text, highlight=False)
