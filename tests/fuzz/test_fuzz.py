"""50,000 odd frames; ``make fuzz`` sends a million of each version."""

from pathlib import Path

import pytest

from csms.codes import Version
from tests.fuzz.campaign import CHUNK, Wrong, campaign, chunk_of, objection
from tests.fuzz.oracle import RESULT, SILENCE, Due, due

FRAMES = 5_000


@pytest.mark.timeout(300)  # of a machine that does other things besides
@pytest.mark.parametrize("part", range(5))
@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_every_odd_frame_gets_the_answer_that_is_due(
    sqlite_template: Path, version: Version, part: int
) -> None:
    first = part * FRAMES // CHUNK
    figures = await campaign(sqlite_template, version, seed="test", count=FRAMES, first=first)
    assert figures.wrong == [], "\n".join(map(str, figures.wrong))
    assert figures.frames == FRAMES
    assert len(figures.answers) > 5


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_the_same_seed_makes_the_same_frames(version: Version) -> None:
    assert list(chunk_of(version, "a", 3)) == list(chunk_of(version, "a", 3))
    assert list(chunk_of(version, "a", 3)) != list(chunk_of(version, "b", 3))


ANSWERS = [
    ('[2,"1","Heartbeat",{}]', '[3,"1",{"currentTime":"2026-11-21T10:00:00Z"}]', True),
    ('[2,"1","Heartbeat",{}]', '[3,"1",{}]', False),
    ('[2,"1","Heartbeat",{}]', '[3,"2",{"currentTime":"2026-11-21T10:00:00Z"}]', False),
    ('[2,"1","Heartbeat",{}]', None, False),
    ('[2,"1","Heartbeat",{"a":1}]', '[4,"1","FormationViolation","",{}]', True),
    ('[2,"1","Heartbeat",{"a":1}]', '[4,"1","InternalError","",{}]', False),
    ('[2,"1","Explode",{}]', '[4,"1","NotImplemented","",{}]', True),
    ('[2,"1","Reset",{}]', '[4,"1","NotImplemented","",{}]', False),
    ('[3,"1",{}]', None, True),
    ('[3,"1",{}]', '[4,"1","FormationViolation","",{}]', False),
    ("nonsense", None, True),
]


@pytest.mark.parametrize(("text", "answer", "is_right"), ANSWERS)
def test_the_judge_knows_right_from_wrong(text: str, answer: str | None, is_right: bool) -> None:
    _, why = objection("1.6", due("1.6", text), answer)
    assert (why is None) is is_right


def test_the_judge_lets_no_transaction_be_refused_for_its_content() -> None:
    start = (
        '[2,"1","StartTransaction",{"connectorId":1,"idTag":"x","meterStart":"a","timestamp":5}]'
    )
    assert due("1.6", start) == Due("1", frozenset({RESULT}), "StartTransaction")
    assert RESULT not in due("1.6", '[2,"1","Authorize",{"idTag":5}]').codes
    assert due("1.6", "[2") is SILENCE


def test_a_finding_says_how_to_see_it_again() -> None:
    text = str(Wrong("1.6", "seed 1, chunk 2", "[]", "no answer"))
    assert text == "OCPP 1.6, seed 1, chunk 2: no answer\n  '[]'"
