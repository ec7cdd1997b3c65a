"""Use cases of developers in test mode: their sandbox, its chargers, what happens at those."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from core.audit import service as audit
from core.audit.service import PLATFORM, Actor
from core.chargers import announcing, connector_store, passwords, stations
from core.chargers import store as charger_store
from core.chargers.states import ConnectorStatus, Registration
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id
from core.kernel.settings import Settings
from core.sandbox import store
from core.sandbox.cast import ABSENT, CAST
from core.sandbox.models import Errand, Seen
from core.sandbox.states import Act, ActStatus
from core.webhooks.store import next_seqs

TOPIC: Final = "sandbox"
"""Rung when a charger is wanted, or something is to happen at one."""

ERRANDS_KEPT: Final = timedelta(days=1)
VENDOR: Final = "Voltgate"
_HARDWARE: Final = {
    "standard": "IEC_62196_T2",
    "format": "SOCKET",
    "power_type": "AC_3_PHASE",
    "max_power_w": 22_000,
    "max_voltage_v": 230,
    "max_current_a": 32,
}


def identity_of(name: str, partner_id: str) -> str:
    """Return what a simulated charger of a partner is called in OCPP."""
    return f"{name}-{partner_id.partition('_')[2]}"


def password_context(charger_id: str) -> str:
    """Return the encryption context of a simulated charger's password."""
    return f"sandbox_chargers:{charger_id}"


def errand_topic(errand_id: str) -> str:
    """Return the topic that is rung when an errand is over."""
    return f"sandbox:{errand_id}"


async def ensure(tx: Tx, vault: Vault, partner_id: str) -> str:
    """Return the partner's test station; make it at the first call, with every named charger."""
    found = await store.station_of(tx, partner_id)
    if found is not None:
        return found
    await next_seqs(tx, partner_id, 0)  # locks the partner, so that one of two makes it
    found = await store.station_of(tx, partner_id)
    if found is not None:
        return found
    return await _make(tx, vault, partner_id)


async def chargers(tx: Tx, partner_id: str) -> Sequence[Seen]:
    """Return the partner's simulated chargers, in the order of the cast."""
    return await store.guests(tx, partner_id)


async def get(tx: Tx, partner_id: str, charger_id: str) -> Seen:
    """Return one of the partner's simulated chargers.

    Raises:
        PlatformError: ``not_found``, also for a charger that is not simulated.
    """
    found = await store.seen(tx, charger_id, partner_id=partner_id)
    if found is None:
        raise not_found("simulated charger")
    return found


async def named_in(tx: Tx, partner_id: str, body: Mapping[str, Any]) -> str | None:
    """Return the partner's simulated charger that the body of a control call is about, if any."""

    def text(name: str) -> str | None:
        value = body.get(name)
        return value if isinstance(value, str) else None

    return await store.charger_of(
        tx,
        partner_id=partner_id,
        connector_id=text("connector_id"),
        session_id=text("session_id"),
        reservation_id=text("reservation_id"),
        request_id=text("start_request_id"),
    )


async def want(tx: Tx, settings: Settings, partner_id: str, charger_id: str) -> bool:
    """Let a simulated charger connect, and stay for a while; false if it never does, or is away."""
    guest = await store.guest(tx, charger_id, partner_id=partner_id)
    if guest is None or guest.name in ABSENT:
        return False
    idle = settings.sandbox_idle_after
    if guest.wanted_until is None or guest.wanted_until < tx.now + idle / 2:
        await store.want(tx, [charger_id], until=tx.now + idle)
    is_run = guest.is_run(now=tx.now)
    if not is_run:
        tx.ring(TOPIC, charger_id)
    return not (is_run and guest.away)


async def ask(
    tx: Tx,
    settings: Settings,
    actor: Actor,
    *,
    partner_id: str,
    charger_id: str,
    act: Act,
    arguments: Mapping[str, Any],
) -> Errand:
    """Let something happen at a simulated charger, which connects for that if need be.

    Raises:
        PlatformError: ``not_found``; ``conflict``: it never connects.
    """
    seen = await get(tx, partner_id, charger_id)
    if seen.name in ABSENT:
        raise PlatformError("conflict", f"{seen.name} never connects; use another charger.")
    await want(tx, settings, partner_id, charger_id)
    errand = await store.add_errand(
        tx, id=new_id("act"), charger_id=charger_id, act=act, arguments=dict(arguments)
    )
    if errand is None:
        raise AssertionError("ids are unique")
    tx.ring(TOPIC, charger_id)
    await audit.record(
        tx, actor, f"test_charger.{act}", charger_id, after={"arguments": dict(arguments)}
    )
    return errand


async def outcome(tx: Tx, errand_id: str) -> Errand:
    """Return an errand as it is now."""
    found = await store.errand(tx, errand_id)
    if found is None:
        raise not_found("errand")
    return found


async def give_up(tx: Tx, errand_id: str) -> bool:
    """Let an errand not be done any more; false if it was begun."""
    return await store.move(tx, errand_id, ActStatus.EXPIRED) is not None


async def delete_old(tx: Tx) -> int:
    """Delete errands of yesterday; return how many."""
    return await store.delete_errands(tx, before=tx.now - ERRANDS_KEPT)


async def _make(tx: Tx, vault: Vault, partner_id: str) -> str:
    station = await stations.create_station(
        tx,
        PLATFORM,
        name="Sandbox",
        livemode=False,
        address="1 Test Road",
        city="Sandbox",
        country="NL",
        latitude=51.9,
        longitude=4.48,
        time_zone="Europe/Amsterdam",
    )
    await store.add_sandbox(tx, partner_id=partner_id, station_id=station.id)
    added = [await _add(tx, vault, partner_id, station.id, name) for name in CAST]
    await stations.grant_station(tx, PLATFORM, partner_id, station.id, control=True)
    announcing.connectors_changed(tx, added)
    await audit.record(
        tx, PLATFORM, "sandbox.created", partner_id, after={"station_id": station.id}
    )
    return station.id


async def _add(tx: Tx, vault: Vault, partner_id: str, station_id: str, name: str) -> str:
    """Add one charger and its connector; return the connector's id."""
    charger_id, connector_id, password = new_id("cp"), new_id("con"), passwords.generate()
    identity = identity_of(name, partner_id)
    added = await charger_store.add_charger(
        tx,
        id=charger_id,
        station_id=station_id,
        identity=identity,
        identity_key=identity.lower(),
        registration=Registration.ACCEPTED,
        credential=passwords.hashed(vault.hasher, password.encode()),
        security_profile=1,
        vendor=VENDOR,
        model=name,
    )
    if added is None:
        raise PlatformError("conflict", f"A charger is called {identity} already.")
    await connector_store.add_connector(
        tx,
        id_=connector_id,
        charger_id=charger_id,
        evse=1,
        connector=1,
        learned=False,
        status=ConnectorStatus.UNKNOWN,
        **_HARDWARE,
    )
    await store.add_guest(
        tx,
        charger_id=charger_id,
        partner_id=partner_id,
        name=name,
        password=vault.ring.encrypt(password, context=password_context(charger_id)),
    )
    return connector_id
