"""Meter readings of sessions, of many chargers at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.chargers import deviations
from core.chargers import status as connector_status
from core.kernel.db import Tx
from core.sessions import messages, reading_store, readings, store
from core.sessions.ending import settle_again
from core.sessions.facts import MeterSampled
from core.sessions.quality import DEFAULT_MAX_POWER_W
from core.sessions.reading_store import Metered

Codes = Sequence[str]


async def sample(tx: Tx, facts: Sequence[MeterSampled]) -> Sequence[Codes]:
    """Add meter readings to their sessions; readings of no session are only in the frame log.

    Returns:
        For each fact the deviations that were noted while it was stored.
    """
    known = await reading_store.metered(tx, {_ref(fact) for fact in facts if fact.transaction_ref})
    plain: dict[str, _Plain] = {}
    rest: list[int] = []
    for n, fact in enumerate(facts):
        session = known.get(_ref(fact))
        if session is None or not session.is_open or not fact.readings or session.id in plain:
            rest.append(n)
        else:
            plain[session.id] = _Plain(n, fact, session)
    codes: dict[int, Codes] = {}
    before = deviations.taken(tx)
    for n, found in await _sample_together(tx, list(plain.values())):
        if found is None:
            rest.append(n)
        else:
            codes[n] = found
    for n in sorted(rest):
        await _sample_alone(tx, facts[n])
        codes[n] = deviations.taken(tx)
    deviations.note(tx, *before, *(code for found in codes.values() for code in found))
    return [codes[n] for n in range(len(facts))]


@dataclass(frozen=True, slots=True)
class _Plain:
    """The only readings in the group for a session that is open."""

    n: int
    fact: MeterSampled
    session: Metered


async def _sample_together(tx: Tx, plain: Sequence[_Plain]) -> Sequence[tuple[int, Codes | None]]:
    """Store what is new; return the deviations of each, ``None`` for what is not new."""
    new = await store.remember(tx, [(one.fact.source, one.session.id, None) for one in plain])
    fresh = [one for one in plain if (one.session.charger_id, one.fact.source.key) in new]
    judged = {
        one.session.id: readings.judge(
            one.session,
            one.fact.readings,
            now=tx.now,
            max_power_w=one.session.connector_max_power_w or DEFAULT_MAX_POWER_W,
        )
        for one in fresh
    }
    await reading_store.add_readings(tx, [row for one in judged.values() for row in one.rows])
    changed = await reading_store.change_figures(
        tx, {id_: one.figures for id_, one in judged.items()}
    )
    for one in fresh:
        if one.session.id in changed:
            await readings.react(tx, changed[one.session.id])
        else:  # it was ended in the meantime
            await settle_again(tx, one.session.id)
    told = {one.n: deviations.codes_of(judged[one.session.id].marks) for one in fresh}
    return [(one.n, told.get(one.n)) for one in plain]


async def _sample_alone(tx: Tx, fact: MeterSampled) -> None:
    source = fact.source
    session = None
    if fact.transaction_ref is not None:
        session = await store.by_ref(tx, source.charger_id, fact.transaction_ref)
    if session is None and fact.evse > 0:
        connector = await connector_status.connector_at(tx, source.charger_id, fact.evse, None)
        session = None if connector is None else await store.current(tx, connector.id)
        if session is not None and fact.transaction_ref is None:
            deviations.note(tx, "meter_without_transaction")
    if session is None or await messages.known(tx, source) is not None:
        return
    if await messages.remember(tx, source, session.id, seq=None):
        await readings.record(tx, session.id, fact.readings)
        await settle_again(tx, session.id)


def _ref(fact: MeterSampled) -> tuple[str, str]:
    return fact.source.charger_id, fact.transaction_ref or ""
