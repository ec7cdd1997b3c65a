"""Partner applications: the review queue, what is known, and the decision."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Query, Response
from pydantic import Field

from core.joining import documents, review
from core.joining.review import Dossier
from core.joining.states import ApplicationStatus
from core.joining.views import (
    application_view,
    brief_view,
    errand_view,
    note_view,
)
from core.kernel.times import rfc3339_or_none
from ops.operator_api.deps import ADMIN, READS, SUPPORT, Acting, resource
from partner_api.answers import listed, page_of
from partner_api.deps import Config, Paging, Secrets, Transaction
from partner_api.fields import In

routes = resource("/partner_applications", tag="partner applications")

Text = Annotated[str, Field(min_length=1, max_length=4000)]


class Approval(In):
    unproven: bool = Field(
        default=False, description="Approve although the e-mail address is not proven."
    )


class Rejection(In):
    reasons: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1000)]],
        Field(min_length=1, max_length=20, description="Told to the applicant."),
    ]


class Asking(In):
    message: Text
    fields: Annotated[
        list[Annotated[str, Field(pattern="^/[a-z_0-9/]{1,99}$")]],
        Field(max_length=20, description="JSON pointers, such as `/company/legal_name`."),
    ] = Field(default_factory=list)


class NewNote(In):
    text: Text


def dossier_view(found: Dossier) -> dict[str, Any]:
    """Return all that an operator sees of an application."""
    application = found.application
    return {
        **application_view(application, found.documents),
        "address": application.address,
        "decided_at": rfc3339_or_none(application.decided_at),
        "decided_by": application.decided_by,
        "notes": [note_view(note) for note in found.notes],
        "errands": [errand_view(errand) for errand in found.errands],
        "alike": [brief_view(other) for other in found.alike],
    }


@routes.get("", dependencies=[READS], summary="Applications")
async def list_applications(
    page: Paging,
    tx: Transaction,
    status: Annotated[
        ApplicationStatus | None, Query(description="`submitted`: they wait for you.")
    ] = None,
) -> dict[str, Any]:
    """Those that wait longest first."""
    return page_of(await review.list_applications(tx, page, status=status), brief_view)


@routes.get("/{application_id}", dependencies=[READS], summary="All that is known of one")
async def show(application_id: str, tx: Transaction) -> dict[str, Any]:
    """With notes, the evidence of proofs and look-ups, and others of the same company."""
    return dossier_view(await review.dossier(tx, application_id))


@routes.post("/{application_id}/approve", dependencies=[ADMIN], summary="Let it go live")
async def approve(
    application_id: str,
    tx: Transaction,
    vault: Secrets,
    actor: Acting,
    body: Approval | None = None,
) -> dict[str, Any]:
    """The applicant may claim its first live key; grant its partner stations."""
    unproven = (body or Approval()).unproven
    await review.approve(tx, vault, actor, application_id, unproven=unproven)
    return dossier_view(await review.dossier(tx, application_id))


@routes.post("/{application_id}/reject", dependencies=[ADMIN], summary="Refuse it, with reasons")
async def reject(
    application_id: str, body: Rejection, tx: Transaction, vault: Secrets, actor: Acting
) -> dict[str, Any]:
    """Its test keys end; the applicant reads the reasons."""
    await review.reject(tx, vault, actor, application_id, reasons=body.reasons)
    return dossier_view(await review.dossier(tx, application_id))


@routes.post("/{application_id}/ask", dependencies=[SUPPORT], summary="Ask for more")
async def ask(
    application_id: str, body: Asking, tx: Transaction, vault: Secrets, actor: Acting
) -> dict[str, Any]:
    """The applicant may change its application, and hands it in again."""
    await review.ask(tx, vault, actor, application_id, message=body.message, fields=body.fields)
    return dossier_view(await review.dossier(tx, application_id))


@routes.post(
    "/{application_id}/notes", status_code=201, dependencies=[SUPPORT], summary="Write a note"
)
async def add_note(
    application_id: str, body: NewNote, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """Operators see it; the applicant never does."""
    return note_view(await review.note(tx, actor, application_id, text=body.text))


@routes.post(
    "/{application_id}/look_up",
    status_code=202,
    dependencies=[SUPPORT],
    summary="Ask the registry again",
)
async def look_up(
    application_id: str, tx: Transaction, settings: Config, vault: Secrets, actor: Acting
) -> dict[str, Any]:
    """The answer comes among `errands`, as evidence."""
    return errand_view(await review.look_up(tx, vault, settings, actor, application_id))


@routes.get(
    "/{application_id}/unsent_mails", dependencies=[SUPPORT], summary="Mails that did not go out"
)
async def unsent_mails(
    application_id: str, tx: Transaction, vault: Secrets, actor: Acting
) -> dict[str, Any]:
    """With their text, to be handed over otherwise; that you looked is in the audit trail."""
    found = await review.unsent_mails(tx, vault, actor, application_id)
    return listed(found, has_more=False, next_cursor=None)


@routes.get(
    "/{application_id}/documents/{document_id}",
    dependencies=[SUPPORT],
    summary="Download a document",
    response_class=Response,
)
async def download(
    application_id: str, document_id: str, tx: Transaction, settings: Config, actor: Acting
) -> Response:
    """The file itself, never shown in place; that you read it is in the audit trail."""
    document = await documents.find(tx, application_id, document_id)
    content = await documents.content_of(settings, document)
    await documents.note_reading(tx, actor, document)
    disposition = f"attachment; filename*=UTF-8''{quote(document.name, safe='')}"
    return Response(
        content,
        media_type=document.media_type,
        headers={"Content-Disposition": disposition, "Cache-Control": "private, no-store"},
    )
