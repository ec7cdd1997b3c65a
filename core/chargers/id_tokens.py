"""Use cases of id tokens: RFID cards and app tokens that may, or may not, charge."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers import record_store
from core.chargers.checks import check_columns
from core.chargers.record_models import IdToken, id_tokens
from core.chargers.states import TokenStatus
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.page import Page, Slice
from core.kernel.times import rfc3339_or_none

MAX_CHARS: Final = 36
"""OCPP 2.0.1 part 2, IdTokenType; 1.6 allows 20."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCheck:
    """Whether a token may charge, the group it belongs to and the partner who issued it."""

    status: TokenStatus
    group_token: str | None = None
    partner_id: str | None = None


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
) -> IdToken:
    """Create or replace a token; its case makes no difference.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    for name, text in (("token", token), ("group_token", group_token or token)):
        if not _is_token(text):
            raise PlatformError(
                "invalid_parameter", f"{name} has 1 to {MAX_CHARS} printable ASCII characters."
            )
    check_columns(id_tokens, {"kind": kind, "note": note})
    before = await record_store.token(tx, token.upper())
    after = await record_store.put_token(
        tx,
        token.upper(),
        kind=kind,
        blocked=blocked,
        expires_at=expires_at,
        group_token=None if group_token is None else group_token.upper(),
        partner_id=partner_id,
        note=note,
    )
    await audit.record(
        tx,
        actor,
        "id_token.put",
        after.token,
        before=None if before is None else _facts(before),
        after=_facts(after),
    )
    return after


async def get(tx: Tx, token: str) -> IdToken:
    """Return a token.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await record_store.token(tx, token.upper()) if _is_token(token) else None
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
    removed = await record_store.delete_token(tx, token.upper()) if _is_token(token) else None
    if removed is None:
        raise not_found("id token")
    await audit.record(tx, actor, "id_token.deleted", removed.token, before=_facts(removed))


async def check(tx: Tx, token: str, *, now: datetime) -> TokenCheck:
    """Return whether a token may charge; an unknown one is ``invalid``."""
    found = await record_store.token(tx, token.upper()) if _is_token(token) else None
    if found is None:
        return TokenCheck(status=TokenStatus.INVALID)
    status = TokenStatus.ACCEPTED
    if found.blocked:
        status = TokenStatus.BLOCKED
    elif found.expires_at is not None and found.expires_at <= now:
        status = TokenStatus.EXPIRED
    return TokenCheck(status=status, group_token=found.group_token, partner_id=found.partner_id)


def _is_token(text: str) -> bool:
    return 1 <= len(text) <= MAX_CHARS and text.isascii() and text.isprintable()


def _facts(token: IdToken) -> dict[str, Any]:
    return {
        "kind": token.kind,
        "blocked": token.blocked,
        "expires_at": rfc3339_or_none(token.expires_at),
        "group_token": token.group_token,
        "partner_id": token.partner_id,
        "note": token.note,
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
    if not _is_token(token):
        raise PlatformError("invalid_cursor", "Use next_cursor of the previous page, unchanged.")
    return token
