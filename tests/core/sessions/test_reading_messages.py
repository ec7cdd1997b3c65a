"""Samples are stored once (I18), with the readings of their message, and shown as they came."""

import asyncio
import copy
import hashlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select

from core.kernel.db import Tx
from core.sessions import queries, sampling
from core.sessions import service as sessions
from core.sessions.facts import MeterSampled, Reading, Source, TransactionUpdated
from core.sessions.models import MeterValue, meter_values, transaction_messages
from core.sessions.reading_messages import whole, with_message
from core.sessions.transcript import told
from tests.core.sessions.conftest import Bench

SAMPLES = st.lists(
    st.fixed_dictionaries({"value": st.sampled_from(["1", "2.50"])}), min_size=1, max_size=2
)
ELEMENTS = st.one_of(
    st.fixed_dictionaries({"timestamp": st.text(max_size=3), "sampledValue": SAMPLES}),
    st.fixed_dictionaries({"timestamp": st.text(max_size=3)}),
    st.integers(),
    st.fixed_dictionaries({"sampledValue": st.integers(0, 3), "vendorX": st.booleans()}),
)


def source(raw: dict[str, Any], *, charger_id: str = "cp", content: str = "c") -> Source:
    return Source(
        charger_id=charger_id,
        action="MeterValues",
        message_id="m",
        key=f"meter:{content}",
        digest=hashlib.sha256(content.encode()).hexdigest(),
        raw=raw,
    )


@given(elements=st.lists(ELEMENTS, max_size=5) | ELEMENTS, data=st.data())
def test_a_message_is_put_together_as_it_was_whatever_its_readings_have(
    elements: Any, data: st.DataObject
) -> None:
    raw = {"connectorId": 1, "meterValue": elements, "vendorY": None}
    listed = elements if isinstance(elements, list) else []
    objects = [one for one in listed if isinstance(one, dict)]
    read = [one["sampledValue"] for one in objects if isinstance(one.get("sampledValue"), list)]
    if data.draw(st.booleans(), label="copied"):
        read = copy.deepcopy(read)
    rows = [{"samples": one} for one in data.draw(st.permutations(read))] or [{"samples": []}]

    stored = with_message(rows, source(raw))

    assert [row["samples"] for row in stored] == [row["samples"] for row in rows]
    assert [row["message"] is not None for row in stored] == [True] + [False] * (len(rows) - 1)
    message = stored[0]["message"]
    samples = [row["samples"] for row in stored]
    assert whole(message["payload"], message["samples"], samples) == raw


def test_samples_are_stored_once() -> None:
    samples = [{"value": "1", "measurand": "Energy.Active.Import.Register"}]
    raw = {"connectorId": 1, "meterValue": [{"timestamp": "t", "sampledValue": samples}]}

    [row] = with_message([{"samples": samples}], source(raw))

    assert "measurand" not in str(row["message"])


async def begun(bench: Bench) -> str:
    started = await bench.start("CARD", meter_wh=1000)
    assert started.session is not None
    return started.session.transaction_ref


def reported(bench: Bench, ref: str | None, *minutes: int, raw: Any = None) -> MeterSampled:
    elements = [{"timestamp": str(minute), "sampledValue": [minute]} for minute in minutes]
    return MeterSampled(
        source=source(
            raw or {"connectorId": 1, "meterValue": elements},
            charger_id=bench.charger_id,
            content=f"{ref}-{minutes}",
        ),
        evse=1,
        transaction_ref=ref,
        readings=tuple(
            Reading(at=bench.at(minute), energy_wh=1000 + 100 * minute, samples=[minute])
            for minute in minutes
        ),
    )


async def readings(bench: Bench) -> Sequence[MeterValue]:
    [session] = await bench.sessions()
    async with bench.db.transaction() as tx:
        return await queries.meter_values_of(tx, session.id, after_number=0, limit=100)


@pytest.mark.parametrize("names_it", [True, False])
async def test_i18_meter_values_told_again_change_nothing(bench: Bench, *, names_it: bool) -> None:
    ref = await begun(bench)
    fact = reported(bench, ref if names_it else None, 10, 11)
    async with bench.db.transaction() as tx:
        await sampling.sample(tx, [fact, fact])
    before = await bench.sessions(), await readings(bench)

    for again in range(2):
        async with bench.db.transaction() as tx:
            noted = await sampling.sample(tx, [fact])
        assert (await bench.sessions(), await readings(bench)) == before, again
        assert list(noted[0])[-1:] == ["transaction_message_repeated"]

    if names_it:
        await bench.end(ref)
        async with bench.db.transaction() as tx:
            await sampling.sample(tx, [fact])
    assert len(await readings(bench)) == len(before[1]) == 2
    assert await bench.is_healthy()


async def test_i18_meter_values_without_transaction_are_not_told_of_the_next_one(
    bench: Bench,
) -> None:
    fact = reported(bench, None, 10)
    for minute in (0, 20):
        started = await bench.start("CARD", minute=minute)
        assert started.session is not None
        async with bench.db.transaction() as tx:
            await sampling.sample(tx, [fact])
        await bench.end(started.session.transaction_ref, minute=minute + 15)

    ids = [one.id for one in await bench.sessions()]
    async with bench.db.transaction() as tx:
        found = [await told(tx, id_, after=0, limit=9) for id_ in ids]
    assert sum(one.raw == fact.source.raw for messages in found for one in messages) == 1


