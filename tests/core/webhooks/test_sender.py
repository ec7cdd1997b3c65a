"""The sender: deliver, sign, try again, give up; with a receiver on a real socket."""

import base64
import hashlib
import hmac
from datetime import timedelta

import pytest
import standardwebhooks
import structlog

from core.audit.service import CLI
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import KeyRing, Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.webhooks import deliveries, endpoints
from core.webhooks.schedule import DELAYS, QUICK_DELAYS
from core.webhooks.states import DeliveryStatus
from tests.core.webhooks.receiver import OK, Request, receiving, saying
from tests.core.webhooks.scenes import (
    FAILURE,
    HOUR,
    MINUTE,
    all_attempts,
    all_deliveries,
    all_events,
    body_of,
    happen,
    make_endpoint,
    make_partner,
    sending,
    wait_s,
)

GONE = saying(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")


def verify(secret: str, request: Request) -> object:
    return standardwebhooks.Webhook(secret).verify(request.body, request.headers)


def signatures(secrets: list[str], request: Request) -> str:
    """Return what the header must be, worked out from the specification."""
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    return " ".join(
        "v1," + base64.b64encode(hmac.digest(key, signed + request.body, hashlib.sha256)).decode()
        for key in keys
    )


async def test_an_event_arrives_signed(db: Database, vault: Vault, settings: Settings) -> None:
    partner = await make_partner(db)
    async with receiving() as receiver, sending(db, vault, settings) as sender:
        _, secret = await make_endpoint(db, vault, settings, partner, receiver.port)
        event_id = await happen(db, partner)
        assert await sender.deliver_once() == 1
        assert await sender.deliver_once() == 0
    (request,), (event,) = receiver.requests, await all_events(db)
    assert verify(secret, request) == body_of(request)
    assert request.body.decode() == event.body
    assert request.headers["webhook-id"] == event_id == event.id
    assert request.headers["content-type"] == "application/json"
    (delivery,), (attempt,) = await all_deliveries(db), await all_attempts(db)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, 1)
    assert (attempt.number, attempt.status_code, attempt.excerpt, attempt.error) == (
        1,
        200,
        "ok",
        None,
    )


@pytest.mark.parametrize(
    ("type_", "delays"),
    [("session.started", DELAYS), ("operation.failed", QUICK_DELAYS + DELAYS)],
)
async def test_i12_i13_all_attempts_on_time_with_the_same_bytes_then_a_dead_letter(
    db: Database,
    vault: Vault,
    settings: Settings,
    clock: ShiftedClock,
    type_: str,
    delays: tuple[object, ...],
) -> None:
    partner = await make_partner(db)
    async with receiving(FAILURE) as receiver, sending(db, vault, settings) as sender:
        _, secret = await make_endpoint(db, vault, settings, partner, receiver.port)
        await happen(db, partner, type_)
        with structlog.testing.capture_logs() as logs:
            waits = []
            while await sender.deliver_once():
                waits.append(await wait_s(db))
                clock.advance(waits[-1] - 1)
                assert await sender.deliver_once() == 0, "too early"
                clock.advance(1.1)
    assert waits[:-1] == pytest.approx(
        [delay.total_seconds() for delay in delays],  # type: ignore[attr-defined]
        abs=1,
    )
    (delivery,), found = await all_deliveries(db), await all_attempts(db)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DEAD, len(delays) + 1)
    assert [attempt.number for attempt in found] == list(range(1, len(delays) + 2))
    assert len({(r.headers["webhook-id"], r.body) for r in receiver.requests}) == 1
    stamps = [int(request.headers["webhook-timestamp"]) for request in receiver.requests]
    assert stamps == sorted(set(stamps))
    for request in receiver.requests:
        assert request.headers["webhook-signature"] == signatures([secret], request)
    dead = [entry for entry in logs if entry["event"] == "webhook_dead_lettered"]
    assert [(entry["log_level"], entry["delivery_id"]) for entry in dead] == [
        ("error", delivery.id)
    ]
    async with db.transaction() as tx:
        assert await deliveries.count_dead_letters(tx) == 1


