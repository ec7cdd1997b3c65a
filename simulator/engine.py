"""What happens at a connector: cars come and go, transactions start, meter and end."""

from datetime import datetime

from simulator import ev, profiles
from simulator.dialect import Cause, Charging, Draft, Sample, Trigger
from simulator.ledger import Transaction
from simulator.outbox import report
from simulator.station import Authorization, Connector, Station

UNMETERED_TICK_S = 60.0
FLOWING = frozenset({Charging.CHARGING, Charging.SUSPENDED_EV, Charging.SUSPENDED_EVSE})


def report_status(station: Station, connector: Connector) -> None:
    """Tell the central system a connector's status if it is another one than last told."""
    status = station.dialect.status(station, connector)
    if status != connector.reported and station.online:
        connector.reported = status
        report(station, Draft(request=station.dialect.report_status(station, connector)))
    station.touch()


def settle(station: Station, connector: Connector) -> None:
    """Bring register and battery up to now."""
    now = station.clock.now()
    since, connector.settled_at = connector.settled_at, now
    if connector.state not in FLOWING or connector.car is None:
        return
    for seconds, limit_w in profiles.stretches(station, connector, since, now):
        connector.register_wh += ev.charge(connector.car, limit_w=limit_w, seconds=seconds)


def read_meter(station: Station, connector: Connector, context: str) -> Sample:
    """Return a sample of the connector's meter as of now."""
    settle(station, connector)
    car, config = connector.car, station.config
    power_w = 0.0
    if car is not None and connector.state is Charging.CHARGING:
        limit_w = profiles.limit_w(station, connector, connector.settled_at)
        power_w = ev.power_w(car, limit_w=limit_w)
    return Sample(
        at=connector.settled_at,
        register_wh=connector.meter_wh,
        power_w=power_w,
        soc_percent=car.soc_percent if car else 0.0,
        voltage_v=config.voltage_v,
        current_a=power_w / (config.voltage_v * config.phases),
        context=context,
    )


def plug(station: Station, connector: Connector) -> None:
    """A driver plugs the car in; a token that waits for it starts the transaction."""
    if connector.plugged:
        return
    settle(station, connector)
    connector.car = ev.arrive(station.config.vehicle)
    connector.finishing = False
    report_status(station, connector)
    startable = connector.operative and connector.fault is None
    if station.config.start_at_plug and startable and station.dialect.version == "2.0.1":
        _begin(station, connector, Trigger.CABLE, None)
    _start_soon(station, connector, station.config.timing.start_delay_s)


def unplug(station: Station, connector: Connector) -> None:
    """The car leaves; a running transaction ends with it."""
    if connector.transaction is not None:
        end(station, connector, Cause.EV_DISCONNECTED)
    settle(station, connector)
    connector.car = None
    connector.authorization = None
    connector.finishing = False
    report_status(station, connector)


def authorize(station: Station, connector: Connector, authorization: Authorization) -> None:
    """A token may start here; without a car it waits ``ConnectionTimeOut`` for one."""
    connector.authorization = authorization
    report_status(station, connector)
    timing, plan = station.config.timing, station.plan
    if plan.start_delay is not None and authorization.remote:
        delay_s = float(getattr(timing, plan.start_delay))
        _plug_then_start(station, connector, authorization, delay_s)
        return
    if connector.plugged:
        _start_soon(station, connector, timing.start_delay_s)
        return
    station.after(
        station.number("connection_timeout_s"), lambda: _give_up(station, connector, authorization)
    )
    if authorization.remote and station.config.auto_plug and plan.car_comes:
        station.after(timing.auto_plug_s, lambda: _car_comes(station, connector, authorization))


def _car_comes(station: Station, connector: Connector, authorization: Authorization) -> None:
    if connector.authorization is authorization:
        plug(station, connector)


def _plug_then_start(
    station: Station, connector: Connector, authorization: Authorization, delay_s: float
) -> None:
    def act() -> None:
        if connector.authorization is authorization and station.config.auto_plug:
            plug(station, connector)
        if connector.plugged:
            start(station, connector, authorization)

    station.after(delay_s, act)


def _give_up(station: Station, connector: Connector, authorization: Authorization) -> None:
    if connector.authorization is authorization and not connector.plugged:
        connector.authorization = None
        report_status(station, connector)


def _start_soon(station: Station, connector: Connector, delay_s: float) -> None:
    authorization = connector.authorization
    if authorization is not None:
        station.after(delay_s, lambda: start(station, connector, authorization))


