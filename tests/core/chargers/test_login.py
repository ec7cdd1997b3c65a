"""Logins: the forms of a password, what speaks against a charger, what an operator reads of it."""

from datetime import timedelta

import pytest

from core.audit.service import CLI
from core.chargers import login, passwords, registry
from core.chargers.login import Refused
from core.chargers.models import Charger
from core.chargers.states import RefusalReason, Registration
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import SecretHasher, Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings, UnknownChargers
from tests.core.chargers.making import PASSWORD, make_charger

KEY = "00ff0a1B2c3d4e5f60718293a4b5c6d7e8f90a0b"


async def try_login(
    db: Database,
    vault: Vault,
    settings: Settings,
    password: bytes | None,
    *,
    identity: str = "CP-1",
    encrypted: bool = False,
) -> Charger | RefusalReason:
    async with db.transaction() as tx:
        found = await login.login(
            tx,
            vault,
            settings,
            identity=identity,
            password=password,
            address="192.0.2.7",
            encrypted=encrypted,
        )
    return found.reason if isinstance(found, Refused) else found


@pytest.fixture
def open_settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"unknown_chargers": UnknownChargers.PENDING})


@pytest.mark.parametrize(
    ("password", "sent", "fits"),
    [
        (KEY, KEY.encode(), True),
        (KEY, KEY.upper().encode(), True),
        (KEY, KEY.lower().encode(), True),
        (KEY, bytes.fromhex(KEY), True),
        (KEY, bytes.fromhex(KEY)[:-1], False),
        (KEY, KEY.encode() + b" ", False),
        ("0123456789abcdef" * 2, bytes.fromhex("0123456789abcdef" * 2), True),
        (PASSWORD, PASSWORD.encode(), True),
        (PASSWORD, PASSWORD.upper().encode(), False),
        (PASSWORD, PASSWORD.encode().hex().encode(), False),
        (PASSWORD, b"", False),
        (PASSWORD, b"\xff\x00" * 4000, False),
        (PASSWORD, None, False),
    ],
)
def test_s5_every_form_of_one_password_fits_and_no_other(
    *, password: str, sent: bytes | None, fits: bool
) -> None:
    hasher = SecretHasher(b"pepper")
    stored = passwords.hashed(hasher, password.encode())
    assert passwords.matches(hasher, sent, stored) is fits
    assert not passwords.matches(hasher, sent, None)


async def test_s5_a_made_password_is_20_random_bytes_shown_once(
    db: Database, vault: Vault, settings: Settings
) -> None:
    async with db.transaction() as tx:
        charger, shown = await registry.register(tx, vault, CLI, identity="CP-1")
    assert shown is not None
    assert len(bytes.fromhex(shown)) == 20
    assert shown not in repr(charger)
    assert await try_login(db, vault, settings, shown.encode()) == charger


async def test_a_new_password_ends_the_old_one(
    db: Database, vault: Vault, settings: Settings
) -> None:
    charger = await make_charger(db, vault)
    async with db.transaction() as tx:
        shown = await registry.set_password(tx, vault, CLI, charger.id)
    refused = await try_login(db, vault, settings, PASSWORD.encode())
    assert refused is RefusalReason.WRONG_PASSWORD
    assert isinstance(await try_login(db, vault, settings, shown.encode()), Charger)


@pytest.mark.parametrize(
    ("profile", "sent", "encrypted", "reason"),
    [
        (0, None, False, None),
        (0, b"anything", False, None),
        (1, None, False, RefusalReason.MISSING_PASSWORD),
        (1, b"wrong", False, RefusalReason.WRONG_PASSWORD),
        (1, PASSWORD.encode(), False, None),
        (2, PASSWORD.encode(), True, None),
        (2, PASSWORD.encode(), False, RefusalReason.INSECURE_PROFILE),
        (2, b"wrong", False, RefusalReason.WRONG_PASSWORD),
    ],
)
async def test_what_a_security_profile_asks_for(
    db: Database,
    vault: Vault,
    settings: Settings,
    *,
    profile: int,
    sent: bytes | None,
    encrypted: bool,
    reason: RefusalReason | None,
) -> None:
    password = PASSWORD if profile else None
    charger = await make_charger(db, vault, security_profile=profile, password=password)
    found = await try_login(db, vault, settings, sent, encrypted=encrypted)
    assert found == (reason or charger)


async def test_disabled_rejected_and_removed_chargers_are_refused(
    db: Database, vault: Vault, open_settings: Settings, settings: Settings
) -> None:
    charger = await make_charger(db, vault)
    sent = PASSWORD.encode()
    async with db.transaction() as tx:
        await registry.disable(tx, CLI, charger.id)
    assert await try_login(db, vault, settings, sent) is RefusalReason.DISABLED
    async with db.transaction() as tx:
        await registry.enable(tx, CLI, charger.id)
    assert isinstance(await try_login(db, vault, settings, sent), Charger)
    async with db.transaction() as tx:
        await registry.delete(tx, CLI, charger.id)
    assert await try_login(db, vault, settings, sent) is RefusalReason.UNKNOWN_IDENTITY
    pending = await try_login(db, vault, open_settings, sent)
    assert isinstance(pending, Charger)
    assert pending.id != charger.id
    async with db.transaction() as tx:
        await registry.reject(tx, CLI, pending.id)
    assert await try_login(db, vault, open_settings, sent) is RefusalReason.REJECTED


