"""ON-1: names, e-mail addresses and telephone numbers are checked by form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.joining.contacts import Unreachable, email, name, phone


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("ana@example.com", "ana@example.com"),
        (" Ana.Maria+x@EXAMPLE.Com ", "Ana.Maria+x@example.com"),
        ("o'neil@sub.example.co.uk", "o'neil@sub.example.co.uk"),
        ("li@例子.中国", "li@xn--fsqu00a.xn--fiqs8s"),
        ("a@bücher.de", "a@xn--bcher-kva.de"),
    ],
)
def test_an_email_address_is_stored_with_an_ascii_domain(text: str, stored: str) -> None:
    assert email(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        *("", "ana", "@example.com", "ana@", "a@b", "a@localhost", "a@127.0.0.1", "a@[::1]"),
        *("a b@example.com", ".a@example.com", "a..b@example.com", "a.@example.com"),
        *('"a"@example.com', "a@example.com\r\nBcc: b@example.com", "a@b@example.com"),
        *("a@-example.com", "a@example..com", "a@example.local", "ä@example.com"),
        *("a" * 65 + "@example.com", "a@" + "b" * 64 + ".com", "a@" + "b.c" * 90 + ".com"),
        *("<a@example.com>", "a,b@example.com", "a@example.com,b@example.com", "a@exa_mple.com"),
    ],
)
def test_what_is_no_email_address_of_the_internet_is_refused(text: str) -> None:
    with pytest.raises(Unreachable):
        email(text)


@given(st.text(max_size=80) | st.emails())
def test_an_accepted_email_address_is_one_header_value_and_stays_as_it_is(text: str) -> None:
    try:
        found = email(text)
    except Unreachable:
        return
    assert found.isascii()
    assert not set(found) & set(" \r\n\t,;<>()")
    assert found.count("@") == 1
    assert email(found) == found


def test_a_phone_number_is_international() -> None:
    assert phone("+49 (30) 123-45.67") == "+49301234567"
    for text in (
        "0301234567",
        "+0301234567",
        "+49",
        "+49 30 12345678901234",
        "+49x123456",
        "+\uff14\uff19",
    ):
        with pytest.raises(Unreachable):
            phone(text)


def test_a_name_has_letters_and_no_control_characters() -> None:
    assert name("  Ana \t Example ") == "Ana Example"
    assert name("王小明") == "王小明"
    for text in ("", "  ", "123", "a\x00b", "a\u202eb"):
        with pytest.raises(Unreachable):
            name(text)
