"""Whether a token may charge, and on whose behalf."""

from dataclasses import dataclass

from core.chargers import id_tokens
from core.chargers.states import TokenStatus
from core.kernel.db import Tx
from core.operations import service as operations
from core.operations.states import MACHINE, OperationStatus
from core.sessions import store
from core.sessions.models import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The verdict on a token; *group_token* may stop what the token started."""

    status: TokenStatus
    group_token: str | None = None
    partner_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the charger is told: its session and whether the token may charge.

    *session* is ``None`` where the message could not be believed and was only kept.
    """

    session: Session | None
    status: TokenStatus
    group_token: str | None = None


async def authorize(tx: Tx, charger_id: str, token: str) -> Judged:
    """Judge a token presented at a charger (Authorize), before any transaction.

    A token made for one remote start is good while that start is under way and while the session
    that it became is open, and for nothing else.
    """
    start = await operations.start_of_token(
        tx, charger_id=charger_id, token=token, remote_start_id=None
    )
    if start is None:
        return await judge(tx, token)
    group = await group_of(tx, start.body.get("id_token"))
    if start.status in MACHINE.unfinished:
        return Judged(status=TokenStatus.ACCEPTED, group_token=group)
    session = None if start.session_id is None else await store.by_id(tx, start.session_id)
    good = start.status is OperationStatus.SUCCEEDED and session is not None and session.is_open
    return Judged(status=TokenStatus.ACCEPTED if good else TokenStatus.EXPIRED, group_token=group)


async def judge(tx: Tx, token: str) -> Judged:
    """Judge a token of the platform's own list."""
    check = await id_tokens.check(tx, token, now=tx.now)
    return Judged(
        status=check.status,
        group_token=check.group_token,
        partner_id=check.partner_id,
    )


async def group_of(tx: Tx, token: str | None) -> str | None:
    """Return the group of a token on the platform's list, if it has one."""
    if token is None:
        return None
    return (await id_tokens.check(tx, token, now=tx.now)).group_token
