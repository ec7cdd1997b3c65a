"""Each problem of the catalogue is an exception of its family, and tells no secret."""

import json
import pickle
from collections.abc import Iterator

import httpx2
import pytest
import voltgate_client as vc
from voltgate_client.errors import error_of

from core.kernel.errors import CATALOGUE
from partner_api.problems import example
from tests.clients.conftest import Line
from tests.partner_api.scenes import Place

FAMILY = {
    401: vc.AuthenticationFailed,
    403: vc.PermissionDenied,
    404: vc.NotFound,
    409: vc.Conflict,
    429: vc.RateLimited,
}
READY = {code for code in CATALOGUE if code.startswith(("charger_offline", "connector_"))}


def expected(code: str) -> type[vc.ApiError]:
    status = CATALOGUE[code].status
    if code in READY:
        return vc.ConnectorNotReady
    if code == "idempotency_key_reused":
        return vc.RequestIdReused
    return FAMILY.get(status) or (vc.ServerError if status >= 500 else vc.InvalidRequest)


@pytest.mark.parametrize("code", CATALOGUE)
def test_a_problem_becomes_the_exception_of_its_family(code: str) -> None:
    kind = CATALOGUE[code]
    wrong = [{"pointer": "/limits/max_minutes", "detail": "too many", "more": 1}]
    problem = example(code) | {"errors": wrong, "operation_id": "op_1"}
    found = error_of(kind.status, {"retry-after": "7"}, json.dumps(problem).encode())

    assert type(found) is expected(code)
    assert isinstance(found, vc.ApiError)
    assert (found.status, found.code, found.retryable) == (kind.status, code, kind.retryable)
    assert found.retry_after == 7
    assert found.request_id == problem["request_id"]
    assert found.errors == (vc.ErrorDetail("/limits/max_minutes", "too many"),)
    assert f"{kind.status} {code}: {problem['detail']}" in str(found)
    again = pickle.loads(pickle.dumps(found))  # noqa: S301 - our own bytes
    assert (str(again), type(again), again.retry_after) == (str(found), type(found), 7)


def test_codes_that_are_not_known_are_exceptions_of_their_status() -> None:
    found = error_of(409, {}, b'{"code": "charger_melted", "errors": 7}')
    assert type(found) is vc.Conflict
    assert (found.code, found.errors, found.retry_after) == ("charger_melted", (), None)


@pytest.mark.parametrize("text", [b"", b"<html>", b"[]", b'{"error": "no"}'])
def test_what_a_proxy_says_is_no_problem_of_the_api(text: bytes) -> None:
    assert type(error_of(404, {}, text)) is vc.UnexpectedAnswer
    assert type(error_of(502, {}, text)) is vc.ServerError


async def test_the_api_says_what_is_wrong_and_where(line: Line, place: Place) -> None:
    with pytest.raises(vc.InvalidRequest) as refused:
        await line.client.start_charge(
            connector_id=place.connector_id,
            limits={"max_minutes": "soon"},  # type: ignore[arg-type]
        )
    assert refused.value.code == "invalid_parameter"
    assert [one.pointer for one in refused.value.errors] == ["/limits/max_minutes"]
    assert refused.value.sent_request_id == "made-1"
    with pytest.raises(vc.NotFound):
        await line.client.sessions.get("cs_nobody")


async def test_a_request_id_for_something_else_names_the_operation(
    line: Line, place: Place
) -> None:
    first = await line.client.start_charge(connector_id=place.connector_id, request_id="mine")
    with pytest.raises(vc.RequestIdReused) as refused:
        await line.client.unlock_connector(connector_id=place.connector_id, request_id="mine")
    assert refused.value.operation_id == first.id


@pytest.mark.parametrize("empty", ["", ".", ".."])
async def test_an_id_that_leads_elsewhere_is_never_sent(line: Line, empty: str) -> None:
    with pytest.raises(ValueError, match="is no id"):
        await line.client.sessions.get(empty)
    assert line.way.seen == []


async def test_an_id_stays_within_its_part_of_the_path(line: Line) -> None:
    with pytest.raises(vc.NotFound):
        await line.client.sessions.get("../partner?x=1#y")
    assert line.way.seen[0].url.raw_path == b"/v1/sessions/..%2Fpartner%3Fx%3D1%23y"


async def test_another_answer_than_described_is_said_so(line: Line) -> None:
    line.way.faults = [
        httpx2.Response(200, content=b"<html>"),
        httpx2.Response(200, json={"id": 7}),
    ]
    for _ in range(2):
        with pytest.raises(vc.UnexpectedAnswer):
            await line.client.sessions.get("cs_1")
    line.way.faults = [httpx2.Response(302, headers={"location": "https://evil.test"})]
    with pytest.raises(vc.UnexpectedAnswer):
        await line.client.sessions.get("cs_1")
    assert len(line.way.seen) == 3


def texts_of(exc: BaseException | None) -> Iterator[str]:
    """Yield all that a report of *exc* may show: messages, attributes, locals of its frames."""
    while exc is not None:
        yield from (str(exc), repr(exc), repr(vars(exc)))
        frame = exc.__traceback__
        while frame is not None:
            if "voltgate_client" in frame.tb_frame.f_code.co_filename:
                yield repr({k: v for k, v in frame.tb_frame.f_locals.items() if k != "api_key"})
            frame = frame.tb_next
        exc = exc.__cause__ or exc.__context__


async def test_no_exception_shows_the_key(line: Line) -> None:
    sent = line.way.seen
    line.way.faults = [httpx2.ReadTimeout("slow")] * 9
    with pytest.raises(vc.ConnectionFailed) as lost:
        await line.client.partner.get()
    line.way.faults = [httpx2.Response(401, json=example("invalid_credentials"))]
    with pytest.raises(vc.AuthenticationFailed) as refused:
        await line.client.partner.get()

    key = sent[0].headers["Authorization"].removeprefix("Bearer ")
    assert key.startswith("vg_live_")
    shown = [
        *texts_of(lost.value),
        *texts_of(refused.value),
        repr(line.client),
        repr(vars(line.client)),
    ]
    assert [text for text in shown if key in text] == []
