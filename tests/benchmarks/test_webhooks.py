"""Webhooks to bad receivers from a node that dies, and the judge who would tell of a loss."""

import json
import sqlite3
from array import array
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.arrivals import Kill, judge
from benchmarks.budgets import WEBHOOKS
from benchmarks.ledger import Ledger
from benchmarks.receipts import Chance, Heard, Receipts
from benchmarks.webhooks import WRONG, Plan
from benchmarks.webhooks import app as webhooks_app
from benchmarks.wire import NO_CONTENT, SERVER_ERROR

SMALL = ["--webhooks", "300", "--kills", "1", "--endpoints", "10"]
IMPATIENT = ["--webhook-timeout", "1", "--retry-after", "0.02"]
ALWAYS = 100.0


@pytest.mark.timeout(240)
def test_webhooks_outlive_bad_receivers_and_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "webhooks.json"

    result = CliRunner().invoke(webhooks_app, [*SMALL, *IMPATIENT, "--json", str(file)])

    (document,) = json.loads(file.read_text())
    figures = document["figures"]
    assert {name: figures[name] for name in WRONG} == dict.fromkeys(WRONG, 0), result.output
    assert figures["webhooks"] == figures["taken"] == figures["deliveries_delivered"] == 300
    assert figures["transactions"] == 10
    assert figures["attempts"] >= 300 + figures["refused"]
    assert figures["refused"] > 0
    assert figures["hung"] > 0
    assert len(figures["kills"]) == len(figures["doubled_by_kill"]) == 1
    assert figures["doubled"] <= 64, "no more than a worker may have under way"
    assert {row.figure for row in WEBHOOKS} <= figures.keys()
    # One of 300 is above 0.01 %.
    assert result.exit_code == (1 if figures["doubled"] else 0), result.output


def request(endpoint: int, event_id: str) -> bytes:
    head = f"POST /webhooks/{endpoint} HTTP/1.1\r\nHost: x\r\nwebhook-id: {event_id}\r\n"
    return f"{head}Content-Length: 0\r\n\r\n".encode()


def receipts(*, errors: float = 0, timeouts: float = 0) -> Receipts:
    return Receipts(2, Chance(seed=1, errors_percent=errors, timeouts_percent=timeouts))


def test_what_comes_after_a_2xx_is_counted_for_each_endpoint_and_event() -> None:
    received = receipts()
    for endpoint, event_id in ((0, "a"), (1, "a"), (0, "b"), (1, "a"), (1, "c"), (1, "a")):
        assert received.answer(request(endpoint, event_id)) == NO_CONTENT

    heard, totals = received.heard(), received.totals()

    assert (totals.attempts, totals.taken) == (6, 4)
    assert len(heard.repeated_s) == 2
    assert [heard.has(0, event_id) for event_id in "abcd"] == [True, True, False, False]
    assert [heard.has(1, event_id) for event_id in "abcd"] == [True, False, True, False]


def test_an_attempt_that_fails_is_not_taken() -> None:
    refusing, hanging = receipts(errors=ALWAYS), receipts(timeouts=ALWAYS)
    assert refusing.answer(request(0, "a")) == SERVER_ERROR
    assert hanging.answer(request(0, "a")) is None
    assert (refusing.totals().refused, refusing.totals().taken) == (1, 0)
    assert (hanging.totals().hung, hanging.totals().taken) == (1, 0)
    assert not refusing.heard().has(0, "a")


def test_the_same_seed_fails_the_same_attempts() -> None:
    one, other = receipts(errors=50), receipts(errors=50)
    requests = [request(0, str(number)) for number in range(100)]
    assert [one.answer(each) for each in requests] == [other.answer(each) for each in requests]


async def test_what_was_not_taken_and_what_has_no_event_is_named(tmp_path: Path) -> None:
    file = tmp_path / "some.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            """
            CREATE TABLE sessions (id, number);
            CREATE TABLE events (id, type, partner_id, session_id);
            CREATE TABLE webhook_endpoints (partner_id, url);
            CREATE TABLE deliveries (status);
            INSERT INTO sessions VALUES ('s', 1), ('t', 2);
            INSERT INTO events VALUES
                ('a', 'session.started', 'p', 's'), ('b', 'session.ended', 'p', 's'),
                ('c', 'order.finalized', 'p', 's'), ('d', 'session.started', 'q', 't');
            INSERT INTO webhook_endpoints VALUES
                ('p', 'http://x/webhooks/0'), ('q', 'http://x/webhooks/1'),
                ('p', 'http://x/webhooks/2');
            INSERT INTO deliveries VALUES ('delivered'), ('dead');
            """
        )
    ledger = Ledger()
    ledger.started(1, 0)
    ledger.stopped(1, 100)
    ledger.started(2, 0)
    ledger.stopped(2, 100)
    heard = Heard(
        numbers=[{"a": 0, "b": 1, "c": 2}, {"d": 0}],
        taken_s=[
            array("d", [5.0, 5.0, 5.0]),
            array("d", [5.0]),
            array("d", [5.0, 0.0, 5.0]),
        ],
        repeated_s=[99.0, 100.5, 50.0, 199.9, 150.0],
    )
    kills = [Kill(taken=1, at_s=100, served_s=102), Kill(taken=2, at_s=200, served_s=202)]

    found = await judge(f"sqlite+aiosqlite:///{file}", ledger, heard, kills)

    assert found["webhooks"] == 7
    assert found["lost_rows"] == [
        "session.ended of transaction 2: no event",
        "order.finalized of transaction 2: no event",
        "session.ended b at endpoint 2",
    ]
    assert (found["undelivered"], found["undelivered_rows"]) == (1, ["1 dead"])
    assert (found["doubled"], found["doubled_by_kill"]) == (5, [2, 1])
    assert found["doubled_without_kill"] == 2


def test_kills_are_spread_over_the_deliveries_and_the_same_for_a_seed() -> None:
    plan = Plan(
        webhooks=1000,
        endpoints=50,
        kills=10,
        errors=10,
        timeouts=5,
        rate=None,
        webhook_timeout_s=2,
        retry_after_s=0.2,
        seed=7,
    )
    moments = plan.moments()
    assert [moment // 100 for moment in moments] == list(range(10))
    assert moments == plan.moments()
    assert sorted(number for partner in range(3) for number in plan.endpoints_of(partner)) == list(
        range(50)
    )
