"""Use cases of local lists: which tokens a charger knows by itself, in what steps it is told.

The platform's id tokens are the only authority. What a charger has taken is remembered token by
token, so each update is the difference, in messages no longer than the charger bears.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from core.chargers import local_list_store as store
from core.chargers import token_store
from core.chargers.models import Charger
from core.chargers.record_models import IdToken
from core.chargers.token_models import ListEntry, LocalList
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.times import rfc3339_or_none

SOURCES: Final = ("all", "station", "chosen")
MAX_CHOSEN: Final = 10_000
MAX_AT_ONCE: Final = 1_000
"""Tokens that one request may name, and one message may carry."""

USUAL_ITEMS: Final = 20
"""Entries of a message to a charger that does not tell its limit."""
MAX_VERSION: Final = 2**31 - 1
"""OCPP 1.6 6.45, 2.0.1 SendLocalListRequest: an int32."""
_ENTRY_BYTES: Final = 320
"""What an entry takes at most besides its message, with long names and every member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a charger bears: entries and bytes of a message, entries in all (``None``: unknown)."""

    items: int
    message_bytes: int | None
    entries: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUpdate:
    """One message: replace the list (*full*) or change it; *version* is that afterwards."""

    version: int
    full: bool
    entries: list[dict[str, Any]]
    removed: list[dict[str, str]]


async def find(tx: Tx, charger_id: str) -> LocalList | None:
    """Return what is known of a charger's list; ``None``: nobody ever wanted one."""
    return await store.get(tx, charger_id)


async def choose(tx: Tx, charger_id: str, tokens: Sequence[str], *, replace: bool) -> None:
    """Add *tokens* to those chosen for a charger, or have them *replace* all chosen before.

    Raises:
        PlatformError: ``invalid_parameter``, with the place of each token that is not known here.
    """
    named = [token.upper() for token in tokens]
    if len(named) > MAX_AT_ONCE:
        raise PlatformError("invalid_parameter", f"Name at most {MAX_AT_ONCE} tokens at a time.")
    known = await store.known_tokens(tx, named)
    unknown = [index for index, token in enumerate(named) if token not in known]
    if unknown:
        raise PlatformError(
            "invalid_parameter",
            f"{len(unknown)} of {len(named)} are no id tokens here; create them first.",
            errors=[
                {"pointer": f"/tokens/{index}", "detail": "is no id token here"}
                for index in unknown[:100]
            ],
        )
    if replace:
        await store.clear_choices(tx, charger_id)
    await store.add_choices(tx, charger_id, sorted(set(named)))
    if await store.count_choices(tx, charger_id) > MAX_CHOSEN:
        raise PlatformError(
            "invalid_parameter", f"At most {MAX_CHOSEN} tokens may be chosen for a charger."
        )


async def unchoose(tx: Tx, charger_id: str, tokens: Sequence[str]) -> int:
    """Take *tokens* out of those chosen for a charger; return how many of them were in it."""
    if len(tokens) > MAX_AT_ONCE:
        raise PlatformError("invalid_parameter", f"Name at most {MAX_AT_ONCE} tokens at a time.")
    return await store.remove_choices(tx, charger_id, [token.upper() for token in tokens])


async def set_source(tx: Tx, charger_id: str, source: str | None) -> LocalList:
    """Say which tokens belong into a charger's list; ``None``: none."""
    return await store.put(tx, charger_id, source=source)


async def counts(tx: Tx, charger: Charger) -> tuple[int, int]:
    """Return (entries that the charger has taken, entries that belong there)."""
    known = await store.get(tx, charger.id)
    source = None if known is None else known.source
    wanted = await store.count_belonging(tx, charger, source)
    return await store.count_entries(tx, charger.id), wanted


async def entries(
    tx: Tx, charger_id: str, *, after: str | None = None, limit: int = 50
) -> Sequence[ListEntry]:
    """Return what the charger has taken, in the order of the tokens, those behind *after*."""
    return await store.entries(tx, charger_id, after=after, limit=limit)


async def differs(tx: Tx, charger: Charger) -> bool:
    """Tell whether the charger has to be told something."""
    known = await store.get(tx, charger.id)
    source = None if known is None else known.source
    if await store.surplus(tx, charger, source, limit=1):
        return True
    return bool(await store.missing(tx, charger, source, limit=1))


