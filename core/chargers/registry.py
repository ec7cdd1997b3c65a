"""Use cases of people: stations, chargers and their connectors as they are registered."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers import announcing, connector_store, passwords, store
from core.chargers.checks import check_columns, invalid
from core.chargers.identities import is_identity
from core.chargers.models import Charger, Connector, chargers
from core.chargers.models import connectors as connector_table
from core.chargers.states import ConnectorStatus, Registration
from core.chargers.stations import (
    create_station,
    get_station,
    grant_station,
    list_stations,
    remove_station,
    revoke_station,
    tree_of,
    update_station,
)
from core.chargers.status import MAX_CONNECTORS, MAX_NUMBER
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id
from core.kernel.page import Page, Slice

__all__ = [
    "ConnectorSpec",
    "approve",
    "by_identity",
    "connector",
    "connectors_of",
    "create_station",
    "delete",
    "disable",
    "enable",
    "get",
    "get_station",
    "grant_station",
    "list_chargers",
    "list_stations",
    "put_connectors",
    "register",
    "reject",
    "remove_station",
    "revoke_station",
    "set_password",
    "tree_of",
    "update",
    "update_station",
]

PROFILES: Final = range(4)
_CHANGEABLE: Final = frozenset({"station_id", "security_profile", "vendor", "model"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorSpec:
    """What a connector is; power in W, voltage in V, current in A. 1.6: *connector* is 1."""

    evse: int
    connector: int = 1
    standard: str | None = None
    format: str | None = None
    power_type: str | None = None
    max_power_w: int | None = None
    max_voltage_v: int | None = None
    max_current_a: int | None = None


async def register(
    tx: Tx,
    vault: Vault,
    actor: Actor,
    *,
    identity: str,
    password: str | None = None,
    station_id: str | None = None,
    security_profile: int = 1,
    connectors: Sequence[ConnectorSpec] = (),
) -> tuple[Charger, str | None]:
    """Register an accepted charger; return it and its password, which nobody can read again.

    Without *password* one is made. Security profile 0 has none.

    Raises:
        PlatformError: ``invalid_parameter``; ``conflict``: the identity is taken, in whatever
            case; ``not_found``: no such station.
    """
    if not is_identity(identity):
        raise invalid("identity", "has 1 to 48 printable ASCII characters without : and /")
    _check_profile(security_profile)
    if security_profile == 0 and password is not None:
        raise invalid("password", "is not used with security profile 0; leave it out")
    if station_id is not None:
        await get_station(tx, station_id)
    shown = None
    if security_profile > 0:
        shown = passwords.generate() if password is None else passwords.checked(password)
    charger = await store.add_charger(
        tx,
        id=new_id("cp"),
        station_id=station_id,
        identity=identity,
        identity_key=identity.lower(),
        registration=Registration.ACCEPTED,
        credential=None if shown is None else passwords.hashed(vault.hasher, shown.encode()),
        security_profile=security_profile,
    )
    if charger is None:
        raise PlatformError("conflict", "A charger with this identity is registered already.")
    await audit.record(tx, actor, "charger.registered", charger.id, after=_facts(charger))
    await announcing.station_changed(tx, station_id)
    if connectors:
        await put_connectors(tx, actor, charger.id, connectors)
    return charger, shown


async def set_password(
    tx: Tx, vault: Vault, actor: Actor, charger_id: str, *, password: str | None = None
) -> str:
    """Replace a charger's password at once; return it, made if not given, for the last time.

    A charger of security profile 0 comes to profile 1 by that.

    Raises:
        PlatformError: ``not_found``, ``invalid_parameter``.
    """
    before = await get(tx, charger_id)
    shown = passwords.generate() if password is None else passwords.checked(password)
    after = await store.change_charger(
        tx,
        charger_id,
        credential=passwords.hashed(vault.hasher, shown.encode()),
        next_credential=None,
        next_credential_sends=None,
        security_profile=max(before.security_profile, 1),
    )
    await _note(tx, actor, "charger.password_set", before, after)
    return shown


async def approve(tx: Tx, actor: Actor, charger_id: str) -> Charger:
    """Let a pending or rejected charger work; it learns that at its next boot.

    Raises:
        PlatformError: ``not_found``; ``conflict`` if it is neither.
    """
    sources = frozenset({Registration.PENDING, Registration.REJECTED})
    return await _move(tx, actor, charger_id, Registration.ACCEPTED, sources, "charger.approved")


async def reject(tx: Tx, actor: Actor, charger_id: str) -> Charger:
    """Refuse a pending charger.

    Raises:
        PlatformError: ``not_found``; ``conflict`` if it is not pending.
    """
    sources = frozenset({Registration.PENDING})
    return await _move(tx, actor, charger_id, Registration.REJECTED, sources, "charger.rejected")


async def disable(tx: Tx, actor: Actor, charger_id: str) -> Charger:
    """Keep an accepted charger from connecting.

    Raises:
        PlatformError: ``not_found``; ``conflict`` if it is not accepted.
    """
    sources = frozenset({Registration.ACCEPTED})
    return await _move(tx, actor, charger_id, Registration.DISABLED, sources, "charger.disabled")


async def enable(tx: Tx, actor: Actor, charger_id: str) -> Charger:
    """Let a disabled charger connect again.

    Raises:
        PlatformError: ``not_found``; ``conflict`` if it is not disabled.
    """
    sources = frozenset({Registration.DISABLED})
    return await _move(tx, actor, charger_id, Registration.ACCEPTED, sources, "charger.enabled")


async def delete(tx: Tx, actor: Actor, charger_id: str) -> None:
    """Remove a charger; its past stays, its identity is free again.

    Raises:
        PlatformError: ``not_found``.
    """
    before = await get(tx, charger_id)
    after = await store.change_charger(
        tx, charger_id, identity_key=None, credential=None, next_credential=None, removed_at=tx.now
    )
    await _note(tx, actor, "charger.deleted", before, after)
    await announcing.station_changed(tx, before.station_id)
    _look_at_socket(tx, before)


async def update(tx: Tx, actor: Actor, charger_id: str, changes: Mapping[str, Any]) -> Charger:
    """Change any of station_id, security_profile, vendor, model.

    An open socket that does not come up to a higher profile is closed (``login.is_enough``).

    Raises:
        PlatformError: ``not_found``: no such charger or station; ``invalid_parameter``.
    """
    if unknown := set(changes) - _CHANGEABLE:
        raise ValueError(f"a charger has no changeable {sorted(unknown)}")
    check_columns(chargers, changes)
    before = await get(tx, charger_id)
    if "security_profile" in changes:
        _check_profile(changes["security_profile"])
    if changes.get("station_id") is not None:
        await get_station(tx, changes["station_id"])
    after = await store.change_charger(tx, charger_id, **changes)
    after = await _note(tx, actor, "charger.updated", before, after)
    if after.security_profile > before.security_profile:
        _look_at_socket(tx, after)
    await announcing.station_changed(tx, before.station_id)
    await announcing.station_changed(tx, after.station_id)
    if after.station_id != before.station_id:
        locked = await connector_store.lock_connectors(tx, [charger_id])
        announcing.connectors_changed(tx, locked)
    return after


async def get(tx: Tx, charger_id: str) -> Charger:
    """Return a charger.

    Raises:
        PlatformError: ``not_found``, also for a removed one.
    """
    charger = await store.charger(tx, charger_id)
    if charger is None:
        raise not_found("charger")
    return charger


async def by_identity(tx: Tx, identity: str) -> Charger | None:
    """Return the charger with an identity, in whatever case."""
    return await store.charger_of_identity(tx, identity)


async def list_chargers(
    tx: Tx,
    *,
    identity: str | None = None,
    station_id: str | None = None,
    registration: Registration | None = None,
    online: bool | None = None,
    page: Page,
) -> Slice[Charger]:
    """Return one page of the chargers that fit."""
    return await store.chargers_page(
        tx,
        identity=identity,
        station_id=station_id,
        registration=registration,
        online=online,
        page=page,
    )


async def connectors_of(tx: Tx, charger_id: str) -> Sequence[Connector]:
    """Return a charger's connectors in the order of their numbers."""
    return await connector_store.connectors_of(tx, [charger_id])


