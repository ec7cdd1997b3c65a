"""Transfers, reports and events below the wire: silence, bounds, retention, fleets."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from core.audit.service import CLI
from core.chargers import presence, registry
from core.chargers.models import Charger
from core.commands import service as commands
from core.commands.commands import Answer, Verdict
from core.commands.models import CommandRow
from core.commands.monitoring import ReportMonitors
from core.commands.states import Priority
from core.desired import service as desired
from core.desired.kinds import KINDS
from core.desired.states import DesiredStatus
from core.kernel import metrics
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx
from core.operations import service as operations
from core.upkeep import care, customer, events, firmware, monitors, reports, transfers
from core.upkeep.customer import CustomerSpec
from core.upkeep.facts import EventReported, MonitorReported, Part, TransferNews
from core.upkeep.firmware import KEY, KIND
from core.upkeep.states import ReportKind, ReportStatus, Stage, TransferKind, TransferStatus

WANTED = {"location": "https://files.example.org/fw.bin"}
HOUR = timedelta(hours=1)


@pytest.fixture
async def charger(db: Database, vault: Vault) -> Charger:
    async with db.transaction() as tx:
        made, _ = await registry.register(tx, vault, CLI, identity="CP-1")
        await presence.connected(tx, made.id, node_id="a", version="2.0.1", address="192.0.2.1")
        return await registry.get(tx, made.id)


async def claimed(tx: Tx, charger: Charger) -> CommandRow:
    row = await operations.claim_next(tx, charger.id)
    assert row is not None
    return row


async def accept(db: Database, charger: Charger) -> None:
    async with db.transaction() as tx:
        row = await claimed(tx, charger)
    async with db.transaction() as tx:
        said = Answer(verdict=Verdict.ACCEPTED, reason="Accepted", response={}, at=tx.now)
        await operations.record_answer(tx, row, said)
        await desired.answered(tx, row, said)


async def tell(db: Database, charger: Charger, word: str, stage: Stage) -> None:
    news = TransferNews(
        charger_id=charger.id,
        kinds=(TransferKind.FIRMWARE,),
        request=None,
        stage=stage,
        word=word,
    )
    async with db.transaction() as tx:
        await firmware.told(tx, news)


async def wish(db: Database, charger: Charger) -> tuple[DesiredStatus, str | None]:
    async with db.transaction() as tx:
        found = await desired.find(tx, charger.id, KIND, KEY)
    assert found is not None
    return found.status, found.reason


async def look_after(db: Database) -> None:
    async with db.transaction() as tx:
        await care.look_after(tx, stalled_after=HOUR)


async def want(db: Database, charger: Charger, **more: str) -> None:
    async with db.transaction() as tx:
        await desired.want(tx, CLI, charger, kind=KIND, key=KEY, wanted=WANTED | more)


async def test_a_silent_update_is_stalled_and_news_set_it_going_again(
    db: Database, charger: Charger, clock: ShiftedClock
) -> None:
    await want(db, charger)
    await accept(db, charger)
    await tell(db, charger, "Downloading", Stage.UNDER_WAY)
    await look_after(db)
    assert await wish(db, charger) == (DesiredStatus.PENDING, "Downloading")
    clock.advance(3700)
    await look_after(db)
    assert await wish(db, charger) == (DesiredStatus.PENDING, "stalled: Downloading")
    await tell(db, charger, "Downloaded", Stage.UNDER_WAY)
    assert await wish(db, charger) == (DesiredStatus.PENDING, "Downloaded")
    await tell(db, charger, "Idle", Stage.IDLE)
    assert await wish(db, charger) == (DesiredStatus.PENDING, "stalled: Idle")


async def test_a_planned_update_is_not_stalled_before_its_time(
    db: Database, charger: Charger, clock: ShiftedClock
) -> None:
    async with db.transaction() as tx:
        at = (tx.now + 3 * HOUR).isoformat()
    await want(db, charger, retrieve_at=at)
    await accept(db, charger)
    clock.advance(2 * 3600)
    await look_after(db)
    assert await wish(db, charger) == (DesiredStatus.PENDING, "Accepted")
    clock.advance(3 * 3600)
    await look_after(db)
    assert await wish(db, charger) == (DesiredStatus.PENDING, "stalled: Accepted")


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"location": 5},
        {"location": "ftp://joe:pw@host/x"},
        {"location": "gopher://host"},
        {**WANTED, "retrieve_at": "tomorrow"},
        {**WANTED, "other": 1},
    ],
)
async def test_a_wish_of_a_fleet_that_cannot_be_is_rejected_with_the_reason(
    db: Database, charger: Charger, wanted: dict[str, object]
) -> None:
    async with db.transaction() as tx:
        made = await desired.want(tx, CLI, charger, kind=KIND, key=KEY, wanted=wanted)
    assert made.status is DesiredStatus.REJECTED
    assert made.reason
    parse = KINDS[KIND].parse
    assert parse is not None
    with pytest.raises(ValueError, match=r"."):
        parse(wanted)


def test_a_fleet_writes_a_firmware_as_an_operator_does() -> None:
    parse = KINDS[KIND].parse
    assert parse is not None
    assert parse({**WANTED, "version": "2.1"}) == (KEY, {**WANTED, "version": "2.1"})


async def test_other_wishes_do_not_wait_for_an_update(db: Database, charger: Charger) -> None:
    await want(db, charger)
    await accept(db, charger)
    async with db.transaction() as tx:
        other = await desired.want(
            tx, CLI, charger, kind="display_message", key="1", wanted={}, present=False
        )
    assert other.status is DesiredStatus.SENT


async def test_words_of_a_transfer_are_bounded(db: Database, charger: Charger) -> None:
    await want(db, charger)
    await accept(db, charger)
    for _ in range(transfers.MAX_NEWS + 5):
        await tell(db, charger, "Downloading", Stage.UNDER_WAY)
    async with db.transaction() as tx:
        (one,) = await transfers.list_transfers(
            tx, charger_id=charger.id, kinds=(TransferKind.FIRMWARE,)
        )
        kept = await transfers.news_of(tx, one.id)
    assert (one.news, len(kept)) == (transfers.MAX_NEWS + 5, transfers.MAX_NEWS)


async def test_a_request_that_was_never_sent_ends_its_report(
    db: Database, charger: Charger, clock: ShiftedClock
) -> None:
    async with db.transaction() as tx:
        row = await commands.enqueue(
            tx,
            charger=charger,
            command=ReportMonitors(request=1, criteria=[], places=[]),
            priority=Priority.OPERATOR,
            expires_at=tx.now + timedelta(seconds=1),
            timeout_s=1,
            requested_by="cli",
        )
        report = await reports.begin(tx, row, kind=ReportKind.MONITORS, request=1, asked={})
    clock.advance(10)
    async with db.transaction() as tx:
        await commands.expire_overdue(tx)
    await look_after(db)
    async with db.transaction() as tx:
        found = await reports.get(tx, report.id, kind=ReportKind.MONITORS)
    assert (found.status, found.word) == (ReportStatus.REFUSED, "not sent")


async def test_monitors_and_parts_are_bounded(
    db: Database, charger: Charger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitors, "MAX_MONITORS", 3)
    monkeypatch.setattr(reports, "MAX_PARTS", 2)
    async with db.transaction() as tx:
        row = await commands.enqueue(
            tx,
            charger=charger,
            command=ReportMonitors(request=1, criteria=[], places=[]),
            priority=Priority.OPERATOR,
            expires_at=tx.now + HOUR,
            timeout_s=1,
            requested_by="cli",
        )
        report = await reports.begin(tx, row, kind=ReportKind.MONITORS, request=1, asked={})
    for seq in range(3):
        facts = [
            MonitorReported(
                monitor=10 * seq + number,
                component="c" * 300,
                variable="v",
                type="Delta",
                value=1.0,
                severity=9,
                transaction=False,
            )
            for number in range(2)
        ]
        part = Part(charger_id=charger.id, request=1, seq=seq, more=seq < 2)
        async with db.transaction() as tx:
            await monitors.reported(tx, part, facts)
    async with db.transaction() as tx:
        found = await reports.get(tx, report.id, kind=ReportKind.MONITORS)
        kept = await monitors.monitors_of(tx, charger.id)
    assert (len(kept), found.parts, found.status) == (3, 2, ReportStatus.COMPLETE)
    assert found.dropped > 0


async def test_what_is_old_is_deleted(
    db: Database, charger: Charger, vault: Vault, clock: ShiftedClock
) -> None:
    event = EventReported(
        event=1,
        at=None,
        at_text="x",
        trigger="Alerting",
        cause=None,
        value="1",
        tech_code=None,
        tech_info=None,
        cleared=None,
        transaction_ref=None,
        component="c",
        variable="v",
        monitor=None,
        notification_type="HardWiredMonitor",
    )
    command = customer.command(vault, charger, CustomerSpec(report=True, clear=False, customer="c"))
    async with db.transaction() as tx:
        await events.reported(tx, charger.id, [event])
        row = await commands.enqueue(
            tx,
            charger=charger,
            command=command,
            priority=Priority.OPERATOR,
            expires_at=tx.now + HOUR,
            timeout_s=1,
            requested_by="cli",
        )
        report = await customer.begun(tx, CLI, command, row)
        part = Part(charger_id=charger.id, request=command.request, seq=0, more=False)
        await customer.reported(tx, part, "personal")
    clock.advance(2 * 3600)
    async with db.transaction() as tx:
        await care.delete_old(tx, events_kept=HOUR, customer_information_kept=HOUR)
        assert await events.list_events(tx) == []
        with pytest.raises(Exception, match="too old"):
            await customer.reveal(tx, CLI, report.id)


async def test_an_update_that_nobody_answers_is_asked_for_again_with_the_same_request(
    db: Database, charger: Charger, clock: ShiftedClock
) -> None:
    await want(db, charger)
    async with db.transaction() as tx:
        first = await claimed(tx, charger)
        await commands.record_timeout(tx, first.id)
    async with db.transaction() as tx:
        await desired.sweep(tx)
    clock.advance(15)
    async with db.transaction() as tx:
        await desired.sweep(tx)
        second = await claimed(tx, charger)
        (only,) = await transfers.list_transfers(
            tx, charger_id=charger.id, kinds=(TransferKind.FIRMWARE,)
        )
    assert second.arguments["request"] == first.arguments["request"] == only.request
    assert only.status is TransferStatus.REQUESTED


async def test_an_update_forgotten_before_it_was_asked_for_is_canceled(
    db: Database, charger: Charger
) -> None:
    async with db.transaction() as tx:
        made = await desired.want(tx, CLI, charger, kind=KIND, key=KEY, wanted=WANTED)
        await desired.forget(tx, CLI, made.id)
    await look_after(db)
    async with db.transaction() as tx:
        (only,) = await transfers.list_transfers(
            tx, charger_id=charger.id, kinds=(TransferKind.FIRMWARE,)
        )
    assert (only.status, only.word) == (TransferStatus.CANCELED, "Forgotten")


async def test_severe_events_are_logged_and_counted_once(db: Database, charger: Charger) -> None:
    monitor = MonitorReported(
        monitor=7,
        component="Connector@1",
        variable="Temperature",
        type="UpperThreshold",
        value=80.0,
        severity=2,
        transaction=False,
    )
    event = EventReported(
        event=1,
        at=None,
        at_text="x",
        trigger="Alerting",
        cause=None,
        value="85",
        tech_code=None,
        tech_info=None,
        cleared=False,
        transaction_ref=None,
        component="Connector@1",
        variable="Temperature",
        monitor=7,
        notification_type="CustomMonitor",
    )
    counter = metrics.CHARGER_EVENTS.labels("2")
    before = counter._value.get()
    part = Part(charger_id=charger.id, request=1, seq=0, more=False)
    with capture_logs() as logged:
        async with db.transaction() as tx:
            await monitors.reported(tx, part, [monitor])
            assert await events.reported(tx, charger.id, [event, event]) == 1
            assert await events.reported(tx, charger.id, [event]) == 0
    (severe,) = [one for one in logged if one["event"] == "charger_event_severe"]
    assert (severe["severity"], severe["log_level"]) == (2, "warning")
    assert counter._value.get() == before + 1


def test_a_fleet_shows_a_message_closed_on_sunday() -> None:
    parse = KINDS["display_message"].parse
    assert parse is not None
    key, wanted = parse({"number": 5, "content": "Closed", "start_at": "2027-01-03T00:00:00Z"})
    assert (key, wanted["start_at"]) == ("5", "2027-01-03T00:00:00.000Z")
    for wrong in (
        {"content": "x"},
        {"number": -1, "content": "x"},
        {"number": 5, "content": "x" * 513},
        {"number": 5, "content": "x", "priority": "Loud"},
        {"number": 5, "content": "x", "end_at": "soon"},
        {"number": 5, "content": "x", "other": 1},
    ):
        with pytest.raises(ValueError, match=r"."):
            parse(wrong)
