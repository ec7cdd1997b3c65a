"""Request bodies, read more strictly than the standard library does.

A body that cannot be used does not fail at once: it becomes a list of one ``Unusable``, which no
model accepts. So whoever has no key is told that first. It stands in a list because FastAPI would
read the attributes of any other object, and so take it for a body that names nothing.
"""

import json
import re
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.params import Form
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Scope

from core.kernel import failpoints
from core.kernel.errors import PlatformError
from partner_api.solving import plan_for

MAX_DEPTH: Final = 20
MAX_SHOWN: Final = 100
"""Characters of a name that we do not know, in the answer that says so."""
MAX_NUMBER: Final = 2**53 - 1
"""RFC 7493 (I-JSON): what every client can represent."""

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_ID: Final = re.compile(r"[a-z]{2,4}_[0-9a-z]{26}", re.ASCII)
_NO_ID: Final = "none"
"""Looked for in place of an id that cannot exist: so the answer is that of an unknown one."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a body cannot be used: an error *code*, a *detail*, and where (JSON pointer)."""

    code: str
    detail: str
    pointer: str | None = None


class StrictRequest(Request):
    """A request whose JSON is read by ``parse``."""

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json: Any = parse(await self.body())
        return self._json


class ControlRequest(StrictRequest):
    """A control call: the header ``Idempotency-Key`` is an alias of ``request_id``."""

    async def json(self) -> Any:
        body = with_request_id(await super().json(), self.headers.get("idempotency-key"))
        if isinstance(body, dict):
            self.state.given_id = body.get("request_id")  # tells a repetition, see Bounds
        return body


@runtime_checkable
class Early(Protocol):
    """A dependency with something to do before any other, while no transaction is open."""

    async def before(self, request: Request) -> None:
        """Do it; what it raises is the answer."""


class StrictRoute(APIRoute):
    """A route that reads bodies strictly and knows its query parameters."""

    request_class: type[Request] = StrictRequest

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        plan = plan_for(
            self.dependant,
            embeds_body=self._embed_body_fields,
            is_form=self.body_field is not None and isinstance(self.body_field.field_info, Form),
        )
        handle = super().get_route_handler() if plan is None else plan.answer
        known = frozenset(
            field.alias for part in every(self.dependant) for field in part.query_params
        )

        calls: list[Any] = [part.call for part in every(self.dependant)]
        early: list[Early] = [call for call in calls if isinstance(call, Early)]
        kind = f"{min(self.methods or {''})}{self.path}"

        async def strict(request: Request) -> Response:
            if request.scope["path"].endswith("\n") and not self.path.endswith("}"):
                raise HTTPException(404)  # the $ of the router's pattern lets it pass
            _drop_doubtful(request.scope)
            request.state.route = self.path
            failpoints.enter("api", kind)
            request.state.odd_query = _odd_query(request, known)
            params = request.scope["path_params"]
            request.scope["path_params"] = {
                name: value if _may_exist(name, value) else _NO_ID for name, value in params.items()
            }
            read_strictly = self.request_class(request.scope, request.receive)
            for dependency in early:
                await dependency.before(read_strictly)
            return await handle(read_strictly)

        return strict


class ControlRoute(StrictRoute):
    request_class = ControlRequest


def every(dependant: Dependant) -> Iterator[Dependant]:
    """Yield a route's function and all that it depends on."""
    yield dependant
    for below in dependant.dependencies:
        yield from every(below)


def unusable(code: str, detail: str, pointer: str | None = None) -> list[Unusable]:
    """Return what stands for a body that cannot be used."""
    return [Unusable(code, detail, pointer)]


def why_unusable(body: Any) -> Unusable | None:
    """Return why a body cannot be used, if it is one of those."""
    is_one = isinstance(body, list) and len(body) == 1 and isinstance(body[0], Unusable)
    return body[0] if is_one else None


def parse(text: bytes) -> Any:
    """Return the JSON document, or what stands for one that cannot be used.

    Refused, besides what is not JSON (RFC 8259): NaN and Infinity, names that come twice, NUL and
    lone surrogates, numbers beyond 2^53, more than 20 levels.
    """
    try:
        document = json.loads(text.decode(), object_pairs_hook=_object, parse_constant=_no_constant)
    except RecursionError:
        return unusable("malformed_json", "The body is nested too deeply.")
    except UnicodeDecodeError:
        return unusable("malformed_json", "The body is not UTF-8.")
    except json.JSONDecodeError as exc:
        return unusable("malformed_json", f"{exc.msg} (line {exc.lineno}, column {exc.colno}).")
    except ValueError as exc:  # a name that comes twice, NaN, a number of thousands of digits
        return unusable("malformed_json", str(exc))
    return _problem_of(document) or document


def with_request_id(document: Any, key: str | None) -> Any:
    """Return the body of a control call, its ``request_id`` taken from the header if need be."""
    if key is None or not isinstance(document, dict):
        return document
    if "request_id" not in document:
        return {**document, "request_id": key}
    given = document["request_id"]
    if isinstance(given, str) and given != key:
        return unusable(
            "idempotency_mismatch", "Send one of them, or the same in both.", "/request_id"
        )
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("An object has two members of the same name.")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON.")


def _problem_of(document: Any) -> list[Unusable] | None:
    """Return the first value that JSON allows and we do not."""
    waiting: list[tuple[Any, str, int]] = [(document, "", 0)]
    while waiting:
        value, pointer, depth = waiting.pop()
        if wrong := _wrong(value, depth):
            return unusable("invalid_parameter", wrong, pointer)
        if isinstance(value, dict):
            waiting += [(m, f"{pointer}/{escaped(n)}", depth + 1) for n, m in value.items()]
        elif isinstance(value, list):
            waiting += [(item, f"{pointer}/{n}", depth + 1) for n, item in enumerate(value)]
    return None


def _wrong(value: Any, depth: int) -> str | None:
    if depth > MAX_DEPTH:
        return f"More than {MAX_DEPTH} levels."
    texts = [value] if isinstance(value, str) else value if isinstance(value, dict) else ()
    if any(_UNSTORABLE.search(text) for text in texts):
        return "NUL and lone surrogates cannot be stored."
    if isinstance(value, (int, float)) and not abs(value) <= MAX_NUMBER:
        return f"Numbers are at most {MAX_NUMBER}."
    return None


def escaped(name: str) -> str:
    """Return *name* as a part of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _drop_doubtful(scope: Scope) -> None:
    """Take several headers ``Authorization`` for none: who stands between may have read another."""
    headers = scope["headers"]
    if sum(name == b"authorization" for name, _ in headers) > 1:
        scope["headers"] = [pair for pair in headers if pair[0] != b"authorization"]


def _may_exist(name: str, value: str) -> bool:
    return not name.endswith("_id") or _ID.fullmatch(value) is not None


def _odd_query(request: Request, known: frozenset[str]) -> PlatformError | None:
    """Return what is wrong with the names or texts of the query, if anything is."""
    seen: set[str] = set()
    for name, value in request.query_params.multi_items():
        if name not in known:
            names = ", ".join(sorted(known)) or "none"
            return _odd(name, f"There is no such query parameter; known here: {names}.")
        if name in seen:
            return _odd(name, f"The query parameter {name} is given twice.")
        if _UNSTORABLE.search(value):
            return _odd(name, f"The query parameter {name} contains NUL or a lone surrogate.")
        seen.add(name)
    return None


def _odd(name: str, detail: str) -> PlatformError:
    errors = [{"pointer": f"/query/{escaped(name[:MAX_SHOWN])}", "detail": detail}]
    return PlatformError("invalid_parameter", detail, errors=errors)