def start(station: Station, connector: Connector, authorization: Authorization) -> None:
    """Start (or authorize the waiting) transaction, unless the world moved on meanwhile."""
    ready = connector.plugged and connector.operative and connector.fault is None
    if connector.authorization is not authorization or not ready:
        return
    trigger = Trigger.REMOTE_START if authorization.remote else Trigger.AUTHORIZED
    waiting = connector.transaction
    if waiting is not None and waiting.token:
        return
    connector.authorization = None
    if waiting is None:
        transaction = _begin(station, connector, trigger, authorization)
    else:
        transaction = waiting
        _take_token(station, connector, transaction, authorization)
        say_state(station, connector, Charging.EV_CONNECTED, trigger)
    say_state(station, connector, Charging.CHARGING, Trigger.STATE)
    report_status(station, connector)
    for act in station.on_start:
        act(connector, transaction, authorization)
    station.spawn(_charge(station, connector, transaction))
    _schedule_end(station, connector, transaction)


def _begin(
    station: Station,
    connector: Connector,
    trigger: Trigger,
    authorization: Authorization | None,
    *,
    past: datetime | None = None,
) -> Transaction:
    settle(station, connector)
    transaction = Transaction(
        ref=len(station.ledger.transactions()) + 1,
        connector=connector.id,
        token="",
        started_at=past or connector.settled_at,
        meter_start_wh=connector.meter_wh,
        recorded=past is not None,
    )
    if authorization is not None:
        _take_token(station, connector, transaction, authorization)
    station.ledger.add_transaction(transaction)
    connector.transaction = transaction
    connector.state = Charging.EV_CONNECTED
    connector.samples = 0
    for draft in station.dialect.started(station, transaction, trigger):
        report(station, draft, transaction)
    return transaction


def _take_token(
    station: Station,
    connector: Connector,
    transaction: Transaction,
    authorization: Authorization,
) -> None:
    transaction.token = authorization.token
    transaction.token_type = authorization.token_type
    transaction.remote = authorization.remote
    transaction.remote_start_id = authorization.remote_start_id
    reservation = connector.reservation
    if reservation is not None and authorization.token in {reservation.token, reservation.group}:
        transaction.reservation_id = reservation.id
        connector.reservation = None


def say_state(station: Station, connector: Connector, state: Charging, trigger: Trigger) -> None:
    """Enter a charging state and report it."""
    transaction = connector.transaction
    if transaction is None:
        return
    settle(station, connector)
    connector.state = state
    for draft in station.dialect.state_changed(
        station, transaction, state, trigger, connector.settled_at
    ):
        report(station, draft, transaction)


def _schedule_end(station: Station, connector: Connector, transaction: Transaction) -> None:
    config = station.config

    def if_running(act: Cause) -> None:
        if connector.transaction is transaction:
            end(station, connector, act)

    def fault_it() -> None:
        if connector.transaction is transaction:
            fault(station, connector, config.fault_code)
            if config.timing.fault_clear_s is not None:
                station.after(config.timing.fault_clear_s, lambda: clear_fault(station, connector))

    if config.session_s is not None:
        station.after(config.session_s, lambda: if_running(Cause.LOCAL))
    if station.plan.faults:
        station.after(config.timing.fault_after_s, fault_it)


async def _charge(station: Station, connector: Connector, transaction: Transaction) -> None:
    """Sample the meter and watch the battery until the transaction is over."""
    while True:
        interval_s = station.number("meter_interval_s")
        await station.clock.sleep(interval_s or UNMETERED_TICK_S)
        if connector.transaction is not transaction:
            return
        if interval_s:
            sample_now(station, connector, transaction)
        else:
            settle(station, connector)
        if connector.car and connector.car.full and connector.state is Charging.CHARGING:
            say_state(station, connector, Charging.SUSPENDED_EV, Trigger.STATE)
            report_status(station, connector)
        station.touch()


def sample_now(station: Station, connector: Connector, transaction: Transaction) -> None:
    """Send a periodic sample, or lose or spoil it as the behaviour says."""
    sample = read_meter(station, connector, "Sample.Periodic")
    index = connector.samples
    connector.samples += 1
    if index in station.plan.loses_samples:
        transaction.next_seq_no += 1
        return
    if index in station.plan.zeroes_samples:
        sample = Sample(**{**vars(sample), "register_wh": 0})
    for draft in station.dialect.sampled(station, transaction, sample):
        report(station, draft, transaction)


