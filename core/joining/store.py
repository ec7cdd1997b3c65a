"""SQL of applications. Every change of these tables is in this file."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from core.joining.models import (
    Application,
    Document,
    Errand,
    Note,
    applications,
    counters,
    documents,
    errands,
    notes,
)
from core.joining.states import (
    ERRANDS,
    MACHINE,
    ApplicationStatus,
    ErrandKind,
    ErrandStatus,
)
from core.kernel.db import Tx, upsert
from core.kernel.leases import claim_due, put_off
from core.kernel.page import Page, Slice, paginate
from core.kernel.rows import guarded_move

OPEN = sorted(MACHINE.unfinished)


async def add(tx: Tx, **values: Any) -> Application:
    times = {"created_at": tx.now, "updated_at": tx.now}
    statement = insert(applications).values(**times, **values).returning(applications)
    return await tx.one(statement, Application)


async def application(tx: Tx, application_id: str) -> Application | None:
    statement = select(applications).where(applications.c.id == application_id)
    return await tx.one_or_none(statement, Application)


async def page(tx: Tx, wanted: Page, *, status: ApplicationStatus | None) -> Slice[Application]:
    statement = select(applications)
    if status is not None:
        statement = statement.where(applications.c.status == status)
    return await paginate(tx, statement, applications, wanted, Application)


async def alike(tx: Tx, found: Application, *, limit: int) -> Sequence[Application]:
    """Return the newest others of the same company or e-mail address."""
    table = applications.c
    same_company = (table.country == found.country) & (
        table.registration_number == found.registration_number
    )
    statement = (
        select(applications)
        .where(table.id != found.id, or_(same_company, table.email == found.email))
        .order_by(table.created_at.desc(), table.id)
        .limit(limit)
    )
    return await tx.all(statement, Application)


async def change_open(tx: Tx, application_id: str, **values: Any) -> Application | None:
    """Change an application that is not decided; nobody else does until the commit."""
    statement = (
        update(applications)
        .where(applications.c.id == application_id, applications.c.status.in_(OPEN))
        .values(updated_at=tx.now, **values)
        .returning(applications)
    )
    return await tx.one_or_none(statement, Application)


async def move(
    tx: Tx, application_id: str, to: ApplicationStatus, **values: Any
) -> Application | None:
    return await guarded_move(
        tx, applications, Application, MACHINE, application_id, to, updated_at=tx.now, **values
    )


async def prove_email(tx: Tx, found: Application) -> Application | None:
    """Take the token of the e-mail proof; ``None``: somebody else took it, or there is another."""
    statement = (
        update(applications)
        .where(
            applications.c.id == found.id,
            applications.c.email_token_hash == found.email_token_hash,
        )
        .values(
            email_proven_at=tx.now,
            email_token_hash=None,
            email_token_until=None,
            updated_at=tx.now,
        )
        .returning(applications)
    )
    return await tx.one_or_none(statement, Application)


async def prove_webhook(tx: Tx, application_id: str, *, url: str) -> Application | None:
    """Note that *url* answered; ``None``: the application names another one by now."""
    statement = (
        update(applications)
        .where(applications.c.id == application_id, applications.c.webhook_url == url)
        .values(webhook_proven_at=tx.now, updated_at=tx.now)
        .returning(applications)
    )
    return await tx.one_or_none(statement, Application)


async def reserve_live_key(tx: Tx, application_id: str) -> Application | None:
    """Lock an approved application whose live key was not claimed; ``None``: it was."""
    statement = (
        update(applications)
        .where(
            applications.c.id == application_id,
            applications.c.status == ApplicationStatus.APPROVED,
            applications.c.live_key_id.is_(None),
        )
        .values(updated_at=tx.now)
        .returning(applications)
    )
    return await tx.one_or_none(statement, Application)


async def set_live_key(tx: Tx, application_id: str, key_id: str) -> Application:
    statement = (
        update(applications)
        .where(applications.c.id == application_id)
        .values(live_key_id=key_id)
        .returning(applications)
    )
    return await tx.one(statement, Application)


async def add_document(tx: Tx, **values: Any) -> Document:
    statement = insert(documents).values(created_at=tx.now, **values).returning(documents)
    return await tx.one(statement, Document)


async def documents_of(tx: Tx, application_id: str) -> Sequence[Document]:
    statement = (
        select(documents)
        .where(documents.c.application_id == application_id)
        .order_by(documents.c.created_at, documents.c.id)
    )
    return await tx.all(statement, Document)


async def known_files(tx: Tx, names: Collection[str]) -> set[str]:
    """Return those of *names* that a document still needs."""
    statement = select(documents.c.file).where(
        documents.c.file.in_(sorted(names)), documents.c.deleted_at.is_(None)
    )
    return set(await tx.scalars(statement))


async def forget_documents(tx: Tx, *, decided_before: datetime) -> int:
    """Mark the documents of applications that were rejected before an instant as deleted."""
    rejected = select(applications.c.id).where(
        applications.c.status == ApplicationStatus.REJECTED,
        applications.c.decided_at < decided_before,
    )
    statement = (
        update(documents)
        .where(documents.c.application_id.in_(rejected), documents.c.deleted_at.is_(None))
        .values(deleted_at=tx.now)
    )
    return await tx.execute(statement)


async def add_note(tx: Tx, **values: Any) -> Note:
    statement = insert(notes).values(created_at=tx.now, **values).returning(notes)
    return await tx.one(statement, Note)


async def notes_of(tx: Tx, application_id: str) -> Sequence[Note]:
    statement = (
        select(notes).where(notes.c.application_id == application_id).order_by(notes.c.number)
    )
    return await tx.all(statement, Note)


async def add_errand(tx: Tx, **values: Any) -> Errand:
    times = {"created_at": tx.now, "updated_at": tx.now, "due_at": tx.now}
    statement = insert(errands).values(status=ErrandStatus.DUE, attempts=0, **times, **values)
    return await tx.one(statement.returning(errands), Errand)


async def errands_of(tx: Tx, application_id: str) -> Sequence[Errand]:
    statement = (
        select(errands)
        .where(errands.c.application_id == application_id)
        .order_by(errands.c.created_at, errands.c.id)
    )
    return await tx.all(statement, Errand)


async def claim_errands(
    tx: Tx, kinds: Collection[ErrandKind], *, until: datetime, limit: int
) -> Sequence[Errand]:
    """Take what is due, by moving ``due_at`` to *until*: whoever dies with it lets go then."""
    is_able = errands.c.kind.in_(sorted(kinds))
    return await claim_due(tx, errands, Errand, is_able, until=until, limit=limit)


async def finish_errand(
    tx: Tx, errand: Errand, to: ErrandStatus, *, result: dict[str, Any] | None
) -> Errand | None:
    """End an errand and forget what it needed; ``None``: it has ended already."""
    kept = errand.sealed if to is ErrandStatus.FAILED and errand.kind is ErrandKind.MAIL else None
    return await guarded_move(
        tx, errands, Errand, ERRANDS, errand.id, to, result=result, sealed=kept, updated_at=tx.now
    )


async def postpone_errand(
    tx: Tx, errand: Errand, *, due_at: datetime, result: dict[str, Any]
) -> Errand | None:
    return await put_off(
        tx, errands, Errand, errand.id, attempts=errand.attempts, due_at=due_at, result=result
    )


async def drop_errands(tx: Tx, application_id: str, *, kind: ErrandKind, subject: str) -> int:
    """Drop what is due of one kind and subject: a newer one takes its place."""
    statement = (
        update(errands)
        .where(
            errands.c.application_id == application_id,
            errands.c.kind == kind,
            errands.c.subject == subject,
            errands.c.status == ErrandStatus.DUE,
        )
        .values(status=ErrandStatus.DROPPED, sealed=None, updated_at=tx.now)
    )
    return await tx.execute(statement)


async def drop_old_errands(tx: Tx, *, before: datetime) -> int:
    """Drop what has been waiting since *before*, and forget the texts of mails of that time."""
    statement = (
        update(errands)
        .where(errands.c.status == ErrandStatus.DUE, errands.c.created_at < before)
        .values(status=ErrandStatus.DROPPED, updated_at=tx.now)
    )
    await tx.execute(statement)
    forget = (
        update(errands)
        .where(
            errands.c.status != ErrandStatus.DUE,
            errands.c.sealed.is_not(None),
            errands.c.created_at < before,
        )
        .values(sealed=None)
    )
    return await tx.execute(forget)


async def count(tx: Tx, key: str, *, limit: int) -> bool:
    """Count one more of *key* today (UTC); False: *limit* are counted, and none was added."""
    day = tx.now.date().isoformat()
    statement = upsert(tx, counters).values(key=key, day=day, count=1)
    statement = statement.on_conflict_do_update(
        index_elements=[counters.c.key, counters.c.day],
        set_={"count": counters.c.count + 1},
        where=counters.c.count < limit,
    )
    return await tx.scalar(statement.returning(counters.c.count)) is not None


async def forget_counts(tx: Tx, *, before_day: str) -> int:
    return await tx.execute(delete(counters).where(counters.c.day < before_day))
