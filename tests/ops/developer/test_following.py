"""Streams are followed over broken connections: nothing is lost, nothing is misread."""

from collections.abc import Iterator

import httpx2
import pytest
from typer.testing import CliRunner

from ops.cli import app as voltgate
from ops.developer.client import Api, Refused
from ops.developer.following import follow

STREAM = {"content-type": "text/event-stream"}


class Scripted(Api):
    """An API that answers as written, one connection after the other."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        super().__init__("http://api.test", "vg_test_x")
        self.asked: list[str | None] = []
        left = iter(answers)

        def answer(request: httpx2.Request) -> httpx2.Response:
            self.asked.append(request.headers.get("last-event-id"))
            given = next(left)
            if isinstance(given, Exception):
                raise given
            return given

        self.http = httpx2.Client(
            transport=httpx2.MockTransport(answer), base_url="http://api.test"
        )


def events(text: str) -> httpx2.Response:
    return httpx2.Response(200, headers=STREAM, content=text)


def followed(api: Api, said: list[str], slept: list[float]) -> Iterator[httpx2.ServerSentEvent]:
    return follow(api, "/v1/events/stream", say=said.append, sleep=slept.append)


def test_who_is_cut_off_before_the_first_event_goes_on_where_the_stream_began() -> None:
    said: list[str] = []
    slept: list[float] = []
    first = events(": connected\nid: 7\nretry: 2000\n\n")
    refused = httpx2.ConnectError("refused")
    with Scripted(first, refused, events('id: 8\nevent: ping\ndata: {"a": 1}\n\n')) as api:
        sent = next(followed(api, said, slept))
        assert (sent.id, sent.event, sent.data) == ("8", "ping", '{"a": 1}')
        assert api.asked == [None, "7", "7"]
    assert said == [
        "connected",
        "the stream has ended; trying again in 1 s",
        "http://api.test does not answer (refused); trying again in 2 s",
        "connected",
    ]
    assert slept == [1, 2]


def test_only_the_ends_of_lines_end_lines() -> None:
    """A name with U+2028 or U+0085 in it was cut in two there, and ended the command."""
    data = '{"name": "a\u2028b\x85c\x0bd"}'
    with Scripted(events(f"id: 1\ndata: {data}\n\n")) as api:
        assert next(followed(api, [], [])).data == data


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (httpx2.Response(401, json={"code": "invalid_credentials", "detail": "No."}), "No."),
        (httpx2.Response(404, text="<html>"), "is this a partner API?"),
        (httpx2.Response(200, text="<html>"), "is this a partner API?"),
    ],
)
def test_what_would_be_the_same_again_ends_it(answer: httpx2.Response, hint: str) -> None:
    with Scripted(answer) as api, pytest.raises(Refused) as refused:
        next(followed(api, [], []))
    assert hint in str(refused.value)
    assert (refused.value.then is not None) == (answer.status_code == 401)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--forward-to", "localhost:3000"], "http://localhost:3000/webhooks"),
        (["--forward-to", "http://"], "http://localhost:3000/webhooks"),
        (["--events", "session.ended,session.melted"], "session.melted"),
        (["--secret", "sesame"], "whsec_"),
    ],
)
def test_listen_says_at_once_what_it_cannot_use(arguments: list[str], hint: str) -> None:
    given = {"VOLTGATE_API_KEY": "vg_test_x", "COLUMNS": "200"}
    done = CliRunner().invoke(voltgate, ["listen", *arguments], env=given)
    assert (done.exit_code, hint in done.stderr) == (2, True), done.stderr
