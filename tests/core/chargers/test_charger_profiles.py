"""Which profile a charger has, and what operators may write into one."""

from typing import Any

import pytest

from core.audit import service as audit
from core.audit.service import CLI
from core.chargers import charger_profiles, presence
from core.chargers.charger_profiles import STANDARD, Profile, choose, rules_of
from core.chargers.facts import Booted
from core.chargers.models import Charger
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from tests.core.chargers.making import make_charger


async def booted(db: Database, vault: Vault, identity: str = "CP-1") -> Charger:
    charger = await make_charger(db, vault, identity=identity)
    async with db.transaction() as tx:
        return await presence.booted(
            tx,
            Booted(
                charger_id=charger.id,
                vendor="ACME Power",
                model="Wall 22",
                serial_number=None,
                firmware_version="1.4.2",
                reason=None,
            ),
        )


def profile(name: str, **values: Any) -> Profile:
    return Profile(id=name, name=name, rules={"settle_s": 1}, **values)


async def test_the_profile_that_says_most_wins(db: Database, vault: Vault) -> None:
    charger = await booted(db, vault)
    everybody = profile("everybody", vendor="*")
    vendor = profile("vendor", vendor="acme*")
    model = profile("model", vendor="acme*", model="wall ?2")
    firmware = profile("firmware", vendor="ACME*", model="Wall*", firmware="1.4.*")
    other = profile("other", vendor="acme*", firmware="2.*")
    own = profile("own", charger_id=charger.id)
    foreign = profile("foreign", charger_id="cp_other")
    nobody = profile("nobody")

    assert choose(charger, [other, foreign, nobody]) is None
    assert choose(charger, [vendor, everybody, other]) == vendor
    assert choose(charger, [model, vendor, everybody]) == model
    assert choose(charger, [everybody, firmware, model, vendor]) == firmware
    assert choose(charger, [own, firmware, foreign]) == own


@pytest.mark.parametrize(
    ("rules", "pointer"),
    [
        ({"unheard": 1}, "/rules/unheard"),
        ({"naive_time_zone": "Mars/Olympus"}, "/rules/naive_time_zone"),
        ({"naive_time_zone": "../../etc/passwd"}, "/rules/naive_time_zone"),
        ({"naive_time_zone": 7}, "/rules/naive_time_zone"),
        ({"settle_s": -1}, "/rules/settle_s"),
        ({"settle_s": True}, "/rules/settle_s"),
        ({"settle_s": None}, "/rules/settle_s"),
        ({"pings": "no"}, "/rules/pings"),
        ({"id_tag_chars": 21}, "/rules/id_tag_chars"),
        ({"max_frame_bytes": 10**9}, "/rules/max_frame_bytes"),
        ({"max_message_id_chars": 1000}, "/rules/max_message_id_chars"),
        ({"connector_zero": "meter"}, "/rules/connector_zero"),
        ({"missing_subprotocol": "1.5"}, "/rules/missing_subprotocol"),
        ({"missing_subprotocol": []}, "/rules/missing_subprotocol"),
        ({"connector_zero": {}}, "/rules/connector_zero"),
        ({"enum_aliases": ["a"]}, "/rules/enum_aliases"),
        ({"enum_aliases": {"StatusNotification": {"a": "b"}}}, "/rules/enum_aliases"),
        ({"enum_aliases": {"A/b": {"a": 1}}}, "/rules/enum_aliases"),
        ({"enum_aliases": {"A/b": {str(n): "x" for n in range(201)}}}, "/rules/enum_aliases"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_name(rules: dict[str, Any], pointer: str) -> None:
    with pytest.raises(PlatformError) as caught:
        rules_of(rules)

    assert caught.value.code == "invalid_parameter"
    assert caught.value.facts["errors"][0]["pointer"] == pointer


def test_what_is_shipped_is_valid_and_fits_nobody_unasked() -> None:
    names = [one.name for one in charger_profiles.builtin()]

    assert len(names) == len(set(names)) > 0
    for one in charger_profiles.builtin():
        rules_of(one.rules)
        assert one.note


async def test_a_profile_of_a_kind_and_one_of_its_own(db: Database, vault: Vault) -> None:
    charger = await booted(db, vault)
    async with db.transaction() as tx:
        before = await charger_profiles.version(tx)
        assert await charger_profiles.of_charger(tx, charger) == (None, STANDARD)
        kind = await charger_profiles.create(
            tx, CLI, name="ACME", vendor="acme*", rules={"settle_s": 5}
        )
        found, rules = await charger_profiles.of_charger(tx, charger)
        assert (found, rules.settle_s) == (kind, 5)
        own = await charger_profiles.put_own(tx, CLI, charger.id, {"pings": False})
        found, rules = await charger_profiles.of_charger(tx, charger)
        assert (found, rules.pings, rules.settle_s) == (own, False, 0)
        changed = await charger_profiles.put_own(tx, CLI, charger.id, {"settle_s": 9})
        assert changed.id == own.id
        await charger_profiles.delete_own(tx, CLI, charger.id)
        assert (await charger_profiles.of_charger(tx, charger))[0] == kind
        await charger_profiles.delete(tx, CLI, kind.id)
        assert (await charger_profiles.of_charger(tx, charger))[0] is None
        assert await charger_profiles.version(tx) == before + 5
        entries = await audit.entries(tx, object_id=kind.id, before_number=None, limit=9)
    assert [entry.action for entry in entries] == [
        "charger_profile.deleted",
        "charger_profile.created",
    ]


async def test_a_profile_without_patterns_is_refused(db: Database) -> None:
    async with db.transaction() as tx:
        with pytest.raises(PlatformError, match="vendor or model or firmware"):
            await charger_profiles.create(tx, CLI, name="x", rules={})
        kind = await charger_profiles.create(tx, CLI, name="x", vendor="*", rules={})
        with pytest.raises(PlatformError, match="vendor or model or firmware"):
            await charger_profiles.change(tx, CLI, kind.id, {"vendor": None})
        with pytest.raises(PlatformError):
            await charger_profiles.delete(tx, CLI, "cpf_unknown")


async def test_rules_of_a_newer_version_count_as_none(db: Database, vault: Vault) -> None:
    charger = await booted(db, vault)
    newer = Profile(id="x", name="x", vendor="*", rules={"from_the_future": True})

    assert charger_profiles.rules_for(charger, [newer]) == STANDARD
