"""Operators: their tokens and roles."""

from datetime import timedelta

import pytest

from core.audit import service as audit
from core.audit.service import CLI
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.operators import service
from core.operators.models import Role
from core.operators.service import Operator


async def login(db: Database, vault: Vault, header: str | None) -> Operator:
    async with db.transaction() as tx:
        return await service.authenticate(tx, vault, header)


async def test_a_token_says_who_the_operator_is(db: Database, vault: Vault) -> None:
    async with db.transaction() as tx:
        token, text = await service.create_token(tx, vault, CLI, name="Ada", role=Role.SUPPORT)
        trail = await audit.entries(tx, object_id=token.id, before_number=None, limit=9)
        assert [row.id for row in await service.list_tokens(tx)] == [token.id]
    assert text.startswith(f"vg_op_{token.id.removeprefix('otk_')}_")
    assert await login(db, vault, f"Bearer {text}") == Operator(
        id=token.id, name="Ada", role=Role.SUPPORT
    )
    secret = text[-43:]
    assert secret not in f"{trail}{service.token_view(token)}{token}"


async def test_every_bad_token_gets_the_same_answer(
    db: Database, vault: Vault, clock: ShiftedClock
) -> None:
    async with db.transaction() as tx:
        token, good = await service.create_token(tx, vault, CLI, name="Ada", role=Role.ADMIN)
        _, expiring = await service.create_token(
            tx, vault, CLI, name="Bea", role=Role.VIEWER, expires_at=tx.now + timedelta(hours=1)
        )
        revoked, gone = await service.create_token(tx, vault, CLI, name="Cy", role=Role.VIEWER)
        await service.revoke_token(tx, CLI, token_id=revoked.id)
    clock.advance(3600)
    wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
    unknown = good.replace(token.id.removeprefix("otk_"), "0" * 26)
    answers = set()
    for header in (
        None,
        "",
        good,
        f"Basic {good}",
        f"Bearer {wrong}",
        f"Bearer {unknown}",
        f"Bearer {expiring}",
        f"Bearer {gone}",
    ):
        with pytest.raises(PlatformError) as caught:
            await login(db, vault, header)
        answers.add((caught.value.code, caught.value.detail))
    assert [code for code, _ in answers] == ["invalid_credentials"]
    assert (await login(db, vault, f"bearer {good}")).id == token.id


async def test_a_token_is_revoked_once(db: Database, vault: Vault) -> None:
    async with db.transaction() as tx:
        token, _ = await service.create_token(tx, vault, CLI, name="Ada", role=Role.ADMIN)
        await service.revoke_token(tx, CLI, token_id=token.id)
        with pytest.raises(PlatformError, match="conflict"):
            await service.revoke_token(tx, CLI, token_id=token.id)
        with pytest.raises(PlatformError, match="not_found"):
            await service.revoke_token(tx, CLI, token_id="otk_nobody")
        with pytest.raises(PlatformError, match="expiry_out_of_range"):
            await service.create_token(
                tx, vault, CLI, name="Ada", role=Role.ADMIN, expires_at=tx.now
            )


@pytest.mark.parametrize("role", Role)
def test_an_admin_may_do_everything_others_what_their_role_says(role: Role) -> None:
    operator = Operator(id="otk_1", name="Ada", role=role)
    service.require_role(operator, role)
    if role is Role.ADMIN:
        service.require_role(operator, Role.FINANCE)
        return
    with pytest.raises(PlatformError, match="insufficient_scope"):
        service.require_role(operator)
