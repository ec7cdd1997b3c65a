"""What lines of the log carry besides what they are told."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import structlog

from core.kernel import log
from core.kernel.log import Saying


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where the log goes, as JSON."""
    before = structlog.get_config()
    stream = io.StringIO()
    log.configure(level="INFO", format_="json", bound={"node": "n1"}, stream=stream)
    yield stream
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


def test_lines_say_what_they_are_in_and_nothing_of_it_afterwards(lines: io.StringIO) -> None:
    logger = structlog.get_logger()
    with Saying({"action": "Heartbeat", "message_id": "1"}):
        logger.info("inside")
        with Saying({"action": "BootNotification"}):
            logger.info("deeper", node="n2")
        logger.info("again", action="own")
    logger.info("outside")
    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    told = [(one["event"], one.get("action"), one.get("message_id"), one["node"]) for one in found]
    assert told == [
        ("inside", "Heartbeat", "1", "n1"),
        ("deeper", "BootNotification", None, "n2"),
        ("again", "own", "1", "n1"),
        ("outside", None, None, "n1"),
    ]


def test_a_line_can_hold_whatever_it_is_given(lines: io.StringIO) -> None:
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    logger = structlog.get_logger()
    logger.info("odd", at=at, money=Decimal("1.20"), kind=OSError, text="\ud800", by={1: "one"})
    logger.info("plain", at=at, money=Decimal("1.20"), kind=OSError, name="K\u00f6ln")
    odd, plain = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (odd["text"], odd["by"]) == ("\ud800", {"1": "one"})
    assert plain["at"] == "2026-01-31T12:00:00Z"
    assert (plain["money"], plain["kind"], plain["name"]) == ("1.20", repr(OSError), "K\u00f6ln")


def test_i34_a_secret_is_known_by_its_name_and_by_its_look(lines: io.StringIO) -> None:
    logger = structlog.get_logger()
    logger.info("said", password="a", id_token_status="Accepted", header="Basic Q1A6cHc=")
    logger.info("said", text="of vg_live_abc_S3CRET and whsec_S3CRET=", apikey="kept")
    first, second = (json.loads(line) for line in lines.getvalue().splitlines())
    assert first["password"] == "[hidden]"
    assert first["id_token_status"] == "Accepted"
    assert first["header"] == "Basic [hidden]"
    assert second["text"] == "of vg_live_abc_[hidden] and whsec_[hidden]"
