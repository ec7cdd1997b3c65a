"""What lines of the log carry besides what they are told."""

import io
import json
from collections.abc import Iterator

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
