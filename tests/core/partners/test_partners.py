"""Partners: keys that are shown once, who is calling, what is granted."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core.audit import service as audit
from core.audit.service import CLI, Actor
from core.chargers.models import stations
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx
from core.kernel.errors import PlatformError
from core.kernel.page import Page
from core.kernel.rows import insert_row
from core.partners import service
from core.partners.models import ApiKey, api_keys
from core.partners.scopes import Scope
from core.partners.service import Caller
from core.partners.states import PartnerStatus

ME = Actor(name="operator:otk_1")


async def make_partner(db: Database) -> str:
    async with db.transaction() as tx:
        return (await service.create_partner(tx, CLI, name="Tester")).id


async def make_key(
    db: Database, vault: Vault, partner_id: str, **values: Any
) -> tuple[ApiKey, str]:
    facts: dict[str, Any] = {
        "livemode": True,
        "name": "server",
        "scopes": ["status:read"],
        **values,
    }
    async with db.transaction() as tx:
        return await service.create_key(tx, vault, ME, partner_id=partner_id, **facts)


async def login(
    db: Database, vault: Vault, text: str | None, address: str | None = "192.0.2.1"
) -> Caller:
    async with db.transaction() as tx:
        return await service.authenticate(
            tx, vault, None if text is None else f"Bearer {text}", address=address
        )


def caller(status: PartnerStatus, *scopes: str) -> Caller:
    return Caller(
        partner_id="prt_1",
        partner_status=status,
        key_id="key_1",
        livemode=True,
        scopes=frozenset(scopes),
    )


@pytest.mark.parametrize("livemode", [True, False])
async def test_a_key_says_who_is_calling(db: Database, vault: Vault, livemode: bool) -> None:
    partner = await make_partner(db)
    key, text = await make_key(
        db, vault, partner, livemode=livemode, scopes=["control:start", "status:read"]
    )
    body = key.id.removeprefix("key_")
    assert text.startswith(f"vg_{'live' if livemode else 'test'}_{body}_")
    assert len(text) == len(f"vg_live_{body}_") + 43
    assert await login(db, vault, text) == Caller(
        partner_id=partner,
        partner_status=PartnerStatus.ACTIVE,
        key_id=key.id,
        livemode=livemode,
        scopes=frozenset({"control:start", "status:read"}),
    )


async def test_s14_every_bad_key_gets_the_same_answer_after_one_comparison(
    db: Database, vault: Vault, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = await make_partner(db)
    key, good = await make_key(db, vault, partner)
    _, expiring = await make_key(db, vault, partner, expires_at=db.now() + timedelta(hours=1))
    revoked, gone = await make_key(db, vault, partner)
    async with db.transaction() as tx:
        await service.revoke_key(tx, ME, partner_id=partner, key_id=revoked.id)
    clock.advance(3600)
    comparisons = []
    matches = vault.hasher.matches

    def count(secret: bytes, stored: str | None) -> bool:
        comparisons.append(stored)
        return matches(secret, stored)

    monkeypatch.setattr(vault.hasher, "matches", count)
    bad = [
        None,
        "",
        "nonsense",
        "vg_live_short_x",
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good.replace("vg_live", "vg_test"),
        good + "x",
        good.replace(key.id.removeprefix("key_"), "0" * 26),
        good.replace("_", "-"),
        f"{good}\n",
        expiring,
        gone,
    ]
    answers = set()
    for text in bad:
        with pytest.raises(PlatformError) as caught:
            await login(db, vault, text)
        answers.add((caught.value.code, caught.value.detail, str(caught.value.facts)))
    assert len(comparisons) == len(bad)
    assert [answer[0] for answer in answers] == ["invalid_credentials"]
    assert (await login(db, vault, good)).key_id == key.id


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("192.0.2.77", True),
        ("::ffff:192.0.2.77", True),
        ("2001:db8::1", True),
        ("192.0.3.1", False),
        ("2001:db8::2", False),
        ("nonsense", False),
        (None, False),
    ],
)
async def test_s18_a_key_with_an_allowlist_works_from_there_only(
    db: Database, vault: Vault, address: str | None, allowed: bool
) -> None:
    partner = await make_partner(db)
    key, text = await make_key(db, vault, partner, ip_allowlist=["192.0.2.7/24", "2001:db8::1"])
    assert key.ip_allowlist == ["192.0.2.0/24", "2001:db8::1/128"]
    if allowed:
        assert (await login(db, vault, text, address)).key_id == key.id
        return
    with pytest.raises(PlatformError, match="ip_not_allowed"):
        await login(db, vault, text, address)
    with pytest.raises(PlatformError, match="invalid_credentials"):
        await login(db, vault, text[:-1] + ("A" if text[-1] != "A" else "B"), address)


async def test_the_last_use_is_written_at_most_once_a_minute(
    db: Database, vault: Vault, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    key, text = await make_key(db, vault, partner)
    noted = []
    for _ in range(4):
        await login(db, vault, text)
        async with db.transaction() as tx:
            used = await tx.one(select(api_keys.c.last_used_at, api_keys.c.updated_at))
        assert used.updated_at == key.updated_at
        noted.append(used.last_used_at)
        clock.advance(31)
    assert noted[0] == noted[1] < noted[2] == noted[3]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"scopes": []}, "invalid_parameter"),
        ({"scopes": ["everything"]}, "invalid_parameter"),
        ({"ip_allowlist": ["300.0.0.1"]}, "invalid_parameter"),
        ({"ip_allowlist": ["10.0.0.1"] * 101}, "invalid_parameter"),
        ({"expires_at": "past"}, "expiry_out_of_range"),
    ],
)
async def test_a_key_that_cannot_be_is_refused(
    db: Database, vault: Vault, values: dict[str, Any], code: str
) -> None:
    partner = await make_partner(db)
    key, _ = await make_key(db, vault, partner)
    if "expires_at" in values:
        values = {"expires_at": db.now()}
    with pytest.raises(PlatformError, match=code):
        await make_key(db, vault, partner, **values)
    async with db.transaction() as tx:
        with pytest.raises(PlatformError, match=code):
            await service.update_key(tx, ME, partner_id=partner, key_id=key.id, changes=values)
        with pytest.raises(PlatformError, match="unknown_field"):
            await service.update_key(
                tx, ME, partner_id=partner, key_id=key.id, changes={"partner_id": "prt_x"}
            )


async def test_i32_another_partners_key_is_no_key(db: Database, vault: Vault) -> None:
    partner, other = await make_partner(db), await make_partner(db)
    key, _ = await make_key(db, vault, partner)
    for partner_id, livemode in ((other, None), (other, True), (partner, False)):
        its: dict[str, Any] = {"partner_id": partner_id, "key_id": key.id, "livemode": livemode}
        async with db.transaction() as tx:
            for call in (
                service.get_key(tx, **its),
                service.revoke_key(tx, ME, **its),
                service.rotate_key(tx, vault, ME, **its, overlap_hours=1),
                service.update_key(tx, ME, **its, changes={"name": "x"}),
            ):
                with pytest.raises(PlatformError, match="not_found"):
                    await call
            listed = await service.list_keys(
                tx, partner_id=partner_id, livemode=livemode, page=Page()
            )
            assert not listed.rows
    with pytest.raises(PlatformError, match="not_found"):
        await make_key(db, vault, "prt_nobody")


async def test_a_rotated_key_works_until_the_overlap_ends(
    db: Database, vault: Vault, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    key, old = await make_key(db, vault, partner, scopes=["orders:read"], ip_allowlist=["::/0"])
    async with db.transaction() as tx:
        rotated = await service.rotate_key(
            tx, vault, ME, partner_id=partner, key_id=key.id, overlap_hours=2
        )
        with pytest.raises(PlatformError, match="0 to 168"):
            await service.rotate_key(
                tx, vault, ME, partner_id=partner, key_id=key.id, overlap_hours=169
            )
    assert rotated.key.scopes == ["orders:read"]
    assert (await login(db, vault, old, "::1")).key_id == key.id
    clock.advance(2 * 3600)
    with pytest.raises(PlatformError, match="invalid_credentials"):
        await login(db, vault, old, "::1")
    assert (await login(db, vault, rotated.text, "::1")).key_id == rotated.key.id
    async with db.transaction() as tx:
        last = await service.rotate_key(
            tx, vault, ME, partner_id=partner, key_id=rotated.key.id, overlap_hours=0
        )
    with pytest.raises(PlatformError, match="invalid_credentials"):
        await login(db, vault, rotated.text, "::1")
    async with db.transaction() as tx:
        for call in (
            service.revoke_key(tx, ME, partner_id=partner, key_id=last.old.id),
            service.update_key(
                tx, ME, partner_id=partner, key_id=last.old.id, changes={"name": "x"}
            ),
        ):
            with pytest.raises(PlatformError, match="conflict"):
                await call


async def test_a_key_can_be_changed_and_every_step_is_in_the_audit_trail(
    db: Database, vault: Vault
) -> None:
    partner = await make_partner(db)
    key, text = await make_key(db, vault, partner)
    async with db.transaction() as tx:
        its: dict[str, Any] = {"partner_id": partner, "key_id": key.id}
        changed = await service.update_key(
            tx, ME, **its, changes={"name": "new", "scopes": ["orders:read"]}
        )
        await service.revoke_key(tx, ME, **its)
        trail = await audit.entries(tx, object_id=key.id, before_number=None, limit=9)
    assert (changed.name, changed.scopes) == ("new", ["orders:read"])
    assert [entry.action for entry in trail] == ["key.revoked", "key.updated", "key.created"]
    assert {entry.actor for entry in trail} == {ME.name}
    secret = text[-43:]
    assert secret not in f"{trail}{service.key_view(changed)}{changed}"
    assert changed.secret_hash not in f"{trail}{service.key_view(changed)}"


async def test_a_partner_is_suspended_and_reinstated_once_each(db: Database, vault: Vault) -> None:
    partner = await make_partner(db)
    _, text = await make_key(db, vault, partner)
    for move, status in (
        (service.suspend, PartnerStatus.SUSPENDED),
        (service.reinstate, PartnerStatus.ACTIVE),
    ):
        async with db.transaction() as tx:
            assert (await move(tx, ME, partner_id=partner)).status is status
            with pytest.raises(PlatformError, match="conflict"):
                await move(tx, ME, partner_id=partner)
            with pytest.raises(PlatformError, match="not_found"):
                await move(tx, ME, partner_id="prt_nobody")
        assert (await login(db, vault, text)).partner_status is status
    async with db.transaction() as tx:
        listed = await service.list_partners(tx, Page())
    assert [row.id for row in listed.rows] == [partner]


@given(
    scope=st.sampled_from(Scope),
    held=st.frozensets(st.sampled_from(Scope)),
    status=st.sampled_from(PartnerStatus),
    reading=st.booleans(),
)
def test_s12_a_scope_is_needed_and_a_suspended_partner_reads_and_stops_only(
    scope: Scope, held: frozenset[Scope], status: PartnerStatus, reading: bool
) -> None:
    calling = caller(status, *held)
    may_when_suspended = reading or scope.endswith(":read") or scope is Scope.CONTROL_STOP
    if scope not in held:
        with pytest.raises(PlatformError, match="insufficient_scope"):
            service.require(calling, scope, reading=reading)
    elif status is PartnerStatus.SUSPENDED and not may_when_suspended:
        with pytest.raises(PlatformError, match="partner_suspended"):
            service.require(calling, scope, reading=reading)
    else:
        service.require(calling, scope, reading=reading)


async def _station(tx: Tx, station_id: str) -> None:
    await insert_row(
        tx,
        stations,
        id=station_id,
        name="Somewhere",
        livemode=True,
        time_zone="UTC",
        created_at=tx.now,
        updated_at=tx.now,
    )


async def test_grants_say_who_sees_a_station(db: Database) -> None:
    partner, other = sorted([await make_partner(db), await make_partner(db)])
    async with db.transaction() as tx:
        for station_id in ("st_1", "st_2"):
            await _station(tx, station_id)
        await service.grant(tx, ME, partner, "st_1", control=True)
        await service.grant(tx, ME, partner, "st_2", control=False)
        await service.grant(tx, ME, other, "st_1", control=False)
        await service.grant(tx, ME, other, "st_1", control=True)
        with pytest.raises(PlatformError, match="not_found"):
            await service.grant(tx, ME, "prt_nobody", "st_1", control=True)
    async with db.transaction() as tx:
        assert list(await service.partners_of_station(tx, "st_1")) == [partner, other]
        given = await service.grants_of(tx, partner)
        assert [(row.station_id, row.control) for row in given] == [
            ("st_1", True),
            ("st_2", False),
        ]
        replaced = await service.access(tx, other, "st_1")
        assert replaced is not None
        assert replaced.control is True
        assert await service.access(tx, other, "st_2") is None
        await service.revoke_grant(tx, ME, other, "st_1")
        assert await service.access(tx, other, "st_1") is None
        with pytest.raises(PlatformError, match="not_found"):
            await service.revoke_grant(tx, ME, other, "st_1")
        trail = await audit.entries(tx, object_id=other, before_number=None, limit=9)
    assert [entry.action for entry in trail] == [
        "grant.revoked",
        "grant.given",
        "grant.given",
        "partner.created",
    ]
