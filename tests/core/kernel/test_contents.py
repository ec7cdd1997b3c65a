"""A document is what its bytes say, and it is whole."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.joining.documents import MAX_NAME, shown_name
from core.kernel.contents import MEDIA_TYPES, UnknownContent, media_type
from tests.partner_api.joining import JPEG, PDF, png

GOOD = {"application/pdf": PDF, "image/png": png(), "image/jpeg": JPEG}


@pytest.mark.parametrize("expected", GOOD)
def test_whole_documents_are_known(expected: str) -> None:
    assert media_type(GOOD[expected]) == expected


@pytest.mark.parametrize(
    "act", [b"/JavaScript", b"/JS (app.alert(1))", b"/Launch", b"/EmbeddedFile", b"/XFA"]
)
def test_a_pdf_that_acts_is_refused(act: bytes) -> None:
    with pytest.raises(UnknownContent, match="scripts"):
        media_type(PDF.replace(b"/Catalog", b"/Catalog " + act))


@given(st.sampled_from(sorted(GOOD)), st.binary(min_size=1, max_size=40))
def test_nothing_follows_the_end(kind: str, more: bytes) -> None:
    if kind == "application/pdf" and not more.strip():
        return
    if kind == "image/jpeg" and more.endswith(b"\xff\xd9"):
        return
    with pytest.raises(UnknownContent):
        media_type(GOOD[kind] + more)


@given(st.sampled_from(sorted(GOOD)), st.integers(0, 200))
def test_a_document_that_was_cut_off_is_refused(kind: str, length: int) -> None:
    content = GOOD[kind].rstrip()
    with pytest.raises(UnknownContent):
        media_type(content[: min(length, len(content) - 1)])


@given(st.integers(8, len(png()) - 1), st.integers(1, 255))
def test_one_altered_byte_of_a_png_is_found(at: int, by: int) -> None:
    content = bytearray(png())
    content[at] ^= by
    with pytest.raises(UnknownContent):
        media_type(bytes(content))


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda b: b"\xff\xd8\xff" + b))
def test_any_bytes_are_known_or_refused(content: bytes) -> None:
    with suppress(UnknownContent):
        assert media_type(content) in MEDIA_TYPES


@given(st.text(max_size=300), st.sampled_from(sorted(MEDIA_TYPES)))
def test_a_shown_name_is_no_path_and_ends_as_its_content_does(name: str, kind: str) -> None:
    shown = shown_name(name, kind)
    assert shown.endswith(f".{MEDIA_TYPES[kind]}")
    assert shown.isprintable()
    assert not set(shown) & set('/\\"<>:|?*')
    assert len(shown) <= MAX_NAME
    assert shown[0] != "."
