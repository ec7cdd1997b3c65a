"""Who is told of what and when: one message for a storm, nothing twice, nothing forgotten."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.alerts import handling, notice_store, telling
from core.alerts.kinds import AlertKind
from core.alerts.lines import Outlets, outlets_for
from core.alerts.models import Notification
from core.alerts.service import raise_alert, resolve
from core.alerts.states import Channel, Reason, Severity
from core.audit.service import CLI
from core.kernel import metrics
from core.kernel.clock import ShiftedClock
from core.kernel.db import Database
from core.kernel.page import Page
from core.kernel.settings import Settings
from tests.core.alerts.outside import MAILED, all_notifications, with_channels

KIND = AlertKind.WEBHOOK_DEAD_LETTER


@pytest.fixture
def told(settings: Settings) -> Settings:
    """Settings with all three channels; nobody is reached here."""
    return with_channels(settings, mail=1, sms=1, webhook=1, alert_sms_per_hour=3)


@pytest.fixture
def outlets(db: Database, told: Settings) -> Outlets:
    return outlets_for(db, told)


async def raised(
    db: Database, key: str = "we_1", severity: Severity = Severity.CRITICAL, **more: Any
) -> None:
    async with db.transaction() as tx:
        raise_alert(tx, KIND, key=key, title=f"{key} fails", severity=severity, **more)


async def over(db: Database, key: str = "we_1") -> None:
    async with db.transaction() as tx:
        resolve(tx, KIND, key)


async def said(db: Database, channel: Channel) -> list[list[tuple[str, str]]]:
    """Return (title, reason) of the alerts of each message of a channel."""
    found: dict[str, Notification] = {}
    for notification in await all_notifications(db, channel):
        found[notification.message_id] = notification
    return [
        [(alert["title"], alert["reason"]) for alert in each.message["alerts"]]
        for each in found.values()
    ]


async def test_an_alert_goes_to_every_recipient_of_every_channel_once(
    db: Database, told: Settings, outlets: Outlets
) -> None:
    await raised(db)
    assert await telling.tell(db, told, outlets) == 4
    assert await telling.tell(db, told, outlets) == 0
    mails = await all_notifications(db, Channel.MAIL)
    assert {each.recipient for each in mails} == set(MAILED)
    assert len({each.message_id for each in mails}) == 1
    (hook,) = await all_notifications(db, Channel.WEBHOOK)
    assert hook.recipient == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("severity", "channels"),
    [
        (Severity.INFO, {Channel.MAIL, Channel.WEBHOOK}),
        (Severity.WARNING, {Channel.MAIL, Channel.WEBHOOK}),
        (Severity.CRITICAL, set(Channel)),
    ],
)
async def test_an_sms_is_for_what_is_critical(
    db: Database, told: Settings, outlets: Outlets, severity: Severity, channels: set[Channel]
) -> None:
    await raised(db, severity=severity)
    await telling.tell(db, told, outlets)
    assert {each for each in Channel if await said(db, each)} == channels


async def test_a_storm_is_one_message_at_once_and_one_when_the_channel_has_rested(
    db: Database, told: Settings, outlets: Outlets, clock: ShiftedClock
) -> None:
    await raised(db)
    await telling.tell(db, told, outlets)
    for number in range(250):
        await raised(db, f"we_{number:03}", Severity.WARNING)
    await raised(db, "we_bad")
    await telling.tell(db, told, outlets)
    assert len(await said(db, Channel.MAIL)) == 1
    clock.advance(61)
    await telling.tell(db, told, outlets)
    _, digest = await said(db, Channel.MAIL)
    assert len(digest) == 20
    assert digest[0] == ("we_bad fails", Reason.RAISED)
    assert (await all_notifications(db, Channel.MAIL))[-1].message["more"] == 231
    clock.advance(61)
    assert await telling.tell(db, told, outlets) == 0


async def test_the_last_sms_of_an_hour_says_so_and_the_next_hour_has_what_was_held_back(
    db: Database, told: Settings, outlets: Outlets, clock: ShiftedClock
) -> None:
    for number in range(6):
        await raised(db, f"we_{number}")
        await telling.tell(db, told, outlets)
        clock.advance(61)
    sent = await all_notifications(db, Channel.SMS)
    assert [each.message["held_until"] is not None for each in sent] == [False, False, True]
    async with db.transaction() as tx:
        (last,) = (await handling.list_alerts(tx, Page(limit=1), object_id=None)).rows
        assert await notice_store.held_back(tx, last.id) == []
    clock.advance(3600)
    await telling.tell(db, told, outlets)
    assert len((await said(db, Channel.SMS))[3]) == 3
    assert len(await said(db, Channel.MAIL)) == 6


async def test_what_was_held_back_and_is_over_by_then_is_told_to_nobody(
    db: Database, told: Settings, outlets: Outlets, clock: ShiftedClock
) -> None:
    await raised(db, "we_first")
    await telling.tell(db, told, outlets)
    await raised(db)
    await telling.tell(db, told, outlets)
    await over(db)
    clock.advance(61)
    await telling.tell(db, told, outlets)
    assert await said(db, Channel.SMS) == [[("we_first fails", Reason.RAISED)]]
    assert (await said(db, Channel.MAIL))[1] == [("we_1 fails", Reason.RESOLVED)]


async def test_an_end_is_told_by_mail_and_webhook(
    db: Database, told: Settings, outlets: Outlets, clock: ShiftedClock
) -> None:
    await raised(db)
    await telling.tell(db, told, outlets)
    await over(db)
    clock.advance(61)
    await telling.tell(db, told, outlets)
    for channel, messages in ((Channel.MAIL, 2), (Channel.WEBHOOK, 2), (Channel.SMS, 1)):
        assert len(await said(db, channel)) == messages


async def test_what_goes_on_is_told_again_after_a_while_unless_somebody_has_it(
    db: Database, told: Settings, outlets: Outlets, clock: ShiftedClock
) -> None:
    await raised(db)
    await telling.tell(db, told, outlets)
    clock.advance(4 * 3600 + 1)
    await telling.tell(db, told, outlets)
    assert len(await said(db, Channel.MAIL)) == 1  # it was not seen again
    await raised(db)
    await telling.tell(db, told, outlets)
    assert (await said(db, Channel.MAIL))[1:] == [[("we_1 fails", Reason.AGAIN)]]
    async with db.transaction() as tx:
        (found,) = (await handling.list_alerts(tx, Page())).rows
        await handling.acknowledge(tx, CLI, found.id)
    clock.advance(4 * 3600 + 1)
    await raised(db)
    await telling.tell(db, told, outlets)
    assert len(await said(db, Channel.MAIL)) == 2


async def test_what_gets_worse_is_told_at_once(
    db: Database, told: Settings, outlets: Outlets, clock: ShiftedClock
) -> None:
    await raised(db, severity=Severity.INFO)
    await telling.tell(db, told, outlets)
    clock.advance(61)
    await raised(db)
    await telling.tell(db, told, outlets)
    assert (await said(db, Channel.MAIL))[1] == [("we_1 fails", Reason.WORSE)]
    assert await said(db, Channel.SMS) == [[("we_1 fails", Reason.WORSE)]]


async def test_of_workers_that_tell_at_the_same_time_one_does(
    db: Database, told: Settings, outlets: Outlets
) -> None:
    await raised(db)
    for _ in range(2):
        await raised(db, "we_2")
        await told_by_many(db, told, outlets)
    assert len(await said(db, Channel.MAIL)) == 1
    assert len(await said(db, Channel.SMS)) == 1


async def told_by_many(db: Database, told: Settings, outlets: Outlets) -> None:

    await asyncio.gather(*(telling.tell(db, told, outlets) for _ in range(5)))


async def test_without_a_channel_alerts_wait_and_the_first_channel_hears_of_what_is_open(
    db: Database, settings: Settings, told: Settings, outlets: Outlets
) -> None:
    await raised(db)
    await raised(db, "we_2")
    await over(db, "we_2")
    assert await telling.tell(db, settings, outlets_for(db, settings)) == 0
    await telling.tell(db, told, outlets)
    assert await said(db, Channel.MAIL) == [[("we_1 fails", Reason.RAISED)]]


async def test_a_channel_is_not_asked_to_tell_that_it_does_not_work(
    db: Database, told: Settings, outlets: Outlets
) -> None:
    async with db.transaction() as tx:
        raise_alert(tx, AlertKind.ALERT_NOT_DELIVERED, key=Channel.MAIL, title="No mail")
    await telling.tell(db, told, outlets)
    assert await said(db, Channel.MAIL) == []
    assert len(await said(db, Channel.WEBHOOK)) == 1


async def test_open_alerts_are_a_metric_by_severity(db: Database) -> None:
    await raised(db)
    await raised(db, "we_2", Severity.INFO)
    await raised(db, "we_3")
    await over(db, "we_3")
    async with db.transaction() as tx:
        await telling.count_open(tx)
    shown = metrics.render().decode()
    assert 'voltgate_alerts_open{severity="critical"} 1.0' in shown
    assert 'voltgate_alerts_open{severity="warning"} 0.0' in shown


async def test_old_alerts_and_notifications_are_deleted_and_open_ones_are_not(
    db: Database, told: Settings, outlets: Outlets, clock: ShiftedClock
) -> None:
    await raised(db)
    await raised(db, "we_2")
    await telling.tell(db, told, outlets)
    await over(db)
    for days, left in ((364, 2), (2, 1)):
        clock.advance(days * 86_400)
        async with db.transaction() as tx:
            await telling.delete_old(tx, kept=timedelta(days=365))
            assert len((await handling.list_alerts(tx, Page())).rows) == left
