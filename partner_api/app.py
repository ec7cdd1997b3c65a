"""The partner-facing ASGI application."""

import asyncio
from functools import cache, partial
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRouter

from core.chargers.board import Board
from core.conduct.watch import Watch
from core.kernel.clock import Clock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.joint import Joint
from core.kernel.settings import Settings
from core.partners.limiter import Limiter
from core.request_log.recorder import RequestLog
from partner_api import health, openapi, problems
from partner_api.control.routes import router as control
from partner_api.events.routes import router as events
from partner_api.joining.page import router as joining_page
from partner_api.joining.routes import router as joining
from partner_api.joining.status_page import router as status_page
from partner_api.middleware import Envelope
from partner_api.operations.routes import router as operations
from partner_api.partner.routes import router as partner
from partner_api.request_logs.recording import Recording
from partner_api.request_logs.routes import router as request_logs
from partner_api.sandbox.inbox import router as inbox
from partner_api.sandbox.routes import router as sandbox
from partner_api.security.bounds import Bounds
from partner_api.security.door import Door
from partner_api.security.gate import Gate
from partner_api.security.refusals import Refusals
from partner_api.security.streams import Streams
from partner_api.services import Application, PartnerServices
from partner_api.sessions.routes import router as sessions
from partner_api.signing_keys.routes import router as signing_keys
from partner_api.site.routes import router as site
from partner_api.stations.routes import router as stations
from partner_api.webhook_endpoints.routes import router as webhook_endpoints

ROUTERS: Final[tuple[APIRouter, ...]] = (
    control,
    operations,
    stations,
    sessions,
    webhook_endpoints,
    events,
    request_logs,
    partner,
    signing_keys,
    joining,
    joining_page,
    status_page,
    sandbox,
    inbox,
    health.router,
    site,
)


PartnerApp = Application[PartnerServices]


def create_app(db: Database, settings: Settings, vault: Vault, clock: Clock) -> PartnerApp:
    """Return the application of one platform; it owns no engine and no task.

    Serve it without proxy headers: whom to believe is ``settings.trusted_proxies``.
    """
    services = PartnerServices(
        db=db,
        settings=settings,
        vault=vault,
        clock=clock,
        limiter=Limiter(db, settings, clock),
        gate=Gate(clock, per_minute=settings.applicant_requests_per_minute),
        door=Door(clock, per_minute=settings.failed_logins_per_minute),
        streams=Streams(),
        refusals=Refusals(clock),
        watch=Watch(db),
        board=Board(db, every_s=settings.status_interval.total_seconds()),
        closing=asyncio.Event(),
        document=partial(_document, settings.public_url),
        request_log=RequestLog(db, enabled=settings.request_log),
        joint=Joint(db),
    )
    return Application(_fastapi(), services)


def release(app: PartnerApp) -> None:
    """Let requests that wait (long polls, streams) answer soon: the server is about to stop."""
    app.services.closing.set()


@cache
def _fastapi() -> FastAPI:
    """Return the routes, which all platforms of this process share."""
    app = FastAPI(
        title="Voltgate partner API",
        version="v1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.add_middleware(Recording)
    app.add_middleware(Bounds)
    app.add_middleware(Envelope, name="partner")
    problems.install(app, openapi.api_routes(ROUTERS))
    for router in ROUTERS:
        app.include_router(router)
    return app


@cache
def _document(public_url: str) -> dict[str, Any]:
    return openapi.document(ROUTERS, public_url=public_url)
