"""What a route's function is given, worked out by a plan that is made once for each route.

FastAPI finds out anew for each request what each dependency is and asks for; that was a quarter of
what a call cost. A plan calls the same functions in the same order, and leaves values to FastAPI's
own validation.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from email.message import Message
from functools import lru_cache
from typing import Any, Final

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.exceptions import RequestValidationError
from pydantic_core import PydanticUndefined
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.status import HTTP_400_BAD_REQUEST

_FAILED: Final = object()
"""In place of what a dependency would have given: something it asks for is missing or wrong."""

_CONTENT_TYPES_KEPT: Final = 256


@dataclass(frozen=True, slots=True)
class _Step:
    """One dependency, or at the end the route's function itself.

    Attributes:
        inputs: Names of parameters, and the steps whose results they are.
        is_context: Whether its function yields once and is gone on with after the answer's making.
    """

    call: Callable[..., Any]
    dependant: Dependant
    inputs: Sequence[tuple[str, int]]
    waits_for: Sequence[int]
    is_context: bool


@dataclass(slots=True)
class Plan:
    """The steps of a route, each after those whose results it asks for."""

    embeds_body: bool
    reads_body: bool = False
    steps: list[_Step] = field(default_factory=list)
    _places: dict[Any, int] = field(default_factory=dict)

    async def answer(self, request: Request) -> Response:
        """Return what the route answers.

        Raises:
            RequestValidationError: What was sent is missing, wrong or not asked for.
        """
        body: Any = PydanticUndefined
        if self.reads_body:
            body = await _body(request)
        errors: list[Any] = []
        results: list[Any] = []
        stack: AsyncExitStack = request.scope["fastapi_function_astack"]
        for step in self.steps[:-1]:
            values = await self._values(step, request, body, results, errors)
            if values is None:
                results.append(_FAILED)
            elif step.is_context:
                results.append(await stack.enter_async_context(step.call(**values)))
            else:
                results.append(await step.call(**values))
        values = await self._values(self.steps[-1], request, body, results, errors)
        if values is None:
            raise RequestValidationError(errors, body=None if body is PydanticUndefined else body)
        response: Response = await self.steps[-1].call(**values)
        return response

    async def _values(
        self,
        step: _Step,
        request: Request,
        body: Any,
        results: Sequence[Any],
        errors: list[Any],
    ) -> dict[str, Any] | None:
        """Return the arguments of a step; ``None``, with *errors* told, where one is not good."""
        asked, found = step.dependant, len(errors)
        values = {name: results[place] for name, place in step.inputs}
        for fields, given in (
            (asked.path_params, request.path_params),
            (asked.query_params, request.query_params),
            (asked.header_params, request.headers),
        ):
            if fields:
                _take(request_params_to_args(fields, given), values, errors)
        if asked.body_params:
            solved = await request_body_to_args(
                body_fields=asked.body_params,
                received_body=body,
                embed_body_fields=self.embeds_body,
            )
            _take(solved, values, errors)
        if asked.request_param_name is not None:
            values[asked.request_param_name] = request
        if len(errors) > found or any(results[place] is _FAILED for place in step.waits_for):
            return None
        return values

    def add(self, dependant: Dependant) -> int | None:
        """Plan *dependant* after what it depends on; ``None``: it asks for what no plan has."""
        key = (dependant.call, dependant.scope)
        if key in self._places:
            return self._places[key]
        inputs: list[tuple[str, int]] = []
        waits_for: list[int] = []
        for below in dependant.dependencies:
            place = self.add(below)
            if place is None:
                return None
            waits_for.append(place)
            if below.name is not None:
                inputs.append((below.name, place))
        call = dependant.call
        is_context = inspect.isasyncgenfunction(call)
        is_plain = inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(
            getattr(call, "__call__", None)  # noqa: B004 - an object's own method
        )
        if call is None or not (is_context or is_plain) or _is_special(dependant):
            return None
        if is_context:
            if dependant.scope != "function":
                return None
            call = asynccontextmanager(call)
        self.steps.append(_Step(call, dependant, inputs, waits_for, is_context))
        self.reads_body = self.reads_body or bool(dependant.body_params)
        self._places[key] = len(self.steps) - 1
        return self._places[key]


def plan_for(dependant: Dependant, *, embeds_body: bool, is_form: bool) -> Plan | None:
    """Return the plan of a route; ``None``: FastAPI has to do it.

    A route has one whose functions are all asynchronous, that answers with a ``Response`` and asks
    for nothing but its request, JSON, parameters and other such functions.
    """
    if dependant.call is None or is_form:
        return None
    answers = inspect.get_annotations(inspect.unwrap(dependant.call), eval_str=True).get("return")
    plan = Plan(embeds_body=embeds_body)
    is_response = isinstance(answers, type) and issubclass(answers, Response)
    return plan if is_response and plan.add(dependant) is not None else None


def _is_special(dependant: Dependant) -> bool:
    return bool(
        dependant.cookie_params
        or dependant.http_connection_param_name
        or dependant.websocket_param_name
        or dependant.response_param_name
        or dependant.background_tasks_param_name
        or dependant.security_scopes_param_name
        or dependant.concurrency is not None
        or not dependant.use_cache
    )


def _take(
    solved: tuple[Mapping[str, Any], list[Any]], values: dict[str, Any], errors: list[Any]
) -> None:
    found, wrong = solved
    values.update(found)
    errors.extend(wrong)


async def _body(request: Request) -> Any:
    """Return the JSON that was sent; bytes of another type, which no model accepts."""
    try:
        content = await request.body()
    except ClientDisconnect:  # nobody hears the answer
        raise HTTPException(HTTP_400_BAD_REQUEST) from None
    if not content:
        return PydanticUndefined
    if _is_json(request.headers.get("content-type") or ""):
        return await request.json()
    return content


@lru_cache(_CONTENT_TYPES_KEPT)
def _is_json(content_type: str) -> bool:
    if not content_type:
        return False
    message = Message()
    message["content-type"] = content_type
    subtype = message.get_content_subtype()
    is_json = subtype == "json" or subtype.endswith("+json")
    return message.get_content_maintype() == "application" and is_json
