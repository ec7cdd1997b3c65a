"""Use cases of pictures of stations: put there by operators, seen by whoever sees the station.

The station's row says what pictures it has, so that one statement decides and every change is a
change of the station. A file is written before its row and swept up if there never was one.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import structlog

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers import announcing, store
from core.chargers.checks import invalid
from core.chargers.models import Station
from core.chargers.text import storable
from core.kernel import contents, files
from core.kernel.contents import UnknownContent
from core.kernel.db import Database, Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.files import FileLost
from core.kernel.ids import new_id
from core.kernel.settings import Settings

MOST: Final = 10
"""Pictures of a station."""

MAX_CAPTION: Final = 200
IMAGES: Final = frozenset({"image/png", "image/jpeg"})
ORPHANED_AFTER: Final = timedelta(hours=1)

Picture = Mapping[str, Any]

log = structlog.get_logger()


async def attach(
    db: Database,
    settings: Settings,
    actor: Actor,
    *,
    station_id: str,
    content: bytes,
    caption: str | None = None,
) -> Picture:
    """Add a picture to a station; partners hear that the station changed.

    Raises:
        PlatformError: ``document_refused``: no whole PNG or JPEG; ``body_too_large``;
            ``invalid_parameter``: the caption; ``not_found``; ``conflict``: there are 10 already.
    """
    if len(content) > settings.picture_limit_bytes:
        raise PlatformError("body_too_large", f"At most {settings.picture_limit_bytes} bytes.")
    if caption is not None and caption != storable(caption, max_chars=MAX_CAPTION):
        raise invalid("caption", f"has at most {MAX_CAPTION} characters, none of them NUL")
    media_type = await asyncio.to_thread(_image_type, content)
    try:
        file = await asyncio.to_thread(files.write, settings.picture_directory, content)
    except OSError as exc:
        log.exception("picture_not_written", station_id=station_id)
        raise PlatformError(
            "dependency_unavailable", "The picture could not be stored; try again."
        ) from exc
    picture = {
        "id": new_id("pic"),
        "media_type": media_type,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "file": file,
        "caption": caption,
    }
    try:
        async with db.transaction() as tx:
            await _add(tx, actor, station_id, picture)
    except PlatformError:
        await asyncio.to_thread(files.remove, settings.picture_directory, [file])
        raise
    return picture


async def remove(tx: Tx, actor: Actor, station_id: str, picture_id: str) -> None:
    """Take a picture off a station; its file is swept up later.

    Raises:
        PlatformError: ``not_found``.
    """
    station = await _lock(tx, station_id)
    picture = find(station, picture_id)
    left = [one for one in station.pictures or () if one["id"] != picture_id]
    await store.change_station(tx, station_id, pictures=left)
    await audit.record(
        tx, actor, "station.picture_removed", station_id, before=_facts(picture), after=None
    )
    await announcing.station_changed(tx, station_id)


def find(station: Station, picture_id: str) -> Picture:
    """Return a picture of a station.

    Raises:
        PlatformError: ``not_found``.
    """
    for picture in station.pictures or ():
        if picture["id"] == picture_id:
            return picture
    raise not_found("picture")


async def content_of(settings: Settings, picture: Picture) -> bytes:
    """Return the bytes of a picture.

    Raises:
        PlatformError: ``dependency_unavailable``: the file is away or altered.
    """
    try:
        return await asyncio.to_thread(
            files.read, settings.picture_directory, picture["file"], sha256=picture["sha256"]
        )
    except FileLost as exc:
        log.warning("picture_lost", picture_id=picture["id"])
        raise PlatformError(
            "dependency_unavailable", "The picture is not there right now; try again later."
        ) from exc


async def sweep(db: Database, settings: Settings) -> int:
    """Delete files that no station names; return how many."""
    directory = settings.picture_directory
    old = await asyncio.to_thread(files.older_than, directory, ORPHANED_AFTER.total_seconds())
    if not old:
        return 0
    async with db.transaction() as tx:
        needed = await store.picture_files(tx)
    useless = sorted(set(old) - needed)
    await asyncio.to_thread(files.remove, directory, useless)
    return len(useless)


async def _add(tx: Tx, actor: Actor, station_id: str, picture: Picture) -> None:
    station = await _lock(tx, station_id)
    known: Sequence[Picture] = station.pictures or ()
    if len(known) >= MOST:
        raise PlatformError("conflict", f"A station has at most {MOST} pictures.")
    await store.change_station(tx, station_id, pictures=[*known, picture])
    await audit.record(tx, actor, "station.picture_added", station_id, after=_facts(picture))
    await announcing.station_changed(tx, station_id)


async def _lock(tx: Tx, station_id: str) -> Station:
    station = await store.change_station(tx, station_id)
    if station is None:
        raise not_found("station")
    return station


def _image_type(content: bytes) -> str:
    try:
        found = contents.media_type(content)
    except UnknownContent as exc:
        raise PlatformError("document_refused", f"{exc.reason.capitalize()}.") from exc
    if found not in IMAGES:
        raise PlatformError("document_refused", "A picture is a PNG or JPEG.")
    return found


def _facts(picture: Picture) -> dict[str, Any]:
    return {name: picture[name] for name in ("id", "media_type", "size_bytes", "caption")}
