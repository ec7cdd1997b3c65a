"""Is the process alive, can it do its work, what has it counted: no login, no secret.

Served on the operators' port only, which nobody outside may reach.
"""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from core.kernel import metrics
from ops.health import OK
from ops.operator_api.services import OperatorServices
from partner_api.bodies import StrictRoute
from partner_api.deps import Config

routes = APIRouter(tags=["health"], route_class=StrictRoute)


@routes.get("/healthz", summary="The process runs")
async def healthz(settings: Config) -> dict[str, str]:
    """Answers as long as the event loop turns; says nothing about the database."""
    return {"status": OK, "node": settings.node_id}


@routes.get(
    "/readyz",
    summary="The process can work",
    responses={503: {"description": "Something that it cannot work without is missing"}},
)
async def readyz(request: Request) -> JSONResponse:
    """Database reached and migrated. Redis is reported, and may be away."""
    readiness = await OperatorServices.of(request.scope).probe.look()
    return JSONResponse(readiness.view(), status_code=200 if readiness.ready else 503)


@routes.get("/metrics", summary="Prometheus metrics of this process")
async def show_metrics() -> Response:
    """Text format 0.0.4."""
    return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")
