"""Use cases of id tokens: RFID cards and app tokens that may, or may not, charge."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers import record_store, token_formats, token_store
from core.chargers.checks import check_columns, invalid
from core.chargers.record_models import IdToken, id_tokens
from core.chargers.states import TokenStatus
from core.chargers.text import storable
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.page import Page, Slice
from core.kernel.times import rfc3339_or_none

MAX_CHARS: Final = token_formats.MAX_CHARS
"""OCPP 2.0.1 part 2, IdTokenType; 1.6 allows 20."""
MAX_PLACES: Final = 200
MAX_EVSES: Final = 50
MAX_ADDITIONAL: Final = 10
MESSAGE_FORMATS: Final = ("ASCII", "HTML", "URI", "UTF8")
PRIORITIES: Final = range(-9, 10)
"""OCPP 2.0.1 part 2, IdTokenInfoType.chargingPriority; 0 is the normal one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCheck:
    """Whether a token may charge, the group it belongs to and the partner who issued it.

    *about* is the token itself where it is known: its expiry, its languages, its message.
    """

    status: TokenStatus
    group_token: str | None = None
    partner_id: str | None = None
    about: IdToken | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """How and where a token was shown.

    *kind* is the type that the charger told (2.x). *master_pass*: one that only ends sessions is
    good for what it was shown for.
    """

    charger_id: str | None = None
    evse: int | None = None
    kind: str | None = None
    master_pass: bool = False


_ANYWHERE: Final = Presented()


async def put(
    tx: Tx,
    actor: Actor,
    token: str,
    *,
    kind: str = "ISO14443",
    blocked: bool = False,
    expires_at: datetime | None = None,
    group_token: str | None = None,
    partner_id: str | None = None,
    note: str | None = None,
    group_kind: str = "Central",
    valid_from: datetime | None = None,
    places: Sequence[str] = (),
    evses: Sequence[int] = (),
    max_sessions: int | None = None,
    master_pass: bool = False,
    charging_priority: int | None = None,
    language1: str | None = None,
    language2: str | None = None,
    personal_message: dict[str, Any] | None = None,
    additional_info: Sequence[dict[str, str]] = (),
) -> IdToken:
    """Create or replace a token; its case makes no difference.

    A key code comes by its name: ``key_codes.put`` takes tokens of every kind.

    Args:
        places: Ids of the chargers and stations where it may charge; none for everywhere.
        evses: EVSE numbers (1.6: connectors) where it may charge; none for all.
        personal_message: ``format``, ``content`` and perhaps ``language`` (MessageContentType).
        additional_info: ``additionalIdToken`` and ``type`` of each, as chargers may send them.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    if kind != token_formats.KEY_CODE:
        check_text("token", token)
    elif not token_formats.is_name(token):
        raise ValueError("a key code is put under its name, by key_codes.put")
    if group_token is not None:
        check_text("group_token", group_token)
    values: dict[str, Any] = {
        "kind": kind,
        "blocked": blocked,
        "expires_at": expires_at,
        "group_token": None if group_token is None else group_token.upper(),
        "partner_id": partner_id,
        "note": note,
        "group_kind": group_kind,
        "valid_from": valid_from,
        "restricted": bool(places),
        "evses": sorted(set(evses)) or None,
        "max_sessions": max_sessions,
        "master_pass": master_pass,
        "language1": language1,
        "language2": language2,
        "personal_message": personal_message,
        "additional_info": list(additional_info) or None,
    }
    check_columns(id_tokens, values)
    _check(places=places, evses=evses, priority=charging_priority, values=values)
    values["charging_priority"] = charging_priority
    before = await record_store.token(tx, token.upper())
    after = await record_store.put_token(tx, token.upper(), list_digest=_digest(values), **values)
    await token_store.set_places(tx, after.token, sorted(set(places)))
    await token_store.note_change(tx, after.token)
    await audit.record(
        tx,
        actor,
        "id_token.put",
        after.token,
        before=None if before is None else _facts(before),
        after=_facts(after) | ({"places": sorted(set(places))} if places else {}),
    )
    return after


def check_text(name: str, text: str) -> None:
    """Refuse what cannot be an id token.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    if not token_formats.is_token(text):
        raise PlatformError(
            "invalid_parameter", f"{name} has 1 to {MAX_CHARS} printable ASCII characters."
        )


def _check(
    *,
    places: Sequence[str],
    evses: Sequence[int],
    priority: int | None,
    values: dict[str, Any],
) -> None:
    if len(places) > MAX_PLACES or any(
        not 0 < len(place) <= 32 or not place.isascii() or not place.isprintable()  # noqa: PLR2004
        for place in places
    ):
        raise invalid("places", f"are at most {MAX_PLACES} ids of chargers and stations")
    if len(evses) > MAX_EVSES or any(not 1 <= evse <= 255 for evse in evses):  # noqa: PLR2004
        raise invalid("evses", f"are at most {MAX_EVSES} numbers from 1 to 255")
    if priority is not None and priority not in PRIORITIES:
        raise invalid("charging_priority", "is a number from -9 to 9")
    if values["max_sessions"] is not None and values["max_sessions"] < 1:
        raise invalid("max_sessions", "is 1 or more, or left out for any number")
    if values["language2"] is not None and values["language1"] is None:
        raise invalid("language2", "is used beside language1 only")
    if values["master_pass"] and values["group_token"] is None:
        raise invalid("group_token", "is what chargers know a master pass by: it has to have one")
    if values["group_kind"] == token_formats.KEY_CODE:
        raise invalid("group_kind", "is no KeyCode: chargers are told the group of a token")
    message = values["personal_message"]
    if message is not None:
        _check_message(message)
    _check_additional(values["additional_info"] or ())


