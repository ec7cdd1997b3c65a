"""What the charger does when the central system asks: the same for both versions.

Functions decide at once and put what follows after the answer (``station.then``).
"""

from enum import StrEnum
from functools import partial

from simulator import engine
from simulator.dialect import Cause
from simulator.ledger import Payload, Transaction
from simulator.outbox import ask
from simulator.power import cut, restart
from simulator.profiles import TX
from simulator.station import Authorization, Connector, Reservation, Station
from simulator.wire import Disconnected, NoAnswer, Refused, payload_of


class Reserved(StrEnum):
    """Answers to ReserveNow, the same words in both versions."""

    ACCEPTED = "Accepted"
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"


class Done(StrEnum):
    """Answers to availability changes and resets."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"


def find_for_start(
    station: Station, connector_id: int | None, token: str, group: str | None
) -> Connector | None:
    """Return the connector a remote start with *token* may use; ``None`` refuses it."""
    if connector_id is not None:
        named = station.connectors.get(connector_id)
        candidates = [named] if named else []
    else:
        candidates = sorted(station.connectors.values(), key=lambda c: not c.plugged)
    for connector in candidates:
        if _can_start(connector, token, group):
            return connector
    return None


def _can_start(connector: Connector, token: str, group: str | None) -> bool:
    waits_for_token = connector.transaction is not None and not connector.transaction.token
    idle = connector.transaction is None or waits_for_token
    able = connector.operative and connector.fault is None and connector.authorization is None
    held = connector.reservation
    allowed = held is None or held.token == token or (group is not None and held.group == group)
    return idle and able and allowed


def remote_start(
    station: Station,
    *,
    connector_id: int | None,
    token: str,
    token_type: str | None = None,
    group: str | None = None,
    remote_start_id: int | None = None,
    profile: Payload | None = None,
) -> Connector | None:
    """Accept or refuse a remote start; return the connector if accepted."""
    if station.plan.rejects or not station.accepted or station.resetting:
        return None
    if profile is not None and profile.get("charging_profile_purpose") != TX:
        return None
    connector = find_for_start(station, connector_id, token, group)
    if connector is None:
        return None
    if station.plan.drops:
        station.then(lambda: cut(station, away_s=station.config.timing.drop_offline_s))
        return connector
    authorization = Authorization(
        token=token,
        token_type=token_type,
        remote=True,
        remote_start_id=remote_start_id,
        profile=profile,
    )
    if station.flag("authorize_remote"):
        station.then(lambda: station.spawn(_authorize_first(station, connector, authorization)))
    else:
        station.then(lambda: engine.authorize(station, connector, authorization))
    return connector


async def _authorize_first(
    station: Station, connector: Connector, authorization: Authorization
) -> None:
    try:
        answer = await ask(station, *payload_of(station.dialect.authorize(authorization.token)))
    except (Disconnected, NoAnswer, Refused):
        return
    if station.dialect.verdict(answer) == "Accepted":
        engine.authorize(station, connector, authorization)


def running(station: Station, transaction_id: str) -> Transaction | None:
    """Return the running transaction with that id."""
    for connector in station.connectors.values():
        transaction = connector.transaction
        if transaction is not None and transaction.transaction_id == transaction_id:
            return transaction
    return None


def remote_stop(station: Station, transaction_id: str) -> bool:
    """Stop the transaction after the answer; tell whether there is one."""
    transaction = running(station, transaction_id)
    if transaction is None:
        return False
    connector = station.connectors[transaction.connector]
    station.then(lambda: engine.end(station, connector, Cause.REMOTE))
    return True


def reserve(
    station: Station,
    *,
    connector_id: int | None,
    reservation: Reservation,
) -> Reserved:
    """Hold a connector for a token until the reservation expires."""
    for other in station.connectors.values():
        if other.reservation is not None and other.reservation.id == reservation.id:
            other.reservation = None
    if station.plan.rejects or reservation.expires_at <= station.clock.now():
        return Reserved.REJECTED
    if connector_id is None:
        candidates = list(station.connectors.values())
    elif connector_id in station.connectors:
        candidates = [station.connectors[connector_id]]
    else:
        return Reserved.REJECTED
    held = next((c for c in candidates if _reservable(c) is Reserved.ACCEPTED), None)
    if held is None:
        return _reservable(candidates[0])
    held.reservation = reservation
    station.then(lambda: engine.report_status(station, held))
    wait = reservation.expires_at - station.clock.now()
    station.after(wait.total_seconds(), lambda: _expire(station, held, reservation))
    return Reserved.ACCEPTED


def _reservable(connector: Connector) -> Reserved:
    if connector.fault is not None:
        return Reserved.FAULTED
    if not connector.operative:
        return Reserved.UNAVAILABLE
    if not connector.free or connector.plugged or connector.reservation is not None:
        return Reserved.OCCUPIED
    return Reserved.ACCEPTED


def _expire(station: Station, connector: Connector, reservation: Reservation) -> None:
    if connector.reservation is reservation:
        engine.release(station, connector, expired=True)


def cancel_reservation(station: Station, reservation_id: int) -> bool:
    """Release the reserved connector; tell whether there was such a reservation."""
    for held in station.connectors.values():
        if held.reservation is not None and held.reservation.id == reservation_id:
            held.reservation = None
            station.then(partial(engine.report_status, station, held))
            return True
    return False


def change_availability(station: Station, connector_id: int | None, *, operative: bool) -> Done:
    """Make one or all (``None``) connectors operative or not; busy ones when they are done."""
    if connector_id is None:
        concerned = list(station.connectors.values())
    elif connector_id in station.connectors:
        concerned = [station.connectors[connector_id]]
    else:
        return Done.REJECTED
    scheduled = False
    for connector in concerned:
        if connector.transaction is not None and connector.operative != operative:
            connector.wanted_operative = operative
            scheduled = True
        else:
            connector.operative, connector.wanted_operative = operative, None

    def tell() -> None:
        for connector in concerned:
            if not connector.operative and connector.reservation is not None:
                engine.release(station, connector, expired=False)
            engine.report_status(station, connector)

    station.then(tell)
    return Done.SCHEDULED if scheduled else Done.ACCEPTED


def reset(station: Station, *, hard: bool, when_idle: bool = False) -> Done:
    """Reboot after the answer, or when the last transaction is over."""
    busy = any(connector.transaction is not None for connector in station.connectors.values())
    cause = Cause.HARD_RESET if hard else Cause.SOFT_RESET
    if when_idle and busy:
        station.spawn(_reset_when_idle(station, cause))
        return Done.SCHEDULED
    station.then(lambda: station.spawn(restart(station, cause=cause, reason="RemoteReset")))
    return Done.ACCEPTED


def reset_connector(station: Station, connector: Connector, *, when_idle: bool) -> Done:
    """Reset one EVSE after the answer: its transaction ends, or is let end by itself."""
    if connector.transaction is None:
        return Done.ACCEPTED
    if when_idle:
        return Done.SCHEDULED
    end_after_answer(station, connector, Cause.HARD_RESET)
    return Done.ACCEPTED


async def _reset_when_idle(station: Station, cause: Cause) -> None:
    while any(connector.transaction is not None for connector in station.connectors.values()):
        await station.clock.sleep(1.0)
    await restart(station, cause=cause, reason="ScheduledReset")


def end_after_answer(station: Station, connector: Connector, cause: Cause) -> None:
    """End the connector's transaction once the answer is out."""
    station.then(lambda: engine.end(station, connector, cause))


def change_password(station: Station, password: str) -> None:
    """Use *password* from the next connection on, which follows at once (A01)."""
    station.password = password
    station.then(lambda: cut(station, away_s=0.0))