async def test_retry_after_is_honoured_up_to_twice_the_delay(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    later = saying(b"HTTP/1.1 503 Later\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n")
    async with receiving(later) as receiver, sending(db, vault, settings) as sender:
        await make_endpoint(db, vault, settings, partner, receiver.port)
        await happen(db, partner)
        await sender.deliver_once()
    assert await wait_s(db) == pytest.approx(90, abs=1)


async def test_a_shorter_first_wait_is_what_the_sender_keeps_to(
    db: Database, vault: Vault, settings: Settings
) -> None:
    shorter = settings.model_copy(update={"webhook_retry_after": timedelta(seconds=30)})
    partner = await make_partner(db)
    async with receiving(FAILURE) as receiver, sending(db, vault, shorter) as sender:
        await make_endpoint(db, vault, shorter, partner, receiver.port)
        await happen(db, partner)
        await sender.deliver_once()
    assert await wait_s(db) == pytest.approx(30, abs=1)


async def test_a_refused_connection_is_an_attempt_with_an_error(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    async with receiving() as receiver:
        port = receiver.port
    async with sending(db, vault, settings) as sender:
        await make_endpoint(db, vault, settings, partner, port)
        await happen(db, partner)
        assert await sender.deliver_once() == 1
    (attempt,) = await all_attempts(db)
    assert attempt.status_code is None
    assert attempt.error is not None
    assert attempt.error.startswith("connect_failed: ")


async def test_two_secrets_sign_while_they_overlap(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    async with receiving() as receiver, sending(db, vault, settings) as sender:
        endpoint, old = await make_endpoint(db, vault, settings, partner, receiver.port)
        async with db.transaction() as tx:
            rotated, new = await endpoints.rotate_secret(
                tx,
                vault,
                CLI,
                partner_id=partner,
                livemode=True,
                endpoint_id=endpoint.id,
                overlap_hours=24,
            )
        assert old not in repr(rotated)
        assert new not in repr(rotated)
        await happen(db, partner)
        await sender.deliver_once()
        verify(old, receiver.requests[0])
        verify(new, receiver.requests[0])
        clock.advance(24 * HOUR + 1)
        await happen(db, partner)
        await sender.deliver_once()
    assert receiver.requests[1].headers["webhook-signature"] == signatures(
        [new], receiver.requests[1]
    )


async def test_410_disables_the_endpoint_and_the_others_are_told(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    async with (
        receiving(GONE) as gone,
        receiving() as other,
        sending(db, vault, settings) as sender,
    ):
        endpoint, _ = await make_endpoint(db, vault, settings, partner, gone.port)
        await make_endpoint(
            db,
            vault,
            settings,
            partner,
            other.port,
            event_types=["webhook_endpoint.disabled"],
        )
        await happen(db, partner)
        await sender.deliver_once()
        await sender.deliver_once()
    assert len(gone.requests) == 1
    (told,) = other.requests
    assert body_of(told)["type"] == "webhook_endpoint.disabled"
    shown = body_of(told)["data"]["object"]
    assert (shown["id"], shown["enabled"], shown["disabled_reason"]) == (
        endpoint.id,
        False,
        "gone",
    )
    statuses = {row.event_type: row.status for row in await all_deliveries(db)}
    assert statuses == {
        "session.started": DeliveryStatus.DISABLED,
        "webhook_endpoint.disabled": DeliveryStatus.DELIVERED,
    }


@pytest.mark.parametrize("works_after_h", [None, 100])
async def test_120_hours_of_nothing_but_failures_disable_the_endpoint(
    db: Database,
    vault: Vault,
    settings: Settings,
    clock: ShiftedClock,
    works_after_h: int | None,
) -> None:
    partner = await make_partner(db)
    async with receiving(FAILURE) as receiver, sending(db, vault, settings) as sender:
        endpoint, _ = await make_endpoint(db, vault, settings, partner, receiver.port)
        for hour in range(0, 121, 20):
            receiver.answers[0] = saying(OK) if hour == works_after_h else FAILURE
            await happen(db, partner)
            assert await sender.deliver_once()
            clock.advance(20 * HOUR + 1)
    async with db.transaction() as tx:
        found = await endpoints.get(tx, partner_id=partner, livemode=True, endpoint_id=endpoint.id)
    works = works_after_h is not None
    assert (found.enabled, found.disabled_reason) == (works, None if works else "failing")
    left = {row.status for row in await all_deliveries(db)}
    assert (DeliveryStatus.DUE in left) is works
    types = [event.type for event in await all_events(db)]
    assert types.count("webhook_endpoint.disabled") == (0 if works else 1)


async def test_a_secret_that_does_not_open_fails_this_delivery_only(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    stranger = Vault(settings)
    stranger.ring = KeyRing([("other", b"x" * 40)])
    async with receiving() as receiver, sending(db, vault, settings) as sender:
        broken, _ = await make_endpoint(db, stranger, settings, partner, receiver.port)
        good, _ = await make_endpoint(db, vault, settings, partner, receiver.port)
        await happen(db, partner)
        with structlog.testing.capture_logs() as logs:
            assert await sender.deliver_once() == 2
    assert len(receiver.requests) == 1
    assert "webhook_attempt_crashed" in {entry["event"] for entry in logs}
    statuses = {row.endpoint_id: row.status for row in await all_deliveries(db)}
    assert statuses == {broken.id: DeliveryStatus.DUE, good.id: DeliveryStatus.DELIVERED}


async def test_waits_are_jittered_both_ways(db: Database, vault: Vault, settings: Settings) -> None:
    partner = await make_partner(db)
    async with receiving(FAILURE) as receiver, sending(db, vault, settings) as sender:
        sender._jitter = lambda: 0.0
        await make_endpoint(db, vault, settings, partner, receiver.port)
        await happen(db, partner)
        await sender.deliver_once()
    assert await wait_s(db) == pytest.approx(0.8 * MINUTE, abs=1)
