"""For machines that watch, and the OpenAPI document."""

from fastapi import APIRouter, Request, Response

from partner_api.answers import Json, tagged
from partner_api.bodies import StrictRoute
from partner_api.deps import Transaction
from partner_api.postman import collection
from partner_api.services import PartnerServices

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


@router.get("/healthz")
async def healthz() -> Response:
    """Answer while the process lives."""
    return Json({"status": "ok"})


@router.get("/readyz")
async def readyz(tx: Transaction) -> Response:
    """Answer 200 if the database does, else 503."""
    return Json({"status": "ready"})


@router.get("/openapi.json")
async def openapi_document(request: Request) -> Response:
    """Return the OpenAPI document of the partner API."""
    document = PartnerServices.of(request.scope).document()
    return tagged(request, document, cache_control="public, max-age=300")


@router.get("/collection.json")
async def api_collection(request: Request) -> Response:
    """Return the API collection: every call with an example, for this platform's address."""
    document = PartnerServices.of(request.scope).document()
    return tagged(request, collection(document), cache_control="public, max-age=300")