def _check_additional(entries: Sequence[dict[str, str]]) -> None:
    if len(entries) > MAX_ADDITIONAL:
        raise invalid("additional_info", f"has at most {MAX_ADDITIONAL} entries")
    for entry in entries:
        if entry.get("type") == token_formats.KEY_CODE:
            raise invalid("additional_info", "holds no key code: it is shown")
        _check_text("additional_info", entry.get("additionalIdToken"), max_chars=MAX_CHARS)
        _check_text("additional_info", entry.get("type"), max_chars=50)


def _check_message(message: dict[str, Any]) -> None:
    if message.get("format") not in MESSAGE_FORMATS:
        raise invalid("personal_message", f"has a format of {', '.join(MESSAGE_FORMATS)}")
    _check_text("personal_message", message.get("content"), max_chars=512)
    if "language" in message:
        _check_text("personal_message", message["language"], max_chars=8)


def _check_text(name: str, value: object, *, max_chars: int) -> None:
    if not isinstance(value, str) or not value or value != storable(value, max_chars=max_chars):
        raise invalid(name, f"has texts of 1 to {max_chars} characters, none of them NUL")


def _digest(values: dict[str, Any]) -> str:
    """Return what changes with anything that a local list says of a token."""
    of_list = {name: values[name] for name in sorted(values) if name not in _NOT_LISTED}
    text = json.dumps(of_list, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_NOT_LISTED: Final = frozenset({"note", "partner_id", "max_sessions", "restricted", "valid_from"})


async def places_of(tx: Tx, token: str) -> Sequence[str]:
    """Return the ids of the chargers and stations where a token may charge; none: everywhere."""
    return await token_store.places_of(tx, token.upper())


async def get(tx: Tx, token: str) -> IdToken:
    """Return a token.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await _on_list(tx, token)
    if found is None:
        raise not_found("id token")
    return found


async def list_tokens(tx: Tx, page: Page) -> Slice[IdToken]:
    """Return one page of the tokens in the order of their characters.

    Raises:
        PlatformError: ``invalid_cursor``.
    """
    found = await record_store.tokens(
        tx,
        after=None if page.cursor is None else _decode(page.cursor),
        updated_from=page.updated_from,
        updated_to=page.updated_to,
        limit=page.limit + 1,
    )
    if len(found) <= page.limit:
        return Slice(found, None)
    return Slice(found[: page.limit], _encode(found[page.limit - 1].token))


async def delete(tx: Tx, actor: Actor, token: str) -> None:
    """Forget a token; from then on it is unknown.

    Raises:
        PlatformError: ``not_found``.
    """
    kept = token.upper()
    removed = await record_store.delete_token(tx, kept) if token_formats.is_stored(kept) else None
    if removed is None:
        raise not_found("id token")
    await token_store.note_change(tx, removed.token)
    await audit.record(tx, actor, "id_token.deleted", removed.token, before=_facts(removed))


async def check(
    tx: Tx, token: str, *, now: datetime, presented: Presented = _ANYWHERE
) -> TokenCheck:
    """Return whether a token may charge, where and as it was presented."""
    found = await _on_list(tx, token)
    if found is None or not token_formats.may_be(presented.kind, found.kind):
        return TokenCheck(status=TokenStatus.UNKNOWN)
    return TokenCheck(
        status=await _status(tx, found, presented, now=now),
        group_token=found.group_token,
        partner_id=found.partner_id,
        about=found,
    )


async def _on_list(tx: Tx, token: str) -> IdToken | None:
    kept = token.upper()
    return await record_store.token(tx, kept) if token_formats.is_stored(kept) else None


async def _status(tx: Tx, token: IdToken, presented: Presented, *, now: datetime) -> TokenStatus:
    if token.blocked:
        return TokenStatus.BLOCKED
    if token.expires_at is not None and token.expires_at <= now:
        return TokenStatus.EXPIRED
    if token.valid_from is not None and token.valid_from > now:
        return TokenStatus.NOT_NOW
    if not await _is_good_at(tx, token, presented):
        return TokenStatus.NOT_HERE
    if token.master_pass and not presented.master_pass:
        return TokenStatus.INVALID
    return TokenStatus.ACCEPTED


async def _is_good_at(tx: Tx, token: IdToken, presented: Presented) -> bool:
    if token.evses and presented.evse and presented.evse not in token.evses:
        return False
    charger_id = presented.charger_id
    if not token.restricted or charger_id is None:
        return True
    return await token_store.is_at(tx, token.token, charger_id)


def _facts(token: IdToken) -> dict[str, Any]:
    return {
        "kind": token.kind,
        "blocked": token.blocked,
        "expires_at": rfc3339_or_none(token.expires_at),
        "group_token": token.group_token,
        "partner_id": token.partner_id,
        "note": token.note,
        "valid_from": rfc3339_or_none(token.valid_from),
        "evses": token.evses,
        "max_sessions": token.max_sessions,
        "master_pass": token.master_pass,
    }


def _encode(token: str) -> str:
    return base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        token = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error) as exc:
        raise PlatformError(
            "invalid_cursor", "Use next_cursor of the previous page, unchanged."
        ) from exc
    if not token_formats.is_stored(token):
        raise PlatformError("invalid_cursor", "Use next_cursor of the previous page, unchanged.")
    return token
