"""Server-sent events as the standard defines them, however they are cut."""

from hypothesis import given
from hypothesis import strategies as st

from ops.developer.sse import Sent, parse

TEXT = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(TEXT, st.lists(TEXT, min_size=1, max_size=3)), max_size=5))
def test_what_is_written_is_read(events: list[tuple[str, list[str]]]) -> None:
    lines = []
    for number, (type_, data) in enumerate(events, start=1):
        lines += [": a comment", f"id: {number}", f"event: {type_}"]
        lines += [f"data: {line}" for line in data]
        lines += [""]

    assert list(parse(lines)) == [
        Sent(str(number), type_ or "message", "\n".join(data))
        for number, (type_, data) in enumerate(events, start=1)
    ]


def test_an_event_that_is_cut_off_is_none() -> None:
    assert list(parse(["id: 1", "event: ping", "data: {}"])) == []


def test_an_event_without_data_is_none_and_keeps_its_id() -> None:
    assert list(parse(["id: 7", "", "data:x", ""])) == [Sent("7", "message", "x")]
