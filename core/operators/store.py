"""SQL of operator tokens."""

from typing import Any

from sqlalchemy import insert, select, update

from core.kernel.db import Tx
from core.operators.models import OperatorToken, operator_tokens


async def add(tx: Tx, **values: Any) -> OperatorToken:
    statement = insert(operator_tokens).values(**values).returning(operator_tokens)
    return await tx.one(statement, OperatorToken)


async def by_id(tx: Tx, token_id: str) -> OperatorToken | None:
    statement = select(operator_tokens).where(operator_tokens.c.id == token_id)
    return await tx.one_or_none(statement, OperatorToken)


async def newest(tx: Tx, *, limit: int) -> list[OperatorToken]:
    statement = select(operator_tokens).order_by(operator_tokens.c.id.desc()).limit(limit)
    return list(await tx.all(statement, OperatorToken))


async def revoke(tx: Tx, token_id: str) -> OperatorToken | None:
    statement = (
        update(operator_tokens)
        .where(operator_tokens.c.id == token_id, operator_tokens.c.revoked_at.is_(None))
        .values(revoked_at=tx.now)
        .returning(operator_tokens)
    )
    return await tx.one_or_none(statement, OperatorToken)
