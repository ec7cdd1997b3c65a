"""ON-1: the number under which a company is registered, by country."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.joining.registrations import COUNTRIES, NotARegistration, RegistrationKind, read

USCC = "91110000600037341L"
REAL_VAT = (
    ("AT", "ATU13585627"),
    ("BE", "BE0428759497"),
    ("DE", "DE136695976"),
    ("FR", "FR40303265045"),
    ("GR", "EL094259216"),
    ("IT", "IT00743110157"),
    ("NL", "NL004495445B01"),
    ("PL", "PL8567346215"),
    ("SE", "SE123456789701"),
)


def test_a_chinese_company_has_its_unified_social_credit_code() -> None:
    found = read("CN", " 9111 0000-600037341l")
    assert (found.kind, found.number) == (RegistrationKind.USCC, USCC)


@given(st.integers(0, len(USCC) - 1), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_one_wrong_character_of_a_credit_code_is_found(at: int, other: str) -> None:
    if USCC[at] == other:
        return
    with pytest.raises(NotARegistration):
        read("CN", USCC[:at] + other + USCC[at + 1 :])


@pytest.mark.parametrize(("country", "number"), REAL_VAT)
def test_an_eu_company_has_a_vat_number_of_its_country(country: str, number: str) -> None:
    prefix = number[:2]
    for text in (number, number[2:], f"{prefix} {number[2:5]}.{number[5:]}".lower()):
        assert read(country, text).number == number
    for other in {"AT", "DE", "FR", "IT", "PL"} - {country}:
        with pytest.raises(NotARegistration):
            read(other, number)


@pytest.mark.parametrize(
    "text", ["DE136695977", "DE1", "136695976X", "DE", "\u0415\u0415136695976", "\uff11\uff13"]
)
def test_what_is_no_vat_number_is_refused(text: str) -> None:
    with pytest.raises(NotARegistration):
        read("DE", text)


def test_elsewhere_a_number_is_as_its_register_writes_it() -> None:
    assert read("GB", " sc  123456 ").number == "SC 123456"
    assert read("CH", "CHE-116.281.710").number == "CHE-116.281.710"
    for text in ("-12", "1-", "..-..", "12", "1;DROP", "a\nb1"):
        with pytest.raises(NotARegistration):
            read("US", text)


@given(st.sampled_from(sorted(COUNTRIES)), st.text(max_size=64))
def test_any_text_is_accepted_or_refused_and_what_is_accepted_stays_so(
    country: str, text: str
) -> None:
    try:
        found = read(country, text)
    except NotARegistration:
        return
    assert found.number.isascii()
    assert 3 <= len(found.number) <= 66
    assert read(country, found.number) == found
