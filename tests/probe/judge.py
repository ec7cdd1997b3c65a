"""One generated case: sent into the application, and its answer judged."""

import asyncio
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import schemathesis
from schemathesis import Case
from schemathesis.checks import CheckContext, CheckFunction, load_all_checks
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.specs.openapi import checks

from core.kernel.settings import FixedSettings
from partner_api.app import PartnerApp
from tests.partner_api.asgi import Answer, ask
from tests.partner_api.surface import DOCUMENT

SCHEMA: Final = schemathesis.openapi.from_dict(DOCUMENT)
SCHEMA.config.generation.with_security_parameters = False
load_all_checks()

ALWAYS: Final[tuple[CheckFunction, ...]] = (
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
)
AS_GENERATED: Final[tuple[CheckFunction, ...]] = (
    *ALWAYS,
    checks.negative_data_rejection,
    checks.unsupported_method,
)
"""Those of a case that was not changed after it was made: it is known whether it is good."""
BASE_URL: Final = "http://api.test"
_OWN: Final = frozenset({"content-type", "content-length", "authorization", "host"})


class Wrong(Exception):
    """An answer is not what it has to be."""


def send(
    loop: asyncio.AbstractEventLoop, app: PartnerApp, case: Case[Any], key: str | None
) -> tuple[requests.PreparedRequest, Answer]:
    """Return what is sent for a case, and the answer."""
    prepared = requests.Request(**case.as_transport_kwargs(base_url=BASE_URL)).prepare()
    headers = [
        (name.lower(), _text(value))
        for name, value in prepared.headers.items()
        if name.lower() not in _OWN
    ]
    if "content-type" in prepared.headers:
        headers.append(("content-type", _text(prepared.headers["content-type"])))
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
    assert body is None or isinstance(body, bytes)
    target = urlsplit(prepared.url or "")
    path = f"{target.path}?{target.query}" if target.query else target.path
    sending = ask(app, prepared.method or "", path, key=key, headers=headers, body=body)
    return prepared, loop.run_until_complete(sending)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def judge(
    case: Case[Any],
    prepared: requests.PreparedRequest,
    answer: Answer,
    which: Iterable[CheckFunction],
) -> None:
    """Compare an answer with its description.

    Raises:
        Wrong: It is another.
    """
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not _nobody_simulates(answer):
        raise Wrong("a server error")
    headers: dict[str, list[str]] = {}
    for name, value in answer.headers:
        headers.setdefault(name, []).append(value)
    response = Response(
        status_code=answer.status,
        headers=headers,
        content=answer.body,
        request=prepared,
        elapsed=0.0,
        verify=False,
        message=HTTPStatus(answer.status).phrase,
    )
    context = _context(case)
    for check in which:
        if check is checks.negative_data_rejection and _is_too_large(prepared, answer):
            continue  # it was refused before anybody read it
        try:
            check(context, response, case)
        except Failure as exc:
            raise Wrong(f"{check.__name__}: {exc}") from exc


def _is_too_large(prepared: requests.PreparedRequest, answer: Answer) -> bool:
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
    return (
        answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        and isinstance(body, bytes)
        and len(body) > FixedSettings().body_limit_bytes
    )


def _nobody_simulates(answer: Answer) -> bool:
    """Tell whether a simulated charger was to do something, and none is run here."""
    return answer.status == HTTPStatus.SERVICE_UNAVAILABLE and b"simulated charger" in answer.body


_contexts: dict[str, CheckContext] = {}


def _context(case: Case[Any]) -> CheckContext:
    label = case.operation.label
    if label not in _contexts:
        _contexts[label] = CheckContext(
            override=None,
            auth=None,
            headers=None,
            config=case.operation.schema.config.checks_config_for(operation=case.operation),
            transport_kwargs=None,
            response_checks=None,
        )
    return _contexts[label]


def described(prepared: requests.PreparedRequest, answer: Answer) -> Mapping[str, str]:
    """Return a request and its answer, to be shown; without the key."""
    body = prepared.body if isinstance(prepared.body, str) else repr(prepared.body)
    return {
        "request": f"{prepared.method} {prepared.url}",
        "body": body[:2000],
        "answer": f"{answer.status} {answer.body[:2000].decode(errors='replace')}",
    }
