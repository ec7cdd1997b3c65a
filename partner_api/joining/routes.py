"""``/v1/partner_applications``: from nothing to a test key, and on to a live one."""

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from core.joining import documents, proofs, service
from core.joining.models import Application as Row
from core.joining.states import DocumentKind
from core.joining.views import application_view, document_view
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.times import rfc3339
from core.partners.keys import key_view
from partner_api.answers import Json
from partner_api.bodies import StrictRoute
from partner_api.deps import Config, Secrets, Transaction
from partner_api.documented import answers
from partner_api.joining.access import Address, Applicant
from partner_api.joining.schemas import (
    Application,
    ChangeApplication,
    Document,
    EmailProof,
    NewApplication,
    ProveEmail,
    SubmittedApplication,
    Terms,
)
from partner_api.partner.schemas import ApiKeyWithSecret
from partner_api.services import PartnerServices

UPLOAD_WITHIN_S: Final = 60
_BYTES: Final = {"schema": {"type": "string", "format": "binary"}}
_PATH: Final = "/v1/partner_applications"

router = APIRouter(tags=["joining"], route_class=StrictRoute)


@router.get("/v1/terms", **answers(200, Terms, keyless=True))
async def get_terms(_: Address, settings: Config) -> Response:
    """Return the version of the terms that an applicant accepts, and where to read them."""
    return Json({"object": "terms", "version": settings.terms_version, "url": settings.terms_url})


@router.post(
    _PATH,
    **answers(
        201,
        SubmittedApplication,
        "webhook_url_forbidden",
        "not_implemented",
        body=True,
        headers={"Location": "The application."},
        keyless=True,
    ),
)
async def submit_application(
    body: NewApplication,
    address: Address,
    request: Request,
    tx: Transaction,
    settings: Config,
    vault: Secrets,
) -> Response:
    """Apply: a test key works at once, a person decides about live mode.

    The status token and the test key are shown in this answer only.
    """
    form = body.model_dump(exclude={"terms_version"})
    made = await service.submit(
        tx,
        vault,
        settings,
        form=form,
        terms_version=body.terms_version,
        address=address,
        request_id=request.state.request_id,
    )
    content = {
        **application_view(made.application, ()),
        "status_token": made.status_token,
        "test_key": {**key_view(made.test_key), "secret": made.test_key_text},
    }
    return Json(content, 201, {"Location": f"{_PATH}/{made.application.id}"})


@router.get(f"{_PATH}/{{application_id}}", **answers(200, Application, keyless=True))
async def get_application(applicant: Applicant, tx: Transaction) -> Response:
    """Return the application, with what an operator asked for or decided."""
    return await _shown(tx, applicant)


@router.patch(
    f"{_PATH}/{{application_id}}",
    **answers(200, Application, "conflict", "webhook_url_forbidden", body=True, keyless=True),
)
async def change_application(
    body: ChangeApplication,
    applicant: Applicant,
    request: Request,
    tx: Transaction,
    settings: Config,
    vault: Secrets,
) -> Response:
    """Answer what an operator asked for: change what is named, and hand it in again.

    `{}` changes nothing and says that the documents have come.
    """
    amended = await service.amend(
        tx,
        vault,
        settings,
        applicant,
        form=body.model_dump(exclude_unset=True),
        request_id=request.state.request_id,
    )
    return await _shown(tx, amended)


@router.post(
    f"{_PATH}/{{application_id}}/documents",
    **answers(
        201,
        Document,
        "conflict",
        "document_refused",
        "body_too_large",
        keyless=True,
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The PDF, PNG or JPEG itself; the content decides, not the header.",
            "content": {"application/octet-stream": _BYTES},
        }
    },
)
async def add_document(
    applicant: Applicant,
    address: Address,
    request: Request,
    kind: Annotated[DocumentKind, Query()],
    name: Annotated[str, Query(min_length=1, max_length=200, description="To be shown.")],
) -> Response:
    """Attach a document: the body is the file (`curl --data-binary @file`), at most 20."""
    services = PartnerServices.of(request.scope)
    with services.gate.uploading(service.network_of(address)):
        document = await documents.attach(
            services.db,
            services.settings,
            service.applicant(applicant.id, request.state.request_id),
            application_id=applicant.id,
            kind=kind,
            name=name,
            content=await _body(request),
        )
    return Json(document_view(document), 201)


@router.post(
    f"{_PATH}/{{application_id}}/send_email_proof",
    **answers(202, Application, "conflict", keyless=True),
)
async def send_email_proof(
    applicant: Applicant, request: Request, tx: Transaction, settings: Config, vault: Secrets
) -> Response:
    """Send the mail that proves the e-mail address once more; the earlier one ends."""
    actor = service.applicant(applicant.id, request.state.request_id)
    changed = await proofs.send_again(tx, vault, settings, actor, applicant)
    return await _shown(tx, changed, 202)


@router.post(
    f"{_PATH}/{{application_id}}/prove_email",
    **answers(200, EmailProof, body=True, keyless=True),
)
async def prove_email(
    application_id: str,
    body: ProveEmail,
    _: Address,
    request: Request,
    tx: Transaction,
    vault: Secrets,
) -> Response:
    """Show the token of the mail: the address is proven. The mail's link does the same."""
    at = await proofs.prove_email(
        tx,
        vault,
        application_id=application_id,
        token=body.token,
        request_id=request.state.request_id,
    )
    return Json({"object": "email_proof", "email_proven_at": rfc3339(at)})


@router.post(
    f"{_PATH}/{{application_id}}/check_webhook",
    **answers(202, Application, "conflict", keyless=True),
)
async def check_webhook(
    applicant: Applicant, request: Request, tx: Transaction, vault: Secrets
) -> Response:
    """Send the challenge to the webhook address once more; look at `webhook_proven_at` later."""
    actor = service.applicant(applicant.id, request.state.request_id)
    await proofs.challenge(tx, vault, actor, applicant)
    return await _shown(tx, applicant, 202)


@router.post(
    f"{_PATH}/{{application_id}}/live_key",
    **answers(201, ApiKeyWithSecret, "conflict", keyless=True),
)
async def claim_live_key(
    applicant: Applicant, request: Request, tx: Transaction, vault: Secrets
) -> Response:
    """Make the first live key after the approval, once; its secret is in this answer only."""
    key, text = await service.claim_live_key(
        tx, vault, applicant, request_id=request.state.request_id
    )
    return Json({**key_view(key), "secret": text}, 201)


async def _shown(tx: Tx, application: Row, status: int = 200) -> Response:
    attached = await service.documents_of(tx, application)
    content: dict[str, Any] = application_view(application, attached)
    return Json(content, status)


async def _body(request: Request) -> bytes:
    """Return the body; its size is bounded by the middleware."""
    try:
        async with asyncio.timeout(UPLOAD_WITHIN_S):
            return await request.body()
    except TimeoutError as exc:
        raise PlatformError(
            "document_refused", f"It did not arrive within {UPLOAD_WITHIN_S} seconds."
        ) from exc
