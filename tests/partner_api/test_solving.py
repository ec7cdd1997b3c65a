"""Routes answer by a plan: the same as FastAPI would, without finding out each time what to do."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import JSONResponse

from partner_api.app import ROUTERS
from partner_api.openapi import api_routes
from partner_api.solving import plan_for

_GENERATORS = {"/v1/events/stream", "/v1/request_logs/stream", "/v1/statuses/stream"}
"""They depend on a function of the request's scope, which outlives the route's."""


def _plan(route: APIRoute) -> Any:
    is_form = route.body_field is not None and isinstance(route.body_field.field_info, Form)
    embeds = route._embed_body_fields
    return plan_for(route.dependant, embeds_body=embeds, is_form=is_form)


def test_routes_for_partners_have_a_plan() -> None:
    without = {route.path for route in api_routes(ROUTERS) if _plan(route) is None}
    assert without == _GENERATORS


class Planned(APIRoute):
    def get_route_handler(self) -> Any:
        plan = _plan(self)
        assert plan is not None
        return plan.answer


class Wish(BaseModel):
    name: str
    count: int = 1


def _app(route_class: type[APIRoute], seen: list[str]) -> FastAPI:
    async def opened() -> AsyncIterator[str]:
        seen.append("opened")
        yield "context"
        seen.append("closed")

    context_ = Depends(opened, scope="function")

    async def who(context: Annotated[str, context_], x_name: Annotated[str, Header()]) -> str:
        seen.append("who")
        return f"{x_name} in {context}"

    async def paged(limit: Annotated[int, Query(ge=1)] = 50) -> int:
        seen.append("paged")
        return limit

    router = APIRouter(route_class=route_class)

    @router.post("/things/{thing_id}")
    async def make(
        thing_id: int,
        who: Annotated[str, Depends(who)],
        context: Annotated[str, context_],
        limit: Annotated[int, Depends(paged)],
        request: Request,
        wish: Wish,
        flag: bool = False,
    ) -> Response:
        seen.append("route")
        found = [thing_id, who, context, limit, request.method, wish.model_dump(), flag]
        return JSONResponse(found)

    app = FastAPI()
    app.include_router(router)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, exc: RequestValidationError) -> Response:
        found = [[error["type"], list(error["loc"])] for error in exc.errors()]
        body = exc.body.decode() if isinstance(exc.body, bytes) else exc.body
        return JSONResponse({"errors": found, "body": body}, 422)

    return app


_GOOD: dict[str, Any] = {"headers": {"x-name": "Ada"}, "json": {"name": "tea"}}


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("/things/7?limit=3&flag=true", _GOOD),
        ("/things/seven?limit=0&flag=perhaps", _GOOD),
        ("/things/7", {"json": {"name": "tea"}}),
        ("/things/7", {"headers": {"x-name": "Ada"}, "json": {"count": "many"}}),
        ("/things/7", {"headers": {"x-name": "Ada"}}),
        ("/things/7", {"headers": {"x-name": "Ada"}, "content": b"name=tea"}),
        (
            "/things/7",
            {
                "headers": {"x-name": "Ada", "content-type": "application/x+json; a=b"},
                "content": b'{"name": "tea"}',
            },
        ),
        (
            "/things/7",
            {"headers": {"x-name": "Ada", "content-type": "text/json"}, "content": b"{}"},
        ),
    ],
)
async def test_a_plan_answers_what_fastapi_answers(target: str, sent: dict[str, Any]) -> None:
    answers, order = [], []
    for route_class in (APIRoute, Planned):
        seen: list[str] = []
        transport = httpx2.ASGITransport(_app(route_class, seen))
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.post(target, **sent)
        answers.append((answer.status_code, answer.json()))
        order.append(seen)
    assert answers[0] == answers[1]
    assert order[0] == order[1]
