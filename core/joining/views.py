"""Applications as JSON: what the applicant sees, and what an operator sees besides."""

from collections.abc import Sequence
from typing import Any

from core.joining.models import Application, Document, Errand, Note
from core.joining.states import ApplicationStatus
from core.kernel.times import rfc3339, rfc3339_or_none


def form_view(application: Application) -> dict[str, Any]:
    """Return what the applicant wrote."""
    return {
        "company": {
            "legal_name": application.legal_name,
            "country": application.country,
            "registration_kind": application.registration_kind,
            "registration_number": application.registration_number,
            "address": application.place,
            "website": application.website,
        },
        "contact": {
            "name": application.contact_name,
            "email": application.email,
            "phone": application.phone,
        },
        "purpose": application.purpose,
        "webhook_url": application.webhook_url,
    }


def application_view(application: Application, attached: Sequence[Document]) -> dict[str, Any]:
    """Return an application as its applicant sees it."""
    may_claim = application.status is ApplicationStatus.APPROVED and application.live_key_id is None
    return {
        "id": application.id,
        "object": "partner_application",
        "status": application.status,
        "partner_id": application.partner_id,
        **form_view(application),
        "email_proven_at": rfc3339_or_none(application.email_proven_at),
        "webhook_proven_at": rfc3339_or_none(application.webhook_proven_at),
        "documents": [document_view(document) for document in attached],
        "requested": application.requested,
        "reasons": application.reasons,
        "live_key_available": may_claim,
        "terms_version": application.terms_version,
        "created_at": rfc3339(application.created_at),
        "updated_at": rfc3339(application.updated_at),
    }


def document_view(document: Document) -> dict[str, Any]:
    """Return a document, without where it lies."""
    return {
        "id": document.id,
        "object": "application_document",
        "kind": document.kind,
        "name": document.name,
        "media_type": document.media_type,
        "size_bytes": document.size_bytes,
        "sha256": document.sha256,
        "created_at": rfc3339(document.created_at),
        "deleted_at": rfc3339_or_none(document.deleted_at),
    }


def brief_view(application: Application) -> dict[str, Any]:
    """Return an application as a row of the review queue."""
    return {
        "id": application.id,
        "object": "partner_application",
        "status": application.status,
        "partner_id": application.partner_id,
        "legal_name": application.legal_name,
        "country": application.country,
        "registration_number": application.registration_number,
        "email": application.email,
        "email_proven_at": rfc3339_or_none(application.email_proven_at),
        "webhook_proven_at": rfc3339_or_none(application.webhook_proven_at),
        "created_at": rfc3339(application.created_at),
        "updated_at": rfc3339(application.updated_at),
    }


def note_view(note: Note) -> dict[str, Any]:
    """Return an operator's note."""
    return {
        "object": "application_note",
        "author": note.author,
        "text": note.text,
        "created_at": rfc3339(note.created_at),
    }


def errand_view(errand: Errand) -> dict[str, Any]:
    """Return what was, or is to be, done outside, and what came of it; never what it needs."""
    return {
        "id": errand.id,
        "object": "application_errand",
        "kind": errand.kind,
        "subject": errand.subject,
        "status": errand.status,
        "attempts": errand.attempts,
        "due_at": rfc3339(errand.due_at),
        "result": errand.result,
        "created_at": rfc3339(errand.created_at),
        "updated_at": rfc3339(errand.updated_at),
    }