def end(station: Station, connector: Connector, cause: Cause) -> None:
    """End the running transaction, if there is one."""
    transaction = connector.transaction
    if transaction is None:
        return
    sample = read_meter(station, connector, "Transaction.End")
    connector.state = Charging.EV_CONNECTED if connector.plugged else Charging.IDLE
    close_book(station, transaction, cause, sample)
    connector.transaction = None
    connector.finishing = connector.plugged
    if connector.wanted_operative is not None:
        connector.operative, connector.wanted_operative = connector.wanted_operative, None
    report_status(station, connector)
    for act in station.on_end:
        act(connector, transaction)
    if station.config.auto_plug and connector.car is not None:
        _leave_later(station, connector)


def close_book(station: Station, transaction: Transaction, cause: Cause, sample: Sample) -> None:
    """Write the end of a transaction and queue its message."""
    transaction.ended_at = sample.at
    transaction.meter_stop_wh = sample.register_wh
    for draft in station.dialect.ended(station, transaction, cause, sample):
        report(station, draft, transaction)


def _leave_later(station: Station, connector: Connector) -> None:
    car = connector.car

    def leave() -> None:
        is_done = connector.transaction is None and connector.authorization is None
        if connector.car is car and is_done:  # else it was asked to charge again meanwhile
            unplug(station, connector)

    station.after(station.config.timing.auto_unplug_s, leave)


def deauthorized(station: Station, transaction: Transaction) -> None:
    """The central system refused the token of a running transaction: stop it."""
    connector = station.connectors[transaction.connector]
    if connector.transaction is transaction and station.flag("stop_on_invalid_id"):
        end(station, connector, Cause.DEAUTHORIZED)


def release(station: Station, connector: Connector, *, expired: bool) -> None:
    """End a reservation from the charger's side and say so where the version can."""
    reservation = connector.reservation
    if reservation is None:
        return
    connector.reservation = None
    request = station.dialect.reservation_ended(reservation.id, expired)
    if request is not None:
        report(station, Draft(request=request))
    report_status(station, connector)


def fault(station: Station, connector: Connector, code: str) -> None:
    """A fault: reported first, then the transaction ends, as most real chargers do it."""
    connector.fault = code
    connector.authorization = None
    report_status(station, connector)
    if station.dialect.version == "2.0.1":
        release(station, connector, expired=False)  # 1.6 knows no end of a reservation but time
    end(station, connector, Cause.EMERGENCY if code == "EmergencyStop" else Cause.FAULT)


def clear_fault(station: Station, connector: Connector) -> None:
    """The fault is repaired."""
    connector.fault = None
    report_status(station, connector)


def record(
    station: Station,
    connector: Connector,
    *,
    token: str,
    start_at: datetime,
    stop_at: datetime,
    energy_wh: int,
    samples: int,
) -> Transaction:
    """Write a whole past transaction into the book and the queue.

    Raises ``ValueError`` while another one runs at the connector.
    """
    if connector.transaction is not None:
        raise ValueError(f"connector {connector.id} is busy")
    settle(station, connector)
    authorization = Authorization(token=token, remote=False)
    transaction = _begin(station, connector, Trigger.AUTHORIZED, authorization, past=start_at)
    first_wh = transaction.meter_start_wh
    length = stop_at - start_at
    power_w = energy_wh / max(1.0, length.total_seconds()) * 3600
    connector.state = Charging.CHARGING
    for draft in station.dialect.state_changed(
        station, transaction, Charging.CHARGING, Trigger.STATE, start_at
    ):
        report(station, draft, transaction)
    for step in range(1, samples + 2):
        share = step / (samples + 1)
        last = step == samples + 1
        sample = Sample(
            at=start_at + length * share,
            register_wh=first_wh + int(energy_wh * share),
            power_w=0.0 if last else power_w,
            soc_percent=min(100.0, station.config.vehicle.soc_percent + 40 * share),
            voltage_v=station.config.voltage_v,
            current_a=power_w / (station.config.voltage_v * station.config.phases),
            context="Transaction.End" if last else "Sample.Periodic",
        )
        if last:
            close_book(station, transaction, Cause.LOCAL, sample)
            continue
        for draft in station.dialect.sampled(station, transaction, sample):
            report(station, draft, transaction)
    connector.register_wh += energy_wh
    connector.transaction = None
    connector.state = Charging.EV_CONNECTED if connector.plugged else Charging.IDLE
    return transaction
