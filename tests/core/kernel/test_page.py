"""Pages follow each other without a gap or a repeat, also where a filter has no index."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from core.chargers.models import Station, stations
from core.kernel import page as pages
from core.kernel.db import Database, Tx
from core.kernel.page import Page, Slice, merged, paginate

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = [
    (f"st_{n:02d}", BEGAN + timedelta(hours=n // 4), "DE" if n % 7 else "AT") for n in range(30)
]


async def _fill(tx: Tx) -> None:
    rows: Sequence[dict[str, Any]] = [
        {
            "id": id_,
            "name": id_,
            "livemode": True,
            "country": country,
            "time_zone": "UTC",
            "created_at": at,
            "updated_at": at,
        }
        for id_, at, country in ROWS
    ]
    await tx.execute(insert(stations), rows)


async def test_pages_go_on_behind_rows_of_the_same_instant(db: Database) -> None:
    seen: list[str] = []
    async with db.transaction() as tx:
        await _fill(tx)
        page = Page(limit=7)
        while True:
            found = await paginate(tx, select(stations), stations, page, Station)
            seen += [row.id for row in found.rows]
            if found.next_cursor is None:
                break
            page = Page(limit=7, cursor=found.next_cursor)
    assert seen == [id_ for id_, _, _ in ROWS]


async def test_what_no_index_leads_to_is_found_a_window_at_a_time(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "LOOKED_AT", 4)
    seen: list[str] = []
    count = 0
    async with db.transaction() as tx:
        await _fill(tx)
        page = Page(limit=7)
        while True:
            found = await paginate(
                tx, select(stations), stations, page, Station, only={"country": "AT", "city": None}
            )
            seen += [row.id for row in found.rows]
            count += 1
            if found.next_cursor is None:
                break
            page = Page(limit=7, cursor=found.next_cursor)
    assert seen == [id_ for id_, _, country in ROWS if country == "AT"]
    assert count == 30 // 4 + 1


async def test_lists_are_merged_page_by_page(db: Database) -> None:
    seen: list[str] = []
    async with db.transaction() as tx:
        await _fill(tx)
        page = Page(limit=4)
        while True:
            parts: list[Slice[Station]] = [
                await paginate(
                    tx,
                    select(stations).where(stations.c.country == country),
                    stations,
                    page,
                    Station,
                )
                for country in ("AT", "DE")
            ]
            found = merged(parts, page)
            seen += [row.id for row in found.rows]
            if found.next_cursor is None:
                break
            page = Page(limit=4, cursor=found.next_cursor)
    assert seen == [id_ for id_, _, _ in ROWS]


async def test_what_went_from_one_list_to_another_meanwhile_is_shown_once(db: Database) -> None:
    async with db.transaction() as tx:
        await _fill(tx)
        page = Page(limit=4)
        whole = await paginate(tx, select(stations), stations, page, Station)
    moved = replace(whole.rows[0], name="moved", updated_at=whole.rows[-1].updated_at)
    found = merged([whole, Slice([moved], None)], page)
    assert [row for row in found.rows if row.id == moved.id] == [moved]
    assert len(found.rows) == 4
