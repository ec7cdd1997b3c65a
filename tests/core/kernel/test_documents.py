from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kernel import documents

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
anything = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(anything.filter(lambda value: "inf" not in repr(value)))
def test_a_document_comes_back_as_it_went(value: Any) -> None:
    assert documents.decode(documents.encode(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e400", float("inf")),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ('"\\ud800"', "\ud800"),
        ('{"a": [1, 2.50, null]}', {"a": [1, 2.5, None]}),
    ],
)
def test_what_stands_in_a_database_already_is_read(text: str, value: Any) -> None:
    assert documents.decode(text) == value


def test_a_lone_surrogate_is_spelled() -> None:
    assert documents.encode(["\ud800"]) == '["\\ud800"]'


def test_what_is_no_document_is_refused() -> None:
    with pytest.raises(TypeError):
        documents.encode({"a": object()})