async def next_update(
    tx: Tx, charger: Charger, *, full: bool, at_most: int | None = None
) -> ListUpdate | None:
    """Return the next message that brings the list nearer to what it should be, or ``None``.

    A *full* one begins anew. *at_most* entries, if it bears less than it says.

    Raises:
        ValueError: There are more tokens than the charger can hold.
    """
    known = await store.get(tx, charger.id)
    source = None if known is None else known.source
    limits = await limits_of(tx, charger)
    wanted = await store.count_belonging(tx, charger, source)
    if limits.entries is not None and wanted > limits.entries:
        raise ValueError(
            f"{wanted} tokens belong there, the charger holds {limits.entries}: choose fewer"
        )
    most = min(limits.items, at_most or limits.items, MAX_AT_ONCE)
    removed: list[ListEntry] = []
    if full:
        tokens = await store.belonging(tx, charger, source, limit=most)
    else:
        removed = await store.surplus(tx, charger, source, limit=most)
        left = most - len(removed)
        tokens = await store.missing(tx, charger, source, limit=left) if left else []
        if not removed and not tokens:
            return None
    said = _within([_entry(token) for token in tokens], limits.message_bytes)
    update = ListUpdate(
        version=_next_version(known),
        full=full,
        entries=said,
        removed=[{"token": entry.token, "kind": entry.kind} for entry in removed],
    )
    await store.put(tx, charger.id, issued=update.version, pending=asdict(update))
    return update


async def taken(tx: Tx, charger_id: str, arguments: dict[str, Any]) -> None:
    """Remember that the charger took the ``ListUpdate`` of which *arguments* are the fields."""
    if arguments["full"]:
        await store.clear_entries(tx, charger_id)
    if arguments["removed"]:
        gone = [entry["token"] for entry in arguments["removed"]]
        await store.remove_entries(tx, charger_id, gone)
    rows = [
        {
            "charger_id": charger_id,
            "token": entry["token"],
            "kind": entry["kind"],
            "digest": entry["digest"],
        }
        for entry in arguments["entries"]
    ]
    if rows:
        await store.put_entries(tx, rows)
    await store.put(tx, charger_id, version=arguments["version"], pending=None)


async def version_reported(tx: Tx, charger_id: str, version: int) -> LocalList:
    """Remember which version the charger says it has."""
    return await store.put(
        tx, charger_id, reported_version=version, reported_at=tx.now, verified_at=tx.now
    )


async def changes_seen(tx: Tx, charger_id: str) -> None:
    """Remember that the list is compared with the tokens as they are now."""
    last = await token_store.last_change(tx)
    await store.put(tx, charger_id, seen_change=last)


async def limits_of(tx: Tx, charger: Charger) -> Limits:
    """Return what a charger said it bears (1.6 configuration, 2.0.1 LocalAuthListCtrlr)."""
    items: int | None = None
    message_bytes: int | None = None
    most: int | None = None
    for _, variable, value, max_limit in await store.limits(tx, charger.id):
        number = _positive(value)
        name = variable.partition("[")[0]
        if name in {"SendLocalListMaxLength", "ItemsPerMessage", "ItemsPerMessageSendLocalList"}:
            items = number or items
        elif name in {"BytesPerMessage", "BytesPerMessageSendLocalList"}:
            message_bytes = number or message_bytes
        elif name == "LocalAuthListMaxLength":
            most = number or most
        elif name == "Entries" and max_limit is not None and max_limit >= 1:
            most = int(max_limit)
    return Limits(items=items or USUAL_ITEMS, message_bytes=message_bytes, entries=most)


def _positive(value: str | None) -> int | None:
    text = (value or "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > 9:  # noqa: PLR2004
        return None
    return int(text) or None


def _within(said: list[dict[str, Any]], message_bytes: int | None) -> list[dict[str, Any]]:
    """Return as many as fit into a message, one at least."""
    if message_bytes is None:
        return said
    room = message_bytes
    fitting = 0
    for entry in said:
        room -= _ENTRY_BYTES + len(json.dumps(entry["personal_message"]))
        if room < 0:
            break
        fitting += 1
    return said[: max(fitting, 1)]


def _next_version(known: LocalList | None) -> int:
    """Return a version above all that the charger can have; they begin anew when used up."""
    last = 0
    if known is not None:
        last = max(known.issued, known.version, known.reported_version or 0)
    return last + 1 if last < MAX_VERSION else 1


def _entry(token: IdToken) -> dict[str, Any]:
    return {
        "token": token.token,
        "kind": token.kind,
        "blocked": token.blocked,
        "expires_at": rfc3339_or_none(token.expires_at),
        "group_token": token.group_token,
        "group_kind": token.group_kind,
        "evses": token.evses,
        "charging_priority": token.charging_priority,
        "language1": token.language1,
        "language2": token.language2,
        "personal_message": token.personal_message,
        "digest": token.list_digest,
    }
