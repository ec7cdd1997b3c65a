"""Meter readings of sessions, of many chargers at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from core.chargers import deviations
from core.chargers import status as connector_status
from core.kernel.db import Tx
from core.sessions import messages, reading_messages, reading_store, readings, store
from core.sessions.ending import settle_again
from core.sessions.facts import MeterSampled
from core.sessions.messages import REPEATED
from core.sessions.models import Session
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

    @property
    def message(self) -> tuple[str, int]:
        return self.session.id, reading_messages.key_of(self.fact.source.digest)


async def _sample_together(tx: Tx, plain: Sequence[_Plain]) -> Sequence[tuple[int, Codes | None]]:
    """Store what is new; return the deviations of each.

    ``None`` stands for what is not new, and for a session that has changed since it was read: what
    another node has stored of it meanwhile may be the same.
    """
    if not plain:
        return ()
    since = min(one.session.created_at for one in plain)
    known = await reading_store.known(tx, {one.message for one in plain}, since=since)
    new = [one for one in plain if one.message not in known]
    judged = {
        one.session.id: readings.judge(
            one.session,
            one.fact.readings,
            now=tx.now,
            max_power_w=one.session.connector_max_power_w or DEFAULT_MAX_POWER_W,
        )
        for one in new
    }
    changed = await reading_store.change_figures(
        tx,
        {id_: one.figures for id_, one in judged.items()},
        sequences={one.session.id: one.session.sequence for one in new},
    )
    stored = [one for one in new if one.session.id in changed]
    rows = [
        reading_messages.with_message(judged[one.session.id].rows, one.fact.source)
        for one in stored
    ]
    await reading_store.add_readings(tx, list(chain.from_iterable(rows)))
    for one in stored:
        await readings.react(tx, changed[one.session.id])
    codes = {one.n: deviations.codes_of(judged[one.session.id].marks) for one in stored}
    return [(one.n, codes.get(one.n)) for one in plain]


async def _sample_alone(tx: Tx, fact: MeterSampled) -> None:
    source = fact.source
    if fact.transaction_ref is not None:
        session = await store.by_ref(tx, source.charger_id, fact.transaction_ref)
        if session is not None:
            await _sample_named(tx, session, fact)
            return
    if fact.evse == 0:
        return
    connector = await connector_status.connector_at(tx, source.charger_id, fact.evse, None)
    session = None if connector is None else await store.current(tx, connector.id)
    if session is None:
        return
    if fact.transaction_ref is None:
        deviations.note(tx, "meter_without_transaction")
    # the session of now, which may be another when the message comes again
    if await messages.known(tx, source) is not None:
        return
    if await messages.remember(tx, source, session.id, seq=None):
        await readings.record(tx, session.id, fact.readings)
        await settle_again(tx, session.id)


async def _sample_named(tx: Tx, session: Session, fact: MeterSampled) -> None:
    await reading_store.hold(tx, session.id)
    message = session.id, reading_messages.key_of(fact.source.digest)
    if await reading_store.known(tx, [message], since=session.created_at):
        deviations.note(tx, REPEATED)
        return
    await readings.record(tx, session.id, fact.readings, told_by=fact.source)
    await settle_again(tx, session.id)


def _ref(fact: MeterSampled) -> tuple[str, str]:
    return fact.source.charger_id, fact.transaction_ref or ""
