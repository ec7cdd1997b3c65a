"""Use cases of operators: look through what came, ask, note, decide. Every step is audited."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.alerts.kinds import AlertKind
from core.alerts.service import resolve
from core.audit import service as audit
from core.audit.service import Actor
from core.joining import errands, mails, store
from core.joining.models import Application, Document, Errand, Note
from core.joining.states import ApplicationStatus, ErrandKind
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.page import Page, Slice
from core.kernel.settings import Settings
from core.kernel.times import rfc3339
from core.partners import keys
from core.partners import service as partners
from core.webhooks import partner_events

ALIKE_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """All that is known of an application; *alike*: others of the same company or address."""

    application: Application
    documents: Sequence[Document]
    notes: Sequence[Note]
    errands: Sequence[Errand]
    alike: Sequence[Application]


async def get(tx: Tx, application_id: str) -> Application:
    """Return an application.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await store.application(tx, application_id)
    if found is None:
        raise not_found("application")
    return found


async def list_applications(
    tx: Tx, page: Page, *, status: ApplicationStatus | None = None
) -> Slice[Application]:
    """Return one page of the applications, of one status if given."""
    return await store.page(tx, page, status=status)


async def dossier(tx: Tx, application_id: str) -> Dossier:
    """Return all that is known of an application.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await get(tx, application_id)
    return Dossier(
        application=found,
        documents=await store.documents_of(tx, application_id),
        notes=await store.notes_of(tx, application_id),
        errands=await store.errands_of(tx, application_id),
        alike=await store.alike(tx, found, limit=ALIKE_SHOWN),
    )


async def unsent_mails(
    tx: Tx, vault: Vault, actor: Actor, application_id: str
) -> list[dict[str, Any]]:
    """Return the mails that could not be sent, with their text, to be handed over otherwise.

    Raises:
        PlatformError: ``not_found``.
    """
    await get(tx, application_id)
    found = []
    for errand in await store.errands_of(tx, application_id):
        needs = errands.needs_of(vault, errand) if errand.kind is ErrandKind.MAIL else None
        if needs is not None:
            found.append({"id": errand.id, "status": errand.status, **needs})
    shown = {"errand_ids": [mail["id"] for mail in found]}
    await audit.record(tx, actor, "application.mails_shown", application_id, after=shown)
    return found


async def approve(
    tx: Tx, vault: Vault, actor: Actor, application_id: str, *, unproven: bool = False
) -> Application:
    """Let the applicant go live: it may claim its first live key.

    Args:
        unproven: Approve although nobody has proven the e-mail address.

    Raises:
        PlatformError: ``not_found``; ``conflict``: decided already, or the e-mail is not proven.
    """
    before = await get(tx, application_id)
    if before.email_proven_at is None and not unproven:
        raise PlatformError(
            "conflict",
            "The e-mail address is not proven. Hand over the mail with its link, or approve with "
            "unproven.",
        )
    decided = await _decide(
        tx, actor, before, ApplicationStatus.APPROVED, {"unproven": before.email_proven_at is None}
    )
    await partners.allow_live(tx, actor, partner_id=decided.partner_id)
    await errands.queue_mail(tx, vault, decided, subject="approved", mail=mails.approved(decided))
    return decided


async def reject(
    tx: Tx, vault: Vault, actor: Actor, application_id: str, *, reasons: Sequence[str]
) -> Application:
    """Refuse an application, and end the test keys of its partner.

    Args:
        reasons: Told to the applicant; at least one.

    Raises:
        PlatformError: ``not_found``, ``invalid_parameter``; ``conflict``: decided already.
    """
    if not reasons or not all(reason.strip() for reason in reasons):
        raise PlatformError("invalid_parameter", "A rejection has reasons; none of them is empty.")
    before = await get(tx, application_id)
    facts: dict[str, Any] = {"reasons": list(reasons)}
    decided = await _decide(tx, actor, before, ApplicationStatus.REJECTED, facts)
    await _end_keys(tx, actor, decided.partner_id)
    mail = mails.rejected(decided, reasons=reasons)
    await errands.queue_mail(tx, vault, decided, subject="rejected", mail=mail)
    return decided


async def ask(
    tx: Tx,
    vault: Vault,
    actor: Actor,
    application_id: str,
    *,
    message: str,
    fields: Sequence[str] = (),
) -> Application:
    """Ask the applicant for more; it changes its application and hands it in again.

    Args:
        fields: JSON pointers of what is to be changed, such as ``/company/legal_name``.

    Raises:
        PlatformError: ``not_found``, ``invalid_parameter``; ``conflict``: decided, or asked.
    """
    if not message.strip():
        raise PlatformError("invalid_parameter", "Say what is needed.")
    await get(tx, application_id)
    requested = {"message": message, "fields": list(fields), "at": rfc3339(tx.now)}
    asked = await store.move(
        tx, application_id, ApplicationStatus.MORE_REQUESTED, requested=requested
    )
    if asked is None:
        raise PlatformError("conflict", "The application is decided, or waits for an answer.")
    resolve(tx, AlertKind.PARTNER_APPLICATION_WAITING, application_id)
    await audit.record(
        tx,
        actor,
        "application.more_requested",
        application_id,
        before={"status": ApplicationStatus.SUBMITTED},
        after={"status": asked.status, "message": message, "fields": list(fields)},
    )
    mail = mails.more_requested(asked, message=message)
    await errands.queue_mail(tx, vault, asked, subject="more_requested", mail=mail)
    return asked


async def note(tx: Tx, actor: Actor, application_id: str, *, text: str) -> Note:
    """Write something beside an application; the applicant never sees it.

    Raises:
        PlatformError: ``not_found``, ``invalid_parameter``.
    """
    if not text.strip():
        raise PlatformError("invalid_parameter", "The note is empty.")
    await get(tx, application_id)
    written = await store.add_note(tx, application_id=application_id, author=actor.name, text=text)
    await audit.record(tx, actor, "application.noted", application_id, after={"text": text})
    return written


async def look_up(
    tx: Tx, vault: Vault, settings: Settings, actor: Actor, application_id: str
) -> Errand:
    """Ask the registry about the company once more; the answer becomes evidence.

    Raises:
        PlatformError: ``not_found``; ``not_implemented``: no registry is set.
    """
    found = await get(tx, application_id)
    queued = await errands.queue_look_up(tx, vault, settings, found)
    if queued is None:
        raise PlatformError("not_implemented", "Set VOLTGATE_REGISTRY_URL to look companies up.")
    await audit.record(tx, actor, "application.look_up_asked", application_id)
    return queued


async def _decide(
    tx: Tx,
    actor: Actor,
    before: Application,
    to: ApplicationStatus,
    facts: dict[str, Any],
) -> Application:
    decided = await store.move(
        tx,
        before.id,
        to,
        decided_at=tx.now,
        decided_by=actor.name,
        reasons=facts.get("reasons"),
        requested=None,
    )
    if decided is None:
        raise PlatformError("conflict", "The application is decided already.")
    resolve(tx, AlertKind.PARTNER_APPLICATION_WAITING, before.id)
    await audit.record(
        tx,
        actor,
        f"application.{to}",
        before.id,
        before={"status": before.status},
        after={"status": decided.status, **facts},
    )
    return decided


async def _end_keys(tx: Tx, actor: Actor, partner_id: str) -> None:
    cursor = None
    while True:
        page = Page(limit=200, cursor=cursor)
        found = await keys.list_keys(tx, partner_id=partner_id, page=page)
        for key in found.rows:
            if key.revoked_at is None:
                await partner_events.revoke_key(tx, actor, partner_id=partner_id, key_id=key.id)
        cursor = found.next_cursor
        if cursor is None:
            return
