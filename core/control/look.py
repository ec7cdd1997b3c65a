"""A look at the connector before anything is asked of its charger (SY-4)."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Executable, select

from core.chargers.models import Charger, Connector, chargers, connectors, stations
from core.chargers.states import BUSY, ConnectorStatus, Registration
from core.chargers.store import station_known
from core.control.requests import Requester
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.queries import query
from core.operations import reservation_store, reservations
from core.operations.models import Reservation
from core.partners.models import grants
from core.sessions import store as session_store


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A connector that the partner may see, its charger, and whether it may control it."""

    connector: Connector
    charger: Charger
    control: bool


async def find(tx: Tx, requester: Requester, connector_id: str) -> Place:
    """Return the connector if it is granted to the partner in this mode.

    Raises:
        PlatformError: ``not_found``, also for what belongs to others.
    """
    statement = _place(connector_id, requester.partner_id, livemode=requester.livemode)
    row = await tx.one_or_none(statement)  # one question for all: its time tells nothing either
    if row is None:
        raise not_found("connector")
    until = 1 + len(_CONNECTOR)
    charger = Charger(**dict(zip(_CHARGER, row[until:], strict=True)))
    station_known(tx, charger.id, charger.station_id)
    connector = Connector(**dict(zip(_CONNECTOR, row[1:until], strict=True)))
    return Place(connector=connector, charger=charger, control=row[0])


_CONNECTOR: Final = tuple(connectors.c.keys())
_CHARGER: Final = tuple(chargers.c.keys())


@query
def _place(connector_id: str, partner_id: str, *, livemode: bool) -> Executable:
    return (
        select(
            grants.c.control,
            *(connectors.c[name].label(f"connector_{name}") for name in _CONNECTOR),
            *(chargers.c[name].label(f"charger_{name}") for name in _CHARGER),
        )
        .select_from(grants)
        .join(stations, stations.c.id == grants.c.station_id)
        .join(chargers, chargers.c.station_id == stations.c.id)
        .join(connectors, connectors.c.charger_id == chargers.c.id)
        .where(
            connectors.c.id == connector_id,
            grants.c.partner_id == partner_id,
            stations.c.livemode == livemode,
            stations.c.removed_at.is_(None),
            chargers.c.removed_at.is_(None),
        )
    )


def require_control(place: Place) -> None:
    """Refuse a partner that may only look.

    Raises:
        PlatformError: ``station_not_granted``.
    """
    if not place.control:
        raise PlatformError("station_not_granted", "Ask the operator to grant control of it.")


def require_online(charger: Charger) -> None:
    """Refuse what the charger could not hear.

    Raises:
        PlatformError: ``charger_offline``.
    """
    if not charger.online:
        raise PlatformError("charger_offline", "The charger is not connected; nothing was sent.")


def require_accepted(charger: Charger) -> None:
    """Refuse to begin something at a charger that waits for the operator's approval.

    Raises:
        PlatformError: ``connector_unavailable``.
    """
    if charger.registration is not Registration.ACCEPTED:
        raise PlatformError(
            "connector_unavailable",
            "The charger waits for its operator's approval; nothing can begin there until then.",
        )


def require_working(connector: Connector) -> None:
    """Refuse a connector that is out of order.

    Raises:
        PlatformError: ``connector_faulted`` or ``connector_unavailable``.
    """
    if connector.status is ConnectorStatus.FAULTED:
        raise PlatformError("connector_faulted", f"It reports {connector.error_code or 'a fault'}.")
    if connector.status is ConnectorStatus.UNAVAILABLE:
        raise PlatformError("connector_unavailable", "The charger took it out of service.")


async def require_free(
    tx: Tx, connector: Connector, *, for_reservation: Reservation | None = None
) -> None:
    """Refuse a connector where a session is going on, or that is held for somebody else.

    A status that is older than the end of the session or reservation it told of says nothing any
    more.

    Raises:
        PlatformError: ``connector_busy``, ``connector_reserved``.
    """
    busy, is_held = await tx.one(_occupied(connector.id))
    if not busy and connector.status in BUSY:
        busy = not await session_store.ended_since(tx, connector.id, connector.as_of)
    if busy:
        raise PlatformError("connector_busy", "A session is going on there.")
    held = None
    if is_held:
        await reservations.expire_overdue(tx, connector_id=connector.id)
        held = await reservation_store.open_on(tx, connector.id)
    if for_reservation is not None and held is not None and held.id == for_reservation.id:
        return
    reserved = held is not None
    if not reserved and connector.status is ConnectorStatus.RESERVED:
        reserved = not await reservation_store.ended_since(tx, connector, connector.as_of)
    if reserved:
        raise PlatformError("connector_reserved", "It is held for somebody else.")


@query
def _occupied(connector_id: str) -> Executable:
    """Return whether a session is going on, and whether a reservation is open or overdue."""
    return select(
        session_store.of_connector(connector_id).exists(),
        reservation_store.of_connector(connector_id).exists(),
    )


async def own_reservation(tx: Tx, requester: Requester, reservation_id: str) -> Reservation:
    """Return the partner's reservation.

    Raises:
        PlatformError: ``not_found``.
    """
    reservation = await reservation_store.by_id(tx, reservation_id)
    if (
        reservation is None
        or reservation.partner_id != requester.partner_id
        or reservation.livemode != requester.livemode
    ):
        raise not_found("reservation")
    return reservation
