"""Use cases of documents: attached by the applicant, read by operators alone."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Final

import structlog

from core.audit import service as audit
from core.audit.service import Actor
from core.joining import store
from core.joining.models import Application, Document
from core.joining.states import DocumentKind
from core.joining.views import document_view
from core.kernel import contents, files
from core.kernel.contents import UnknownContent
from core.kernel.db import Database, Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.files import FileLost
from core.kernel.ids import new_id
from core.kernel.settings import Settings

log = structlog.get_logger()

MAX_DOCUMENTS: Final = 20
MAX_NAME: Final = 120
ORPHANED_AFTER: Final = timedelta(hours=1)
"""A file without a row is of an upload that failed, once it is that old."""


async def attach(
    db: Database,
    settings: Settings,
    actor: Actor,
    *,
    application_id: str,
    kind: DocumentKind,
    name: str,
    content: bytes,
) -> Document:
    """Store a document of an application that is not decided; it holds no transaction meanwhile.

    The file is written first: a row without its file cannot come about, and a file without its
    row is swept up.

    Raises:
        PlatformError: ``document_refused``: empty, or no whole PDF, PNG or JPEG; ``conflict``: the
            application is decided, or has 20; ``body_too_large``.
    """
    if len(content) > settings.document_limit_bytes:
        raise PlatformError("body_too_large", f"At most {settings.document_limit_bytes} bytes.")
    try:
        media_type = await asyncio.to_thread(contents.media_type, content)
    except UnknownContent as exc:
        raise PlatformError("document_refused", f"{exc.reason.capitalize()}.") from exc
    try:
        file = await asyncio.to_thread(files.write, settings.document_directory, content)
    except OSError as exc:
        log.exception("document_not_written", application_id=application_id)
        raise PlatformError(
            "dependency_unavailable", "The document could not be stored; try again."
        ) from exc
    try:
        async with db.transaction() as tx:
            return await _record(
                tx,
                actor,
                application_id=application_id,
                id=new_id("doc"),
                kind=kind,
                name=shown_name(name, media_type),
                media_type=media_type,
                size_bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                file=file,
            )
    except PlatformError:
        await asyncio.to_thread(files.remove, settings.document_directory, [file])
        raise


async def find(tx: Tx, application_id: str, document_id: str) -> Document:
    """Return a document that was not deleted.

    Raises:
        PlatformError: ``not_found``.
    """
    for document in await store.documents_of(tx, application_id):
        if document.id == document_id and document.deleted_at is None:
            return document
    raise not_found("document")


async def note_reading(tx: Tx, actor: Actor, document: Document) -> None:
    """Write into the audit trail that an operator has read a document."""
    await audit.record(
        tx,
        actor,
        "application.document_read",
        document.application_id,
        after={"document_id": document.id},
    )


async def content_of(settings: Settings, document: Document) -> bytes:
    """Return the bytes of a document.

    Raises:
        PlatformError: ``dependency_unavailable``: the file is away or altered.
    """
    try:
        return await asyncio.to_thread(
            files.read, settings.document_directory, document.file, sha256=document.sha256
        )
    except FileLost as exc:
        log.warning("document_lost", document_id=document.id)
        raise PlatformError(
            "dependency_unavailable",
            "The file is not in VOLTGATE_DOCUMENT_DIRECTORY of this node, or was altered.",
        ) from exc


async def sweep(db: Database, settings: Settings) -> int:
    """Delete documents of long rejected applications and files of nobody; return how many files."""
    async with db.transaction() as tx:
        await store.forget_documents(tx, decided_before=tx.now - settings.document_retention)
    directory = settings.document_directory
    old = await asyncio.to_thread(files.older_than, directory, ORPHANED_AFTER.total_seconds())
    needed: set[str] = set()
    for start in range(0, len(old), _AT_ONCE):
        async with db.transaction() as tx:
            needed |= await store.known_files(tx, old[start : start + _AT_ONCE])
    useless = sorted(set(old) - needed)
    await asyncio.to_thread(files.remove, directory, useless)
    return len(useless)


_AT_ONCE: Final = 500


def shown_name(name: str, media_type: str) -> str:
    """Return a name to show: no path, no control characters, the suffix of what it really is."""
    last = name.replace("\\", "/").rpartition("/")[2]
    clean = "".join(c for c in last if c.isprintable() and c not in '"<>:|?*').strip(" .")
    stem = clean.rpartition(".")[0] if "." in clean else clean
    suffix = contents.MEDIA_TYPES[media_type]
    return f"{stem[: MAX_NAME - len(suffix) - 1].strip(' .') or 'document'}.{suffix}"


async def _record(tx: Tx, actor: Actor, *, application_id: str, **values: object) -> Document:
    held = await store.change_open(tx, application_id)
    if held is None:
        raise PlatformError("conflict", "The application is decided; nothing can be added.")
    _require_room(held, len(await store.documents_of(tx, application_id)))
    document = await store.add_document(tx, application_id=application_id, **values)
    await audit.record(
        tx, actor, "application.document_added", application_id, after=document_view(document)
    )
    return document


def _require_room(application: Application, count: int) -> None:
    if count >= MAX_DOCUMENTS:
        raise PlatformError("conflict", f"{application.id} has {MAX_DOCUMENTS} documents already.")
