"""``/v1/partner_applications``: partners are created by the operator."""

from fastapi import APIRouter, Response

from core.kernel.errors import PlatformError
from partner_api.bodies import StrictRoute

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


@router.post("/v1/partner_applications")
@router.get("/v1/partner_applications/{application_id}")
@router.patch("/v1/partner_applications/{application_id}")
async def partner_applications() -> Response:
    """Refuse, whoever asks.

    Raises:
        PlatformError: ``not_implemented``.
    """
    raise PlatformError("not_implemented", "The operator of this platform creates partners.")
