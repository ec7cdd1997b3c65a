"""A look at the connector before anything is asked of its charger (SY-4)."""

from dataclasses import dataclass

from sqlalchemy import Executable, select

from core.chargers.models import Charger, Connector, chargers, connectors, stations
from core.chargers.states import BUSY, ConnectorStatus, Registration
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
    statement = _control_of(connector_id, requester.partner_id, livemode=requester.livemode)
    control = await tx.scalar(statement)  # one question for all: its time tells nothing either
    if control is None:
        raise not_found("connector")
    connector = await tx.one(_connector(connector_id), Connector)
    charger = await tx.one(_charger(connector.charger_id), Charger)
    return Place(connector=connector, charger=charger, control=control)


@query
def _control_of(connector_id: str, partner_id: str, *, livemode: bool) -> Executable:
    return (
        select(grants.c.control)
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


@query
def _connector(connector_id: str) -> Executable:
    return select(connectors).where(connectors.c.id == connector_id)


@query
def _charger(charger_id: str) -> Executable:
    return select(chargers).where(chargers.c.id == charger_id)


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


async def require_free(tx: Tx, connector: Connector) -> None:
    """Refuse a connector where a session is going on.

    A busy status that is older than the end of the session it told of says nothing any more.

    Raises:
        PlatformError: ``connector_busy``.
    """
    busy = await session_store.current(tx, connector.id) is not None
    if not busy and connector.status in BUSY:
        busy = not await session_store.ended_since(tx, connector.id, connector.as_of)
    if busy:
        raise PlatformError("connector_busy", "A session is going on there.")


async def require_unreserved(
    tx: Tx, connector: Connector, *, for_reservation: Reservation | None
) -> None:
    """Refuse a connector that is held for somebody else.

    Raises:
        PlatformError: ``connector_reserved``.
    """
    await reservations.expire_overdue(tx, connector_id=connector.id)
    held = await reservation_store.open_on(tx, connector.id)
    if for_reservation is not None and held is not None and held.id == for_reservation.id:
        return
    if held is not None or connector.status is ConnectorStatus.RESERVED:
        raise PlatformError("connector_reserved", "It is held for somebody else.")


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
