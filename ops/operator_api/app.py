"""The application of the operators, with health and metrics."""

from functools import cache

from fastapi import FastAPI

from core.kernel.clock import Clock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from ops.health import Probe
from ops.operator_api import (
    acts,
    alerts,
    applications,
    availability,
    certificates,
    charger_events,
    charger_profiles,
    charger_records,
    chargers,
    charging_profiles,
    commands,
    compliance,
    conduct,
    configuration,
    connection_help,
    credentials,
    customer_information,
    data_transfer,
    desired_states,
    display_messages,
    events,
    firmware,
    fleet_commands,
    health,
    holds,
    id_tokens,
    keys,
    local_list,
    logs,
    monitors,
    operations,
    partner_limits,
    partners,
    records,
    request_logs,
    security_events,
    session_records,
    sessions,
    signatures,
    station_groups,
    stations,
    tariffs,
)
from ops.operator_api.services import OperatorServices
from partner_api import problems
from partner_api.answers import Json
from partner_api.middleware import Envelope
from partner_api.openapi import api_routes
from partner_api.services import Application

_DESCRIPTION = """
What operators do: register chargers and partners, send raw commands, and see why something did
not happen. Conventions, errors and pagination are those of the partner API.

Keep this port inside: `/healthz`, `/readyz` and `/metrics` need no token.
"""


OperatorApp = Application[OperatorServices]


def create_operator_app(
    db: Database, settings: Settings, vault: Vault, clock: Clock
) -> OperatorApp:
    """Return the ASGI application served on ``VOLTGATE_OPERATOR_PORT``."""
    services = OperatorServices(
        db=db, settings=settings, vault=vault, clock=clock, probe=Probe(db, settings)
    )
    return Application(_fastapi(), services)


@cache
def _fastapi() -> FastAPI:
    """Return the routes, which all platforms of this process share."""
    app = FastAPI(
        title="Voltgate operator API",
        version="v1",
        description=_DESCRIPTION,
        openapi_url="/operator/openapi.json",
        docs_url=None,
        redoc_url=None,
        default_response_class=Json,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    routers = [resource.routes for resource in _RESOURCES]
    problems.install(app, api_routes(routers))
    for router in routers:
        app.include_router(router)
    app.add_middleware(Envelope, name="operator")
    return app


_RESOURCES = (
    health,
    credentials,
    certificates,
    security_events,
    stations,
    station_groups,
    chargers,
    charger_records,
    charger_profiles,
    compliance,
    connection_help,
    commands,
    fleet_commands,
    desired_states,
    configuration,
    availability,
    acts,
    id_tokens,
    partners,
    partner_limits,
    request_logs,
    conduct,
    signatures,
    applications,
    alerts,
    keys,
    sessions,
    operations,
    events,
    records,
    charging_profiles,
    tariffs,
    session_records,
    local_list,
    data_transfer,
    holds,
    charger_events,
    customer_information,
    display_messages,
    firmware,
    logs,
    monitors,
)