async def connector(tx: Tx, connector_id: str) -> Connector:
    """Return a connector.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await connector_store.connector_by_id(tx, connector_id)
    if found is None:
        raise not_found("connector")
    return found


async def put_connectors(
    tx: Tx, actor: Actor, charger_id: str, specs: Sequence[ConnectorSpec]
) -> Sequence[Connector]:
    """Describe connectors of a charger, new ones too; those not named stay as they are.

    Raises:
        PlatformError: ``not_found``, ``invalid_parameter``.
    """
    charger = await get(tx, charger_id)
    before = await connectors_of(tx, charger_id)
    places = {(spec.evse, spec.connector) for spec in specs}
    if len(places) < len(specs) or not all(_is_place(*place) for place in places):
        raise invalid("connectors", f"have different numbers from 1 to {MAX_NUMBER}")
    if len(places | {(one.evse, one.connector) for one in before}) > MAX_CONNECTORS:
        raise invalid("connectors", f"are {MAX_CONNECTORS} at most")
    for spec in specs:
        check_columns(connector_table, asdict(spec))
    added = [await _put(tx, charger_id, spec) for spec in specs]
    announcing.connectors_changed(tx, [one for one in added if one is not None])
    await announcing.station_changed(tx, charger.station_id)
    await audit.record(
        tx,
        actor,
        "charger.connectors_put",
        charger_id,
        after={"connectors": [asdict(spec) for spec in specs]},
    )
    return await connectors_of(tx, charger_id)


async def _put(tx: Tx, charger_id: str, spec: ConnectorSpec) -> str | None:
    """Change or add one connector; return its id if it is new."""
    values = asdict(spec)
    place = (values.pop("evse"), values.pop("connector"))
    if await connector_store.change_connector(tx, charger_id, *place, learned=False, **values):
        return None
    added = await connector_store.add_connector(
        tx,
        id_=new_id("con"),
        charger_id=charger_id,
        evse=spec.evse,
        connector=spec.connector,
        learned=False,
        status=ConnectorStatus.UNKNOWN,
        **values,
    )
    return None if added is None else added.id


async def _move(
    tx: Tx,
    actor: Actor,
    charger_id: str,
    to: Registration,
    sources: frozenset[Registration],
    action: str,
) -> Charger:
    before = await get(tx, charger_id)
    after = await store.move_charger(tx, charger_id, to, sources=sources)
    if after is None:
        raise PlatformError("conflict", f"The charger is {before.registration}.")
    _look_at_socket(tx, after)
    return await _note(tx, actor, action, before, after)


async def _note(
    tx: Tx, actor: Actor, action: str, before: Charger, after: Charger | None
) -> Charger:
    if after is None:
        raise not_found("charger")
    await audit.record(tx, actor, action, after.id, before=_facts(before), after=_facts(after))
    return after


def _facts(charger: Charger) -> dict[str, Any]:
    """Return what the audit trail keeps of a charger: no credential."""
    return {
        "identity": charger.identity,
        "registration": charger.registration,
        "station_id": charger.station_id,
        "security_profile": charger.security_profile,
        "vendor": charger.vendor,
        "model": charger.model,
    }


def _look_at_socket(tx: Tx, charger: Charger) -> None:
    """Let the node that holds the charger see that it may (not) stay."""
    if charger.node_id is not None:
        tx.ring(f"csms:{charger.node_id}", charger.id)


def _check_profile(security_profile: int) -> None:
    if security_profile not in PROFILES:
        raise invalid("security_profile", "is 0, 1, 2 or 3")


def _is_place(evse: int, connector: int) -> bool:
    return 1 <= evse <= MAX_NUMBER and 1 <= connector <= MAX_NUMBER
