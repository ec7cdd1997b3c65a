"""Endpoints: created, changed, switched off and on, recovered; deliveries shown and sent again."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core.audit import service as audit
from core.audit.service import Actor
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.page import Page
from core.kernel.settings import Settings
from core.webhooks import deliveries, endpoints, partner_events
from core.webhooks.models import endpoints as endpoint_table
from core.webhooks.replaying import recover
from core.webhooks.states import DeliveryStatus
from core.webhooks.views import dead_letter_view, delivery_view, endpoint_view, event_view
from tests.core.webhooks.receiver import receiving, saying
from tests.core.webhooks.scenes import (
    HOUR,
    all_deliveries,
    all_events,
    body_of,
    happen,
    make_endpoint,
    make_partner,
    sending,
    wait_s,
)

PORT = 9009
ME = Actor(name="partner:me")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"url": "https://10.0.0.1/hook"}, "webhook_url_forbidden"),
        ({"url": "ftp://example.com/"}, "webhook_url_forbidden"),
        ({"url": "https://example.com/", "event_types": ["nonsense"]}, "invalid_parameter"),
        ({"url": "https://example.com/", "event_types": []}, "invalid_parameter"),
    ],
)
async def test_what_cannot_be_is_refused_at_creation_and_update(
    db: Database, vault: Vault, settings: Settings, values: dict[str, Any], code: str
) -> None:
    partner = await make_partner(db)
    mine: dict[str, Any] = {"partner_id": partner, "livemode": True}
    endpoint, _ = await make_endpoint(db, vault, settings, partner, PORT)
    async with db.transaction() as tx:
        with pytest.raises(PlatformError, match=code):
            await endpoints.create(tx, vault, settings, ME, **mine, **values)
        with pytest.raises(PlatformError, match=code):
            await endpoints.update(
                tx, settings, ME, **mine, endpoint_id=endpoint.id, changes=values
            )


async def test_loopback_is_refused_without_the_development_setting(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    strict = settings.model_copy(update={"webhook_allow_insecure": False})
    with pytest.raises(PlatformError, match="must use https"):
        await make_endpoint(db, vault, strict, partner, PORT)


async def test_an_endpoint_can_be_changed_and_listed(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    endpoint, _ = await make_endpoint(db, vault, settings, partner, PORT, enabled=False)
    mine: dict[str, Any] = {"partner_id": partner, "livemode": True}
    changes = {
        "url": "https://example.com/new",
        "event_types": ["ping", "ping"],
        "description": "new",
        "enabled": True,
    }
    async with db.transaction() as tx:
        its = {**mine, "endpoint_id": endpoint.id}
        await endpoints.update(tx, settings, ME, **its, changes=changes)
        again = await endpoints.enable(tx, ME, **its)
        with pytest.raises(PlatformError, match="unknown_field"):
            await endpoints.update(tx, settings, ME, **its, changes={"secret": "mine"})
        (listed,) = (await endpoints.list_endpoints(tx, **mine, page=Page())).rows
        assert listed == again
    view = endpoint_view(listed)
    assert {name: view[name] for name in changes} == {**changes, "event_types": ["ping"]}


async def test_there_are_at_most_20_a_mode(db: Database, vault: Vault, settings: Settings) -> None:
    partner = await make_partner(db)
    for _ in range(20):
        await make_endpoint(db, vault, settings, partner, PORT)
    await make_endpoint(db, vault, settings, partner, PORT, livemode=False)
    with pytest.raises(PlatformError, match="conflict"):
        await make_endpoint(db, vault, settings, partner, PORT)


async def test_s22_secrets_are_encrypted_at_rest_and_shown_once(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    endpoint, secret = await make_endpoint(db, vault, settings, partner, PORT)
    assert secret.startswith("whsec_")
    async with db.transaction() as tx:
        stored = await tx.scalar(select(endpoint_table.c.secret))
        trail = await audit.entries(tx, object_id=endpoint.id, before_number=None, limit=9)
    assert secret.removeprefix("whsec_") not in f"{stored}{trail}{endpoint_view(endpoint)}"
    assert vault.ring.decrypt(stored, context=f"webhook_endpoints:{endpoint.id}") == secret


@pytest.mark.parametrize("hours", [-1, 169])
async def test_the_overlap_of_a_rotation_is_bounded(
    db: Database, vault: Vault, settings: Settings, hours: int
) -> None:
    partner = await make_partner(db)
    endpoint, _ = await make_endpoint(db, vault, settings, partner, PORT)
    async with db.transaction() as tx:
        with pytest.raises(PlatformError, match="0 to 168"):
            await endpoints.rotate_secret(
                tx,
                vault,
                ME,
                partner_id=partner,
                livemode=True,
                endpoint_id=endpoint.id,
                overlap_hours=hours,
            )


async def test_i32_another_partners_endpoint_is_no_endpoint(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner, other = await make_partner(db), await make_partner(db)
    endpoint, _ = await make_endpoint(db, vault, settings, partner, PORT)
    event_id = await happen(db, partner)
    (delivery,) = await all_deliveries(db)
    details = set()
    for partner_id, livemode in ((other, True), (partner, False)):
        who: dict[str, Any] = {"partner_id": partner_id, "livemode": livemode}
        its = {**who, "endpoint_id": endpoint.id}
        async with db.transaction() as tx:
            for call in (
                endpoints.get(tx, **its),
                endpoints.update(tx, settings, ME, **its, changes={}),
                endpoints.delete(tx, ME, **its),
                endpoints.rotate_secret(tx, vault, ME, **its),
                endpoints.enable(tx, ME, **its),
                endpoints.ping(tx, ME, **its),
                recover(tx, ME, **its, since=tx.now),
                endpoints.get(tx, **who, endpoint_id="we_nothing"),
                deliveries.list_deliveries(tx, **its, page=Page()),
            ):
                with pytest.raises(PlatformError, match="not_found") as caught:
                    await call
                details.add(caught.value.detail)
            for again in (
                deliveries.get_delivery(tx, **who, delivery_id=delivery.id),
                deliveries.resend(tx, ME, **who, event_id=event_id),
            ):
                with pytest.raises(PlatformError, match="not_found"):
                    await again
    assert details == {"No such webhook endpoint, or it is not visible to you."}


async def test_a_ping_goes_to_this_endpoint_alone(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    async with receiving() as receiver, sending(db, vault, settings) as sender:
        endpoint, _ = await make_endpoint(
            db, vault, settings, partner, receiver.port, event_types=["session.ended"]
        )
        await make_endpoint(db, vault, settings, partner, receiver.port)
        async with db.transaction() as tx:
            event_id = await endpoints.ping(
                tx, ME, partner_id=partner, livemode=True, endpoint_id=endpoint.id
            )
        await sender.deliver_once()
    (request,) = receiver.requests
    assert (body_of(request)["id"], body_of(request)["type"]) == (event_id, "ping")


@pytest.mark.parametrize("how", ["disabled", "deleted"])
async def test_what_waits_for_an_endpoint_that_is_off_is_not_sent(
    db: Database, vault: Vault, settings: Settings, how: str
) -> None:
    partner = await make_partner(db)
    async with receiving() as receiver, sending(db, vault, settings) as sender:
        endpoint, _ = await make_endpoint(db, vault, settings, partner, receiver.port)
        its: dict[str, Any] = {
            "partner_id": partner,
            "livemode": True,
            "endpoint_id": endpoint.id,
        }
        await happen(db, partner)
        async with db.transaction() as tx:
            if how == "deleted":
                await endpoints.delete(tx, ME, **its)
            else:
                await endpoints.update(tx, settings, ME, **its, changes={"enabled": False})
        await happen(db, partner)
        assert await sender.deliver_once() == 0
        assert not receiver.requests
    (delivery,) = await all_deliveries(db)
    assert delivery.status is DeliveryStatus.DISABLED
    async with db.transaction() as tx:
        if how == "deleted":
            with pytest.raises(PlatformError, match="not_found"):
                await endpoints.get(tx, **its)
        else:
            assert (await endpoints.get(tx, **its)).disabled_reason == "by_partner"
            for call in (
                endpoints.ping(tx, ME, **its),
                recover(tx, ME, **its, since=tx.now),
                deliveries.resend(tx, ME, **its, event_id=delivery.event_id),
            ):
                with pytest.raises(PlatformError, match="enable it first"):
                    await call


async def test_a_delivery_left_with_a_disabled_endpoint_leaves_the_queue(
    db: Database, vault: Vault, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = await make_partner(db)
    monkeypatch.setattr(endpoints, "MAX_DISABLED_AT_ONCE", 1)
    async with receiving() as receiver, sending(db, vault, settings) as sender:
        endpoint, _ = await make_endpoint(db, vault, settings, partner, receiver.port)
        for _ in range(3):
            await happen(db, partner)
        async with db.transaction() as tx:
            await endpoints.disable(tx, endpoint.id, reason="gone")
            assert await endpoints.disable(tx, endpoint.id, reason="gone") is None
        assert await sender.deliver_once() == 0
        assert not receiver.requests
    assert {row.status for row in await all_deliveries(db)} == {DeliveryStatus.DISABLED}


async def test_recover_sends_what_was_missed_and_nothing_else(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    async with receiving() as receiver, sending(db, vault, settings) as sender:
        endpoint, _ = await make_endpoint(db, vault, settings, partner, receiver.port)
        its: dict[str, Any] = {
            "partner_id": partner,
            "livemode": True,
            "endpoint_id": endpoint.id,
        }
        await happen(db, partner)
        await sender.deliver_once()
        async with db.transaction() as tx:
            await endpoints.disable(tx, endpoint.id, reason="gone")
        await happen(db, partner)
        clock.advance(HOUR)
        since = db.now()
        missed = [await happen(db, partner) for _ in range(3)]
        await happen(db, partner, "session.updated")
        async with db.transaction() as tx:
            enabled = await endpoints.enable(tx, ME, **its)
            assert (enabled.enabled, enabled.disabled_reason) == (True, None)
            recovered = await recover(tx, ME, **its, since=since)
            assert (recovered.count, recovered.has_more) == (3, False)
        async with db.transaction() as tx:
            assert (await recover(tx, ME, **its, since=since)).count == 0
        while await sender.deliver_once():
            pass
        sent = [body_of(request)["id"] for request in receiver.requests[1:]]
        assert sorted(sent) == sorted(missed)
        async with db.transaction() as tx:
            early = since - timedelta(hours=2)
            assert (await recover(tx, ME, **its, since=early)).count == 2


async def test_i13_an_event_sent_again_has_the_same_id_and_bytes(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    async with receiving() as receiver, sending(db, vault, settings) as sender:
        await make_endpoint(db, vault, settings, partner, receiver.port)
        named, _ = await make_endpoint(
            db, vault, settings, partner, receiver.port, event_types=["order.corrected"]
        )
        event_id = await happen(db, partner)
        await sender.deliver_once()
        async with db.transaction() as tx:
            its: dict[str, Any] = {"partner_id": partner, "livemode": True, "event_id": event_id}
            assert len(await deliveries.resend(tx, ME, **its)) == 1
            (again,) = await deliveries.resend(tx, ME, **its, endpoint_id=named.id)
        await sender.deliver_once()
        assert len(receiver.requests) == 3
        assert {request.headers["webhook-id"] for request in receiver.requests} == {event_id}
        assert len({request.body for request in receiver.requests}) == 1
        async with db.transaction() as tx:
            delivery, attempts = await deliveries.get_delivery(
                tx, partner_id=partner, livemode=True, delivery_id=again.id
            )
    shown = delivery_view(delivery, attempts)
    assert (shown["status"], shown["next_attempt_at"]) == ("delivered", None)
    assert [(row["status_code"], row["response"]) for row in shown["attempts"]] == [(200, "ok")]


async def test_deliveries_are_listed_by_status_and_dead_letters_for_operators(
    db: Database, vault: Vault, settings: Settings, clock: ShiftedClock
) -> None:
    partner = await make_partner(db)
    failure = saying(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
    async with receiving(failure) as receiver, sending(db, vault, settings) as sender:
        endpoint, _ = await make_endpoint(db, vault, settings, partner, receiver.port)
        await happen(db, partner)
        while await sender.deliver_once():
            clock.advance(await wait_s(db) + 0.1)
    async with db.transaction() as tx:
        its: dict[str, Any] = {
            "partner_id": partner,
            "livemode": True,
            "endpoint_id": endpoint.id,
            "page": Page(),
        }
        (shown,) = (await deliveries.list_deliveries(tx, **its)).rows
        none = await deliveries.list_deliveries(tx, **its, status=DeliveryStatus.DELIVERED)
        assert not none.rows
        (dead,) = (await deliveries.dead_letters(tx, Page())).rows
    assert (shown.id, shown.status) == (dead.id, DeliveryStatus.DEAD)
    view = dead_letter_view(dead)
    assert (view["partner_id"], view["url"]) == (partner, endpoint.url)


async def test_keys_and_suspensions_are_told_by_events(db: Database, vault: Vault) -> None:
    partner = await make_partner(db)
    its: dict[str, Any] = {"partner_id": partner}
    async with db.transaction() as tx:
        first, text = await partner_events.create_key(
            tx, vault, ME, **its, livemode=False, name="k", scopes=["events:read"]
        )
        soft = await partner_events.rotate_key(
            tx, vault, ME, **its, key_id=first.id, overlap_hours=1
        )
        hard = await partner_events.rotate_key(
            tx, vault, ME, **its, key_id=soft.key.id, overlap_hours=0
        )
        await partner_events.revoke_key(tx, ME, **its, key_id=hard.key.id)
    async with db.transaction() as tx:
        await partner_events.suspend(tx, ME, **its)
        await partner_events.reinstate(tx, ME, **its)
    found = await all_events(db)
    assert [(e.type, e.object_id, e.object_sequence, e.livemode) for e in found] == [
        ("key.created", first.id, 1, False),
        ("key.created", soft.key.id, 1, False),
        ("key.expiring", first.id, 2, False),
        ("key.created", hard.key.id, 1, False),
        ("key.revoked", soft.key.id, 2, False),
        ("key.revoked", hard.key.id, 2, False),
        ("partner.suspended", partner, 1, True),
        ("partner.suspended", partner, 2, False),
        ("partner.reinstated", partner, 3, True),
        ("partner.reinstated", partner, 4, False),
    ]
    assert event_view(found[6])["data"]["object"]["status"] == "suspended"
    secrets = [text[-43:] for text in (text, soft.text, hard.text)]
    assert not any(secret in event.body for secret in secrets for event in found)
