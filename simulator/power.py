"""Losing the connection and the power."""

from simulator import engine
from simulator.dialect import Cause
from simulator.station import Connector, Station


def cut(station: Station, *, away_s: float, abort: bool = True) -> None:
    """End the connection now, the hard way if *abort*; stay away for *away_s*."""
    station.away_s = away_s
    if station.wire is not None:
        station.spawn(station.wire.hang_up(abort=abort))


async def restart(
    station: Station, *, cause: Cause, reason: str, lose_transactions: bool = False
) -> None:
    """End or lose all transactions, go away, come back with a boot.

    A soft reset reports the ends before it leaves; a hard one after the boot. *reason* is a 2.0.1
    BootReasonEnumType.
    """
    station.resetting = True
    soft = cause in {Cause.SOFT_RESET, Cause.REBOOT}
    if not soft:
        _go_dark(station, reason)
        await _hang_up(station, abort=True)
    for connector in station.connectors.values():
        _power_off(station, connector, cause, lose=lose_transactions)
    if soft:
        await _drained(station)
        _go_dark(station, reason)
        await _hang_up(station, abort=False)
    station.settings.rebooted()
    for act in station.on_reboot:
        act()
    station.resetting = False
    station.touch()


async def _hang_up(station: Station, *, abort: bool) -> None:
    """End the connection that there is now: while last words went out it may have been replaced."""
    if station.wire is not None:
        await station.wire.hang_up(abort=abort)


def _go_dark(station: Station, reason: str) -> None:
    station.online = False
    station.accepted = False
    station.boot_reason = reason
    station.away_s = station.config.timing.reboot_s


def _power_off(station: Station, connector: Connector, cause: Cause, *, lose: bool) -> None:
    if lose and connector.transaction is not None:
        engine.settle(station, connector)
        connector.transaction.forgotten = True
        connector.transaction = None
    engine.end(station, connector, cause)
    connector.authorization = None
    connector.finishing = False
    connector.reported = None


async def _drained(station: Station) -> None:
    """Wait until the last words are out, but not for ever."""
    for _ in range(20):
        if not len(station.outbox) or not station.online:
            return
        await station.clock.sleep(0.5)
