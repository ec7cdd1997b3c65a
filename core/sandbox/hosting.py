"""Use cases of whoever runs simulated chargers: which, for how long, and what happens at them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from core.chargers import passwords
from core.chargers import store as charger_store
from core.kernel.crypto import Undecryptable, Vault
from core.kernel.db import Tx
from core.kernel.settings import Settings
from core.sandbox import store
from core.sandbox.models import Errand, Guest
from core.sandbox.service import errand_topic, identity_of, password_context
from core.sandbox.states import Act, ActStatus

LEASE: Final = timedelta(seconds=20)
"""What a node that died has run is run by another after this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A simulated charger to run: who it is, what it is called in OCPP, its password."""

    charger_id: str
    name: str
    identity: str
    password: str = field(repr=False)


async def claim(tx: Tx, vault: Vault, *, host: str, room: int) -> Sequence[Role]:
    """Take on chargers that are wanted and that nobody runs, at most *room*."""
    taken: list[Role] = []
    if room <= 0:
        return taken
    for charger_id in await store.wanted(tx, limit=room):
        guest = await store.claim(tx, charger_id, host=host, lease=tx.now + LEASE)
        if guest is not None:
            taken.append(await _role(tx, vault, guest))
    return taken


async def renew(tx: Tx, settings: Settings, *, host: str) -> frozenset[str]:
    """Extend the leases of *host*; return the chargers that it is still to run.

    Where something is going on a charger is wanted for longer. Of the others those are left out
    that nobody has wanted for a while: *host* lets them leave, then releases them.
    """
    guests = await store.renew(tx, host=host, lease=tx.now + LEASE)
    if not guests:
        return frozenset()
    busy = await store.busy(tx, [guest.charger_id for guest in guests])
    until = tx.now + settings.sandbox_idle_after
    short = {
        guest.charger_id
        for guest in guests
        if guest.charger_id in busy
        and (guest.wanted_until is None or guest.wanted_until < until - LEASE)
    }
    if short:
        await store.want(tx, short, until=until)
    wanted = {
        guest.charger_id
        for guest in guests
        if guest.wanted_until is not None and guest.wanted_until > tx.now
    }
    return busy | wanted


async def release(tx: Tx, charger_ids: Collection[str], *, host: str) -> None:
    """Say that chargers have left and are not run any more."""
    await store.release(tx, charger_ids, host=host)


async def release_all(tx: Tx, *, host: str) -> None:
    """Say that *host* runs nothing (any more)."""
    await store.release_all(tx, host=host)


async def take_errands(tx: Tx, charger_ids: Collection[str]) -> Sequence[Errand]:
    """Take what is to happen at chargers, the oldest first; each is taken once."""
    taken = []
    for errand_id in await store.waiting_errands(tx, charger_ids):
        errand = await store.move(tx, errand_id, ActStatus.TAKEN)
        if errand is not None:
            taken.append(errand)
    return taken


async def answered(tx: Tx, errand: Errand, *, refused: str | None) -> None:
    """Write down that something happened, or why it could not."""
    to = ActStatus.DONE if refused is None else ActStatus.REFUSED
    if await store.move(tx, errand.id, to, reason=refused) is None:
        return
    if refused is None and errand.act in {Act.DISCONNECT, Act.RECONNECT}:
        await store.set_away(tx, errand.charger_id, away=errand.act is Act.DISCONNECT)
    tx.ring(errand_topic(errand.id), errand.id)


async def _role(tx: Tx, vault: Vault, guest: Guest) -> Role:
    """Return what is needed to run a charger; a password that nobody can read any more is replaced.

    That happens when a key was taken off the ring; one sealed with an older key is sealed anew.
    """
    context = password_context(guest.charger_id)
    try:
        password = vault.ring.decrypt(guest.password, context=context)
    except Undecryptable:
        password = passwords.generate()
        await charger_store.change_charger(
            tx,
            guest.charger_id,
            credential=passwords.hashed(vault.hasher, password.encode()),
            next_credential=None,
            next_credential_sends=None,
        )
        is_stale = True
    else:
        is_stale = vault.ring.needs_rotation(guest.password)
    if is_stale:
        sealed = vault.ring.encrypt(password, context=context)
        await store.set_password(tx, guest.charger_id, password=sealed)
    return Role(
        charger_id=guest.charger_id,
        name=guest.name,
        identity=identity_of(guest.name, guest.partner_id),
        password=password,
    )
