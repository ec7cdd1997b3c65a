"""Use cases of operators: their tokens, who is calling, what a role may do."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.audit import service as audit
from core.audit.service import Actor
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_body
from core.kernel.times import rfc3339_or_none
from core.operators import store
from core.operators.models import OperatorToken, Role

SECRET_BYTES: Final = 32
LISTED: Final = 200

_CREDENTIALS: Final = re.compile(
    r"bearer +vg_op_(?P<body>[0-9a-hjkmnp-tv-z]{26})_(?P<secret>[\w-]{43})",
    re.ASCII | re.IGNORECASE,
)
_NOBODY: Final = "otk_" + "0" * 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who is calling the operator API; *id* is the token's."""

    id: str
    name: str
    role: Role


async def create_token(
    tx: Tx,
    vault: Vault,
    actor: Actor,
    *,
    name: str,
    role: Role,
    expires_at: datetime | None = None,
) -> tuple[OperatorToken, str]:
    """Create a token; return it and its text ``vg_op_...``, which nobody can read again.

    Raises:
        PlatformError: ``expiry_out_of_range``.
    """
    if expires_at is not None and expires_at <= tx.now:
        raise PlatformError("expiry_out_of_range", "expires_at is in the past.")
    body, secret = new_body(), secrets.token_urlsafe(SECRET_BYTES)
    token = await store.add(
        tx,
        id=f"otk_{body}",
        name=name,
        role=role,
        secret_hash=vault.hasher.hash(secret.encode()),
        created_at=tx.now,
        expires_at=expires_at,
    )
    await audit.record(tx, actor, "operator_token.created", token.id, after=token_view(token))
    return token, f"vg_op_{body}_{secret}"


async def authenticate(tx: Tx, vault: Vault, header_value: str | None) -> Operator:
    """Return who is behind an ``Authorization`` header, ``Bearer vg_op_...``.

    A malformed, unknown, wrong, expired or revoked token takes the same way: one look-up, one
    comparison, the same answer.

    Raises:
        PlatformError: ``invalid_credentials``.
    """
    parts = _CREDENTIALS.fullmatch(header_value or "")
    token_id, secret = (f"otk_{parts['body']}", parts["secret"]) if parts else (_NOBODY, "")
    token = await store.by_id(tx, token_id)
    matches = vault.hasher.matches(secret.encode(), None if token is None else token.secret_hash)
    is_over = token is None or (token.expires_at is not None and token.expires_at <= tx.now)
    if token is None or not matches or is_over or token.revoked_at is not None:
        raise PlatformError(
            "invalid_credentials", "The operator token is missing, wrong, expired or revoked."
        )
    return Operator(id=token.id, name=token.name, role=token.role)


def require_role(operator: Operator, *roles: Role) -> None:
    """Refuse an operator with none of *roles*; an admin may do everything.

    Raises:
        PlatformError: ``insufficient_scope``.
    """
    if operator.role is Role.ADMIN or operator.role in roles:
        return
    allowed = ", ".join((*roles, Role.ADMIN))
    raise PlatformError("insufficient_scope", f"This call needs one of the roles: {allowed}.")


async def revoke_token(tx: Tx, actor: Actor, *, token_id: str) -> OperatorToken:
    """End a token at once and for ever.

    Raises:
        PlatformError: ``not_found``; ``conflict`` if it is revoked already.
    """
    before = await store.by_id(tx, token_id)
    if before is None:
        raise not_found("operator token")
    token = await store.revoke(tx, token_id)
    if token is None:
        raise PlatformError("conflict", "The operator token is revoked already.")
    await audit.record(tx, actor, "operator_token.revoked", token_id, before=token_view(before))
    return token


async def list_tokens(tx: Tx) -> Sequence[OperatorToken]:
    """Return the newest 200 tokens, revoked ones included."""
    return await store.newest(tx, limit=LISTED)


def token_view(token: OperatorToken) -> dict[str, Any]:
    """Return a token as JSON; never its secret."""
    return {
        "id": token.id,
        "object": "operator_token",
        "name": token.name,
        "role": token.role,
        "created_at": rfc3339_or_none(token.created_at),
        "expires_at": rfc3339_or_none(token.expires_at),
        "revoked_at": rfc3339_or_none(token.revoked_at),
    }