async def test_a_profile_with_password_needs_a_stored_one(
    db: Database, vault: Vault, settings: Settings
) -> None:
    charger = await make_charger(db, vault, security_profile=0, password=None)
    async with db.transaction() as tx:
        await registry.update(tx, CLI, charger.id, {"security_profile": 1})
    assert await try_login(db, vault, settings, b"any") is RefusalReason.NO_CREDENTIAL
    async with db.transaction() as tx:
        await registry.set_password(tx, vault, CLI, charger.id, password=PASSWORD)
    assert isinstance(await try_login(db, vault, settings, PASSWORD.encode()), Charger)


async def test_an_identity_is_known_in_any_case(
    db: Database, vault: Vault, settings: Settings
) -> None:
    charger = await make_charger(db, vault, identity="Cp-1")
    found = await try_login(db, vault, settings, PASSWORD.encode(), identity="cP-1")
    assert found == charger
    with pytest.raises(PlatformError, match="conflict"):
        await make_charger(db, vault, identity="CP-1")


async def test_oc7_a_stranger_waits_for_approval_and_keeps_its_password(
    db: Database, vault: Vault, open_settings: Settings
) -> None:
    first = await try_login(db, vault, open_settings, PASSWORD.encode(), identity="NEW")
    assert isinstance(first, Charger)
    assert first.registration is Registration.PENDING
    assert await try_login(db, vault, open_settings, PASSWORD.encode(), identity="NEW") == first
    other = await try_login(db, vault, open_settings, b"another", identity="NEW")
    assert other is RefusalReason.WRONG_PASSWORD
    async with db.transaction() as tx:
        approved = await registry.approve(tx, CLI, first.id)
    assert approved.registration is Registration.ACCEPTED
    bare = await try_login(db, vault, open_settings, None, identity="BARE")
    assert isinstance(bare, Charger)
    assert bare.security_profile == 0


async def test_strangers_cannot_fill_the_database(
    db: Database, vault: Vault, open_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "MAX_PENDING", 1)
    assert isinstance(await try_login(db, vault, open_settings, b"x", identity="A"), Charger)
    refused = await try_login(db, vault, open_settings, b"x", identity="B")
    assert refused is RefusalReason.TOO_MANY_PENDING


async def test_an_impossible_identity_is_refused_and_recorded(
    db: Database, vault: Vault, open_settings: Settings
) -> None:
    identities = ("", "x" * 49, "a:b", "a/b", "a\x00", "ä", " a", "\ud800")
    for identity in identities:
        refused = await try_login(db, vault, open_settings, b"x", identity=identity)
        assert refused is RefusalReason.INVALID_IDENTITY
    async with db.transaction() as tx:
        assert len(await login.refusals(tx)) == len(identities)


async def test_refusals_are_counted_and_say_what_would_help(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    await make_charger(db, vault)
    for sent in (b"wrong", b"wrong", None):
        clock.advance(1)
        await try_login(db, vault, settings, sent)
    clock.advance(1)
    await try_login(db, vault, settings, None, identity="CP-2")
    async with db.transaction() as tx:
        newest, *_ = await login.refusals(tx)
        of_one = await login.refusals(tx, identity="cp-1")
    assert (newest.identity, newest.reason) == ("CP-2", "unknown_identity")
    counts = [(row.reason, row.count) for row in of_one]
    assert counts == [("missing_password", 1), ("wrong_password", 2)]
    assert of_one[1].last_at > of_one[1].first_at
    assert all(row.address == "192.0.2.7" for row in of_one)
    assert "set-password" in of_one[1].detail


async def test_every_reason_says_what_would_help(db: Database) -> None:
    async with db.transaction() as tx:
        for reason in RefusalReason:
            await login.refuse(tx, identity="CP-1", address="192.0.2.7", reason=reason)
        found = await login.refusals(tx)
    assert {row.reason for row in found} == set(RefusalReason)


async def test_s9_old_and_surplus_refusals_are_deleted(db: Database, clock: ShiftedClock) -> None:
    for number in range(6):
        clock.advance(60)
        async with db.transaction() as tx:
            await login.record_refusal(
                tx, identity=f"CP-{number}", address="192.0.2.7", reason="x", detail="y"
            )
    old = db.now() - timedelta(seconds=270)
    async with db.transaction() as tx:
        assert await login.delete_refusals(tx, older_than=old) == 1
        assert await login.delete_refusals(tx, older_than=old, keep=2) == 3
        assert [row.identity for row in await login.refusals(tx)] == ["CP-5", "CP-4"]


def test_a_chosen_password_has_16_to_40_printable_characters() -> None:
    for password in ("x" * 15, "x" * 41, "ä" * 20, "x" * 20 + "\n"):
        with pytest.raises(PlatformError, match="invalid_parameter"):
            passwords.checked(password)
    assert passwords.checked("x" * 16) == "x" * 16
