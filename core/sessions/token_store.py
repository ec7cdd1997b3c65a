"""SQL of what sessions say about an id token."""

from sqlalchemy import func, select

from core.kernel.db import Tx
from core.sessions.models import sessions


async def open_sessions(tx: Tx, token: str, *, besides: str | None) -> int:
    """Return how many sessions of *token* are going on, without the session *besides*."""
    statement = (
        select(func.count())
        .select_from(sessions)
        .where(sessions.c.token == token, sessions.c.ended_at.is_(None))
    )
    if besides is not None:
        statement = statement.where(sessions.c.id != besides)
    return int(await tx.scalar(statement) or 0)
