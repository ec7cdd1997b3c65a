"""What chargers tell besides status: variables, and the id tokens they ask about."""

from datetime import timedelta

import pytest

from core.audit import service as audit
from core.audit.service import CLI
from core.chargers import id_tokens, inventory
from core.chargers.facts import VariableReported
from core.chargers.states import TokenStatus
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.page import Page
from tests.core.chargers.making import make_charger


def variable(name: str, value: str | None, component: str = "") -> VariableReported:
    return VariableReported(
        component=component, variable=name, attribute="Actual", value=value, readonly=False
    )


async def test_a_variable_has_the_value_that_was_reported_last(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault)
    other = await make_charger(db, vault, identity="CP-2")
    for value in ("300", "60"):
        async with db.transaction() as tx:
            doubled = [variable("HeartbeatInterval", "1"), variable("HeartbeatInterval", value)]
            await inventory.store_variables(tx, charger.id, [*doubled, variable("A", None, "B")])
            await inventory.store_variables(tx, charger.id, [])
    async with db.transaction() as tx:
        found = await inventory.variables(tx, charger.id)
        assert await inventory.variables(tx, other.id) == []
    assert [(row.component, row.variable, row.value) for row in found] == [
        ("", "HeartbeatInterval", "60"),
        ("B", "A", None),
    ]


async def test_s9_variables_are_cleaned_cut_and_bounded(
    db: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "MAX_VARIABLES", 2)
    charger = await make_charger(db, vault)
    async with db.transaction() as tx:
        hostile = [variable("N" * 300, "\x00" + "v" * 9000), variable("B", "1"), variable("C", "1")]
        await inventory.store_variables(tx, charger.id, hostile)
        await inventory.store_variables(tx, charger.id, [variable("D", "1"), variable("B", "2")])
        found = {row.variable: row.value for row in await inventory.variables(tx, charger.id)}
    assert found == {"N" * 200: "\ufffd" + "v" * 2499, "B": "2"}


@pytest.mark.parametrize(
    ("blocked", "expires_in_s", "expected"),
    [
        (False, None, TokenStatus.ACCEPTED),
        (False, 60, TokenStatus.ACCEPTED),
        (False, 0, TokenStatus.EXPIRED),
        (True, None, TokenStatus.BLOCKED),
        (True, -60, TokenStatus.BLOCKED),
    ],
)
async def test_whether_a_token_may_charge(
    db: Database, *, blocked: bool, expires_in_s: int | None, expected: TokenStatus
) -> None:
    async with db.transaction() as tx:
        expires_at = None if expires_in_s is None else tx.now + timedelta(seconds=expires_in_s)
        await id_tokens.put(
            tx, CLI, "04aB", blocked=blocked, expires_at=expires_at, group_token="Fleet"
        )
        for text in ("04AB", "04ab"):
            found = await id_tokens.check(tx, text, now=tx.now)
            assert (found.status, found.group_token) == (expected, "FLEET")


async def test_an_unknown_token_is_unknown(db: Database) -> None:
    async with db.transaction() as tx:
        for text in ("unknown", "", "x" * 500, "a\x00", "\ud800"):
            found = await id_tokens.check(tx, text, now=tx.now)
            assert found.status is TokenStatus.UNKNOWN
            with pytest.raises(PlatformError, match="not_found"):
                await id_tokens.get(tx, text)


async def test_a_token_is_put_changed_and_deleted_and_all_of_it_is_audited(db: Database) -> None:
    async with db.transaction() as tx:
        await id_tokens.put(tx, CLI, "abc", note="first")
        await id_tokens.put(tx, CLI, "ABC", note="second")
        token = await id_tokens.get(tx, "aBc")
        assert (token.token, token.note) == ("ABC", "second")
        await id_tokens.delete(tx, CLI, "abc")
        with pytest.raises(PlatformError, match="not_found"):
            await id_tokens.delete(tx, CLI, "abc")
        trail = await audit.entries(tx, object_id="ABC", before_number=None, limit=9)
    assert [entry.action for entry in trail] == ["id_token.deleted", *["id_token.put"] * 2]


async def test_an_impossible_token_is_refused(db: Database) -> None:
    async with db.transaction() as tx:
        for token, note in (("", "x"), ("x" * 37, "x"), ("ä", "x"), ("ok", "x" * 201)):
            with pytest.raises(PlatformError, match="invalid_parameter"):
                await id_tokens.put(tx, CLI, token, note=note)


async def test_tokens_are_listed_page_by_page(db: Database, clock: ShiftedClock) -> None:
    names = [f"TOKEN-{number}" for number in range(5)]
    async with db.transaction() as tx:
        for name in names:
            await id_tokens.put(tx, CLI, name)
        seen: list[str] = []
        cursor = None
        for _ in range(3):
            part = await id_tokens.list_tokens(tx, Page(limit=2, cursor=cursor))
            seen += [token.token for token in part.rows]
            cursor = part.next_cursor
        assert cursor is None
        later = tx.now + timedelta(seconds=1)
        assert (await id_tokens.list_tokens(tx, Page(updated_from=later))).rows == []
        assert len((await id_tokens.list_tokens(tx, Page(updated_to=later))).rows) == 5
        for bad in ("!", "gA", "a"):
            with pytest.raises(PlatformError, match="invalid_cursor"):
                await id_tokens.list_tokens(tx, Page(cursor=bad))
    assert seen == names
