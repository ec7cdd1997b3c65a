"""Why can't my charger connect? Each reason in plain words, near misses included."""

from datetime import timedelta
from pathlib import Path

import pytest

from core.audit.service import CLI
from core.chargers import compliance_help, login, registry
from core.chargers.compliance_explained import EXPLAINED
from core.chargers.compliance_help import are_near, explain, help_view
from core.chargers.states import RefusalReason
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from tests.core.chargers.making import connect, disconnect, make_charger

GUIDE = Path(__file__).parents[3] / "docs" / "chargers" / "troubleshooting.md"


async def refuse(db: Database, identity: str, reason: RefusalReason) -> None:
    async with db.transaction() as tx:
        await login.refuse(tx, identity=identity, address="192.0.2.7", reason=reason)


async def helped(db: Database, identity: str) -> compliance_help.Help:
    async with db.transaction() as tx:
        return await explain(tx, identity)


@pytest.mark.parametrize("reason", list(RefusalReason))
async def test_every_reason_has_an_explanation_and_a_fix(
    db: Database, reason: RefusalReason
) -> None:
    explained = EXPLAINED[reason]
    assert explained.problem.endswith(".")
    assert explained.fix.endswith(".")

    await refuse(db, "CP-9", reason)
    help_ = await helped(db, "cp-9")

    found = [one for one in help_.findings if one.code == reason and one.count == 1]
    assert len(found) == 1
    assert found[0].problem == explained.problem
    assert "IDENTITY" not in found[0].fix


@pytest.mark.parametrize("reason", list(RefusalReason))
def test_the_guide_names_every_reason(reason: RefusalReason) -> None:
    assert f"`{reason}`" in GUIDE.read_text(encoding="utf-8")


async def test_a_reason_of_a_newer_version_keeps_its_own_words() -> None:
    assert compliance_help.explained_reason("from_the_future", "Do this.").fix == "Do this."


async def test_an_unknown_identity_is_compared_with_those_registered(
    db: Database, vault: Vault
) -> None:
    await make_charger(db, vault, identity="DEPOT-0017")
    await make_charger(db, vault, identity="OTHER-99")

    for asked in (
        "DEPOT-OO17",
        "depot0017",
        "DEPOT-001",
        "DEPOT-00170",
        "DEPOT%2D0017",
        "DEOPT-0017",
    ):
        help_ = await helped(db, asked)
        assert help_.state == "unknown"
        assert list(help_.near) == ["DEPOT-0017"], asked
        assert [one.code for one in help_.findings] == ["unknown_identity", "near_identity"]


async def test_a_registered_charger_sees_who_came_under_nearly_its_name(
    db: Database, vault: Vault
) -> None:
    await make_charger(db, vault, identity="DEPOT-0017")
    await refuse(db, "DEPOT-O017", RefusalReason.UNKNOWN_IDENTITY)
    await refuse(db, "STRANGER", RefusalReason.UNKNOWN_IDENTITY)

    help_ = await helped(db, "DEPOT-0017")

    assert help_.state == "refused"
    [finding] = help_.findings
    assert (finding.code, finding.identity) == ("near_identity", "DEPOT-O017")
    assert "DEPOT-0017" in finding.fix


async def test_what_was_refused_before_it_succeeded_is_history(
    db: Database, vault: Vault, clock: ShiftedClock
) -> None:
    charger = await make_charger(db, vault)
    await refuse(db, "CP-1", RefusalReason.WRONG_PASSWORD)
    clock.advance(timedelta(minutes=5).total_seconds())
    epoch = await connect(db, charger.id)

    help_ = await helped(db, "cp-1")
    assert (help_.state, list(help_.findings)) == ("connected", [])
    assert [one.code for one in help_.earlier] == ["wrong_password"]
    assert help_view(help_)["last_success"]["address"] == "192.0.2.7"

    await disconnect(db, charger.id, epoch)
    assert (await helped(db, "CP-1")).state == "offline"
    clock.advance(60)
    await refuse(db, "CP-1", RefusalReason.WRONG_PASSWORD)
    help_ = await helped(db, "CP-1")
    assert help_.state == "refused"
    assert [(one.code, one.count) for one in help_.findings] == [("wrong_password", 2)]


async def test_a_charger_that_never_came_is_looked_for_on_its_way(
    db: Database, vault: Vault
) -> None:
    await make_charger(db, vault)

    help_ = await helped(db, "CP-1")

    assert help_.state == "never_seen"
    assert [one.code for one in help_.findings] == ["nothing_arrived"]
    assert "/ocpp/CP-1" in help_.findings[0].fix


async def test_an_operators_own_decision_is_named_first(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault)
    async with db.transaction() as tx:
        await registry.disable(tx, CLI, charger.id)

    help_ = await helped(db, "CP-1")

    assert help_.state == "barred"
    assert help_.findings[0].fix == "voltgate charger enable CP-1."


@pytest.mark.parametrize(
    "identity", ["a\x00bcd", "%00%00%00%00", "%", "\ud800", "x" * 200, "%00", "_", "a/b"]
)
async def test_no_identity_is_too_odd_to_be_explained(db: Database, identity: str) -> None:
    help_ = await helped(db, identity)

    assert help_.findings


def test_near_is_one_slip() -> None:
    assert are_near("CP-1", "cp_1")
    assert are_near("CP-12", "CP-21")
    assert not are_near("CP-1", "CQ-2")
    assert not are_near("", "--")
