"""Calls that are good but for what a test changes, and what is to be seen of a refusal."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tests.partner_api.asgi import JSON, Answer
from tests.partner_api.furnished import Furnished, Side
from tests.partner_api.probes import known
from tests.partner_api.surface import CALLS, SCHEMAS, Call, sample, validator

WITH_BODY: Final = [call for call in CALLS if call.body is not None]


def side_of(furnished: Furnished, call: Call) -> Side:
    """Return whose call it is; the helpers of test mode are for test keys."""
    is_test = call.path.startswith("/v1/test_helpers")
    return furnished.scene.test if is_test else furnished.scene.live


async def send(
    furnished: Furnished, call: Call, *, query: str = "", body: Any = None, **more: Any
) -> Answer:
    """Send a call of ours to one of our objects."""
    side = side_of(furnished, call)
    target = call.path.format(**side.ids()) + (f"?{query}" if query else "")
    if body is not None and not isinstance(body, bytes):
        body, more["headers"] = json.dumps(body).encode(), [JSON]
    return await furnished.ask(side, call.method, target, key=side.key_for(call), body=body, **more)


def good(furnished: Furnished, call: Call) -> Any:
    """Return a body with every field, that the call would accept."""
    values = known(side_of(furnished, call), furnished.db)
    return sample(call.body or {}, values, full=True)


def problem(answer: Answer) -> dict[str, Any]:
    """Return the problem of a refusal, if it is as documented (RFC 9457)."""
    assert answer.header("content-type") == "application/problem+json"
    document: dict[str, Any] = answer.json()
    validator(SCHEMAS["Problem"]).validate(document)
    assert document["status"] == answer.status
    assert document["detail"]
    return document


def pointers(document: Mapping[str, Any]) -> list[str]:
    return [error["pointer"] for error in document.get("errors", ())]