@pytest.mark.parametrize("is_over", [False, True])
async def test_i18_meter_values_that_two_nodes_hear_at_once_are_stored_once(
    bench: Bench, *, is_over: bool
) -> None:
    ref = await begun(bench)
    if is_over:
        await bench.end(ref)
    fact = reported(bench, ref, 10)

    async def hear() -> None:
        async with bench.db.transaction() as tx:
            await sampling.sample(tx, [fact])

    await asyncio.gather(*(hear() for _ in range(4)))

    assert len(await readings(bench)) == 1
    assert await bench.is_healthy()


async def test_i17_what_two_nodes_hear_at_once_is_stored_both(bench: Bench) -> None:
    ref = await begun(bench)

    async def hear(minute: int) -> None:
        async with bench.db.transaction() as tx:
            await sampling.sample(tx, [reported(bench, ref, minute)])

    await asyncio.gather(*(hear(minute) for minute in (10, 11, 12, 13)))

    assert sorted(one.energy_wh or 0 for one in await readings(bench)) == [2000, 2100, 2200, 2300]
    [session] = await bench.sessions()
    assert session.energy_wh == 1300


async def test_meter_values_are_shown_as_they_came_among_the_other_messages(bench: Bench) -> None:
    ref = await begun(bench)
    late_first = reported(bench, ref, 12, 11)
    odd = reported(bench, ref, 13, raw={"meterValue": [{"sampledValue": [13]}, {"other": 1}]})
    for fact in (late_first, odd):
        async with bench.db.transaction() as tx:
            await sampling.sample(tx, [fact])
    await bench.end(ref)
    [session] = await bench.sessions()

    async def shown(tx: Tx, **page: int) -> list[Any]:
        return [one.raw for one in await told(tx, session.id, **page)]

    async with bench.db.transaction() as tx:
        everything = await shown(tx, after=0, limit=10)
        pages = [await shown(tx, after=n, limit=1) for n in range(4)]

    assert everything[1:3] == [late_first.source.raw, odd.source.raw]
    assert [one for page in pages for one in page] == everything
    assert len(everything) == 4


def updated(bench: Bench, seq: int, *minutes: int) -> TransactionUpdated:
    """Return an Updated of 2.x, its elements in this order."""
    elements = [{"timestamp": str(minute), "sampledValue": [minute, 0.5]} for minute in minutes]
    readings = tuple(
        Reading(at=bench.at(minute), energy_wh=1000 + 100 * minute, samples=element["sampledValue"])
        for minute, element in zip(minutes, elements, strict=True)
    )
    raw = {"eventType": "Updated", "seqNo": seq, "meterValue": elements, "x": None}
    digest = hashlib.sha256(repr(raw).encode()).hexdigest()
    return TransactionUpdated(
        source=Source(
            charger_id=bench.charger_id,
            action="TransactionEvent",
            message_id="m",
            key=f"event:T1:{seq}",
            digest=digest,
            raw=raw if minutes else {"eventType": "Updated", "seqNo": seq},
        ),
        transaction_ref="T1",
        evse=1,
        connector=1,
        token=None,
        token_kind=None,
        remote_start_id=None,
        reservation=None,
        at=bench.at(max(minutes, default=30)),
        status=None,
        readings=readings,
        seq=seq,
    )


async def tell(bench: Bench, *facts: TransactionUpdated) -> None:
    for fact in facts:
        async with bench.db.transaction() as tx:
            await sessions.update(tx, fact)


async def transcript(bench: Bench) -> list[Any]:
    [session] = await bench.sessions()
    async with bench.db.transaction() as tx:
        return [one.raw for one in await told(tx, session.id, after=0, limit=9)]


async def test_i18_samples_of_an_update_are_stored_once_and_shown_as_they_came(
    bench: Bench,
) -> None:
    await bench.start("CARD", ref="T1", seq=0)
    facts = [updated(bench, 1, 12, 11), updated(bench, 2), updated(bench, 3, 13)]
    await tell(bench, *facts)
    before = await bench.sessions(), await readings(bench)

    await tell(bench, *facts)

    assert (await bench.sessions(), await readings(bench)) == before
    assert (await transcript(bench))[1:] == [fact.source.raw for fact in facts]
    async with bench.db.transaction() as tx:
        kept = await tx.all(
            select(transaction_messages.c.raw).order_by(transaction_messages.c.seq).offset(1)
        )
    assert "sampledValue" not in str(kept)
    assert await bench.is_healthy()


async def test_an_update_without_its_readings_is_shown_as_what_is_left_of_it(bench: Bench) -> None:
    await bench.start("CARD", ref="T1", seq=0)
    fact = updated(bench, 1, 11)
    await tell(bench, fact)
    async with bench.db.transaction() as tx:
        await tx.execute(delete(meter_values))

    [_, shown] = await transcript(bench)

    assert shown == fact.source.raw | {"meterValue": [{"timestamp": "11"}]}
    await tell(bench, fact)
    assert not await readings(bench)
