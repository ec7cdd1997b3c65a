"""Pictures of stations: checked by content, ten at most, swept up when nobody names them."""

import asyncio
import os
import time
from typing import Any

import pytest

from core.audit.service import CLI
from core.chargers import pictures, registry
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings
from tests.core.chargers.making import heard, make_partner, make_station
from tests.core.kernel.test_contents import GOOD

PNG = GOOD["image/png"]


@pytest.fixture(params=["sqlite"])
def backend(request: pytest.FixtureRequest) -> str:
    """What differs between databases is in no statement here."""
    return str(request.param)


async def attach(db: Database, settings: Settings, station_id: str) -> pictures.Picture:
    return await pictures.attach(
        db, settings, CLI, station_id=station_id, content=PNG, caption="The entrance"
    )


async def test_a_picture_is_shown_and_partners_hear_of_it(db: Database, settings: Settings) -> None:
    station_id = await make_station(db)
    partner_id = await make_partner(db, station_id)
    picture = await attach(db, settings, station_id)
    (event,) = await heard(db, partner_id, "station.updated")
    (shown,) = event["data"]["object"]["pictures"]
    assert shown == {
        "id": picture["id"],
        "url": f"/v1/stations/{station_id}/pictures/{picture['id']}",
        "media_type": "image/png",
        "size_bytes": len(PNG),
        "caption": "The entrance",
    }
    assert await pictures.content_of(settings, picture) == PNG
    async with db.transaction() as tx:
        await pictures.remove(tx, CLI, station_id, picture["id"])
    (_, gone) = await heard(db, partner_id, "station.updated")
    assert gone["data"]["object"]["pictures"] == []


async def test_what_is_no_picture_is_refused_and_leaves_nothing(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    station_id = await make_station(db)
    for code, values in (
        ("document_refused", {"content": b"GIF89a"}),
        ("document_refused", {"content": GOOD["application/pdf"]}),
        ("body_too_large", {"content": PNG + bytes(settings.picture_limit_bytes)}),
        ("invalid_parameter", {"content": PNG, "caption": "x" * 201}),
        ("not_found", {"content": PNG, "station_id": "st_none"}),
    ):
        facts: dict[str, Any] = {"station_id": station_id, **values}
        with pytest.raises(PlatformError, match=code):
            await pictures.attach(db, settings, CLI, **facts)
    monkeypatch.setattr(pictures, "MOST", 1)
    await attach(db, settings, station_id)
    with pytest.raises(PlatformError, match="conflict"):
        await attach(db, settings, station_id)
    assert len(list(settings.picture_directory.iterdir())) == 1


async def test_pictures_of_the_same_moment_are_all_kept(db: Database, settings: Settings) -> None:
    station_id = await make_station(db)
    made = await asyncio.gather(*(attach(db, settings, station_id) for _ in range(4)))
    async with db.transaction() as tx:
        station = await registry.get_station(tx, station_id)
    assert {one["id"] for one in station.pictures or ()} == {one["id"] for one in made}


async def test_files_of_nobody_are_swept_up(db: Database, settings: Settings) -> None:
    assert await pictures.sweep(db, settings) == 0
    station_id = await make_station(db)
    kept, taken = [await attach(db, settings, station_id) for _ in range(2)]
    async with db.transaction() as tx:
        await pictures.remove(tx, CLI, station_id, taken["id"])
    assert await pictures.sweep(db, settings) == 0, "it may be of an upload under way"
    for file in settings.picture_directory.iterdir():
        os.utime(file, (time.time() - 7200,) * 2)
    assert await pictures.sweep(db, settings) == 1
    assert await pictures.content_of(settings, kept) == PNG
    with pytest.raises(PlatformError, match="dependency_unavailable"):
        await pictures.content_of(settings, taken)
