"""The OpenAPI 3.1 document: generated from routes, event types and the error catalogue."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import create_model

from core.kernel.errors import CATALOGUE
from core.webhooks.types import OPT_IN, EventType
from partner_api.bodies import every
from partner_api.documented import components
from partner_api.events.schemas import Event, EventData
from partner_api.fields import Out
from partner_api.joining.access import Anybody, NeedsStatusToken
from partner_api.operations.schemas import Operation, Reservation
from partner_api.partner.schemas import ApiKey
from partner_api.problems import example
from partner_api.security.access import Demand
from partner_api.sessions.schemas import Order, Session
from partner_api.stations.schemas import Station, Status
from partner_api.webhook_endpoints.schemas import Endpoint

SCHEME: Final = "apiKey"
SIGNATURE: Final = "requestSignature"
STATUS_TOKEN: Final = "statusToken"  # noqa: S105 - the name of a scheme

_DESCRIPTION: Final = """\
Ask chargers to start and stop, and hear what became of it.

Answers are JSON with snake_case names; times are RFC 3339 UTC with milliseconds, energy is whole
Wh, power whole W. Ignore fields and enum values that you do not know. Fields of a request that we
do not know are refused. Errors are `application/problem+json`; `code` is what to match on.
"""

_OBJECTS: Final[dict[str, type[Out]]] = {
    "operation": Operation,
    "session": Session,
    "order": Order,
    "reservation": Reservation,
    "connector": Status,
    "station": Station,
    "key": ApiKey,
    "webhook_endpoint": Endpoint,
    "ping": Endpoint,
}
"""What ``data.object`` is, by the first word of the event type; others are documented freely."""


def document(routers: Sequence[APIRouter], *, public_url: str) -> dict[str, Any]:
    """Return the document for *routers*."""
    routes = [route for route in api_routes(routers) if route.include_in_schema]
    found = get_openapi(
        title="Voltgate partner API",
        version="v1",
        openapi_version="3.1.0",
        description=_DESCRIPTION,
        routes=routes,
        webhooks=_webhooks().routes,
        servers=[{"url": public_url.rstrip("/")}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        separate_input_output_schemas=False,
    )
    for route in routes:
        for method in route.methods or ():
            operation = found["paths"][route.path][method.lower()]
            operation["operationId"] = route.name
            operation["security"] = security_of(route)
            _tidy(operation)
    for hook in found["webhooks"].values():
        _tidy(hook["post"])
    found["webhooks"] = {name.strip("/"): hook for name, hook in found["webhooks"].items()}
    schemas = found["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _problem_schema()
    found["components"] |= components()
    found["components"]["securitySchemes"] = {
        SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "vg_live_<key id>_<secret>",
            "description": "An API key; each call needs one of the scopes listed with it.",
        },
        SIGNATURE: {
            "type": "http",
            "scheme": "signature",
            "description": "Beside the API key, where it or the operator asks for it: HTTP Message "
            "Signatures (RFC 9421) in `Signature-Input` and `Signature`, and `Content-Digest` "
            "(RFC 9530) for a body. See docs/partners/request-signing.md.",
        },
        STATUS_TOKEN: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "vg_app_<secret>",
            "description": "The status token of a partner application, shown when it was made.",
        },
    }
    return found


def _tidy(operation: dict[str, Any]) -> None:
    """Take out what FastAPI says of its own accord and we do otherwise."""
    responses = operation["responses"]
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]  # our validation errors are 400
    stream = responses.get("200", {}).get("content", {}).get("text/event-stream")
    if stream is not None:  # itemSchema is OpenAPI 3.2
        stream.clear()
        stream["schema"] = {"type": "string"}


def api_routes(routers: Iterable[APIRouter]) -> list[APIRoute]:
    """Return the routes of *routers* in order."""
    return [route for router in routers for route in router.routes if isinstance(route, APIRoute)]


def scopes_of(route: APIRoute) -> tuple[str, ...]:
    """Return the scopes of which a caller of *route* needs one."""
    for part in every(route.dependant):
        call: Any = part.call
        if isinstance(call, Demand):
            return call.scopes
    return ()


def security_of(route: APIRoute) -> list[dict[str, list[str]]]:
    """Return what a caller of *route* shows; an empty list: anybody may call it."""
    for part in every(route.dependant):
        if isinstance(part.call, NeedsStatusToken):
            return [{STATUS_TOKEN: []}]
    return [{SCHEME: [scope]} for scope in scopes_of(route)]


def is_keyless(route: APIRoute) -> bool:
    """Tell whether *route* is for callers without an API key, who are held back by address."""
    return any(isinstance(part.call, Anybody) for part in every(route.dependant))


def _webhooks() -> APIRouter:
    router = APIRouter()
    for type_ in EventType:
        model = _event_model(type_)

        async def receive(
            body: Any,
            webhook_id: Annotated[str, Header(description="Id of the event, at every attempt.")],
            webhook_timestamp: Annotated[str, Header(description="Unix seconds of this attempt.")],
            webhook_signature: Annotated[
                str, Header(description="`v1,` and a signature; several while secrets overlap.")
            ],
        ) -> None:
            """Answer 2xx within 10 seconds; anything else is tried again."""

        receive.__annotations__["body"] = model
        note = " Only for endpoints that name it." if type_ in OPT_IN else ""
        router.add_api_route(
            f"/{type_}",
            receive,
            methods=["POST"],
            name=type_,
            summary=f"{type_}.{note}",
            tags=["webhooks"],
            responses={"2XX": {"description": "Received."}},
        )
    return router


def _event_model(type_: EventType) -> type[Out]:
    known = _OBJECTS.get(type_.partition(".")[0])
    if known is None or type_ == EventType.STATION_REMOVED:
        return Event
    data = create_model(f"{known.__name__}EventData", __base__=EventData, object=(known, ...))
    return create_model(f"{known.__name__}Event", __base__=Event, data=(data, ...))


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "title": "Problem",
        "description": "RFC 9457. Further members may come with some codes.",
        "required": [
            "type",
            "title",
            "status",
            "code",
            "detail",
            "instance",
            "request_id",
            "retryable",
        ],
        "properties": {
            "type": {**text, "format": "uri", "description": "Where the code is explained."},
            "title": text,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "code": {**text, "enum": list(CATALOGUE)},
            "detail": {**text, "description": "What is wrong in this case and what to do."},
            "instance": text,
            "request_id": text,
            "retryable": {"type": "boolean", "description": "The same request may work later."},
            "log_url": {
                **text,
                "format": "uri",
                "description": "Of the call in your request log, if it came with a good API key.",
            },
            "retry_after": {"type": "integer", "description": "Seconds."},
            "operation_id": {**text, "description": "`idempotency_key_reused`: of the first."},
            "server_time": {**text, "description": "`invalid_signature`: to set your clock by."},
            "component": {**text, "description": "`invalid_signature`: what is wrong with it."},
            "missing_components": {
                "type": "array",
                "items": text,
                "description": "`invalid_signature`: what it must cover, too.",
            },
            "signature_base": {
                **text,
                "description": "`invalid_signature`, test mode: what was to be signed.",
            },
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {"pointer": text, "detail": text},
                },
            },
        },
        "examples": [example("connector_busy")],
    }
