"""Deviations are counted set-wise, and a report says what was met, and what was checked."""

from datetime import timedelta

import pytest

from core.audit.service import CLI
from core.chargers import compliance, deviations
from core.chargers.compliance import Verdict
from core.chargers.deviations import CODE_OF_REASON, MAX_ACTIONS, MAX_CODES, Tally, code_of
from core.chargers.deviations_catalogue import CATALOGUE
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from csms.actions import FROM_CHARGER
from tests.core.chargers.making import make_charger


def test_the_catalogue_tells_what_to_do() -> None:
    known = {"handshake", "frame", "call", *FROM_CHARGER["1.6"], *FROM_CHARGER["2.0.1"]}
    for code, row in CATALOGUE.items():
        assert row.code == code
        assert len(code) <= 40
        assert row.title[0].islower()
        assert all(text.endswith(".") for text in (row.rule, row.fix)), code
        assert row.section
        assert row.checked_on
        assert row.checked_on <= known, code


def test_every_reason_leads_to_a_row() -> None:
    assert set(CODE_OF_REASON.values()) <= CATALOGUE.keys()
    assert code_of("enum at /status") == "enum_off_list"
    assert code_of("maxItems at /meterValue") == "content_invalid"
    assert code_of("timestamp_unreadable") == "timestamp_unreadable"
    assert code_of("matched_by_evidence") is None


async def test_counts_add_up_over_flushes(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault)
    async with db.transaction() as tx:
        start = tx.now
        first, second = Tally(charger.id), Tally(charger.id)
        for number in range(3):
            first.note(
                "null_payload",
                at=start + timedelta(seconds=number),
                action="Heartbeat",
                message_id=f"m{number}",
                excerpt="[2]\x00",
            )
        first.saw("Heartbeat")
        second.note("null_payload", at=start + timedelta(seconds=9), message_id="m9")
        second.note("answer_late", at=start)
        second.saw("Heartbeat")
        await deviations.flush(tx, [first.take(with_actions=True), second])
        await deviations.flush(tx, [first])
        report = await compliance.report(tx, charger.id)

    counted = {row.code: found for row, found in report.deviations}
    assert counted["null_payload"].count == 4
    assert counted["null_payload"].last_at == start + timedelta(seconds=9)
    assert counted["null_payload"].first_at == start
    assert counted["null_payload"].message_id == "m9"
    assert [(row.action, row.count) for row in report.checked] == [("Heartbeat", 2)]
    assert report.verdict is Verdict.DEVIATES
    assert [row.code for row, _ in report.deviations] == ["answer_late", "null_payload"]


def test_a_tally_is_bounded() -> None:
    tally = Tally("cp_1")
    for number in range(1000):
        tally.note(f"code{number}", at=None)  # type: ignore[arg-type]
        tally.saw(f"Action{number}")

    assert len(tally.deviations) == MAX_CODES
    assert len(tally.actions) <= MAX_ACTIONS + 1


async def test_clean_is_only_what_was_checked(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault)
    async with db.transaction() as tx:
        assert (await compliance.report(tx, charger.id)).verdict is Verdict.NOT_SEEN
        tally = Tally(charger.id)
        tally.saw("handshake")
        tally.saw("Heartbeat")
        tally.note("null_payload", at=tx.now)
        await deviations.flush(tx, [tally])
        report = await compliance.report(tx, charger.id)

    clean = {row.code for row in report.clean}
    assert report.verdict is Verdict.REMARKS
    assert {"timestamp_without_zone", "subprotocol_missing"} <= clean
    assert "stop_transaction_zero" not in clean
    assert "null_payload" not in clean


async def test_a_new_period_begins_with_nothing(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault)
    async with db.transaction() as tx:
        tally = Tally(charger.id)
        tally.note("null_payload", at=tx.now)
        await deviations.flush(tx, [tally])
        await compliance.restart(tx, CLI, charger.id)
        await compliance.restart(tx, CLI, charger.id)
        report = await compliance.report(tx, charger.id)

        assert not report.deviations
        assert report.since == tx.now
        with pytest.raises(PlatformError):
            await compliance.restart(tx, CLI, "cp_unknown")


async def test_what_a_charger_says_cannot_forge_the_report(db: Database, vault: Vault) -> None:
    charger = await make_charger(db, vault)
    async with db.transaction() as tx:
        tally = Tally(charger.id)
        tally.note(
            "frame_malformed", at=tx.now, message_id="1\n# forged", excerpt="`x`\n## forged\u2028"
        )
        await deviations.flush(tx, [tally])
        text = compliance.as_markdown(await compliance.report(tx, charger.id))

    assert "\n# forged" not in text
    assert "\n## forged" not in text
    assert "# OCPP compliance of CP-1" in text
    assert "frame_malformed" in text
    assert CATALOGUE["frame_malformed"].fix in text
