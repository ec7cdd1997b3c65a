"""No request waits for a thread: FastAPI runs plain functions in its pool, transaction open."""

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant

from ops.operator_api.app import _RESOURCES
from partner_api.app import ROUTERS
from partner_api.openapi import api_routes


def _calls(dependant: Dependant) -> Iterator[Any]:
    if dependant.call is not None:
        yield dependant.call
    for below in dependant.dependencies:
        yield from _calls(below)


def _waits_for_no_thread(call: Any) -> bool:
    function = call if inspect.isroutine(call) else type(call).__call__
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


@pytest.mark.parametrize("routers", [ROUTERS, [resource.routes for resource in _RESOURCES]])
def test_what_routes_depend_on_runs_in_the_event_loop(routers: Iterable[APIRouter]) -> None:
    calls = {call for route in api_routes(routers) for call in _calls(route.dependant)}
    assert len(calls) > 20
    plain = {
        f"{call.__module__}.{call.__qualname__}" for call in calls if not _waits_for_no_thread(call)
    }
    assert plain == set()
