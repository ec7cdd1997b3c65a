"""Schema-valid is not sane (S10): what each odd value becomes and how it is flagged."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms import sanity
from csms.sanity import Checked

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "value", "flags"),
    [
        ("2026-11-21T12:00:00Z", NOON, ()),
        ("2026-11-21t12:00:00z", NOON, ()),
        (" 2026-11-21T12:00:00Z ", NOON, ()),
        ("2026-11-21 12:00:00Z", NOON, ()),
        ("2026-11-21T13:00:00+01:00", NOON, ()),
        ("2026-11-21T13:00:00+0100", NOON, ()),
        ("2026-11-21T12:00:00.000Z", NOON, ()),
        ("2026-11-21T12:00:00,5Z", NOON + timedelta(milliseconds=500), ()),
        ("2026-11-21T12:00:00.123456789Z", NOON + timedelta(microseconds=123456), ()),
        ("2026-11-21T11:59:60Z", NOON, ()),
        ("2026-11-21T12:00:00", NOON, ("timestamp_without_zone",)),
        ("x", None, ("timestamp_garbage",)),
        ("", None, ("timestamp_garbage",)),
        (None, None, ("timestamp_garbage",)),
        (1_795_262_400, None, ("timestamp_garbage",)),
        ("2026-11-21", None, ("timestamp_garbage",)),
        ("20261121T120000Z", None, ("timestamp_garbage",)),
        ("2026-13-45T12:00:00Z", None, ("timestamp_garbage",)),
        ("2026-11-21T25:00:00Z", None, ("timestamp_garbage",)),
        ("2026-11-21T12:00:00+99:00", None, ("timestamp_garbage",)),
        ("2026-11-21T12:00:00Z\x00", None, ("timestamp_garbage",)),
        ("٢٠٢٦-11-21T12:00:00Z", None, ("timestamp_garbage",)),
        ("1970-01-01T00:00:00Z", None, ("timestamp_absurd",)),
        ("0001-01-01T00:00:00+14:00", None, ("timestamp_absurd",)),
        ("9999-12-31T23:59:59-14:00", None, ("timestamp_absurd",)),
    ],
)
def test_timestamp(raw: object, value: datetime | None, flags: tuple[Any, ...]) -> None:
    assert sanity.timestamp(raw) == Checked(value, flags)


@given(
    st.from_regex(r"[0-9+:WwTt-]{4}-..-..T..:..:..(\.[0-9_ ]{3})?Z", fullmatch=True)
    | st.integers(1_230_000_000_000, 4_140_000_000_000).map(
        lambda millis: (
            (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=millis))
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z")
        )
    )
)
def test_a_timestamp_of_the_usual_form_is_read_as_any_other_is(text: str) -> None:
    beside = f" {text}"  # is not of that form
    assert sanity.timestamp(text) == sanity.timestamp(beside)


def test_timestamp_without_zone_may_be_a_local_one() -> None:
    local = timezone(timedelta(hours=1))
    checked = sanity.timestamp("2026-11-21T13:00:00", naive_zone=local)
    assert checked == Checked(NOON, ("timestamp_without_zone",))


@pytest.mark.parametrize(
    ("raw", "value", "flags"),
    [
        ("12345.6", Decimal("12345.6"), ()),
        (" 7 ", Decimal(7), ()),
        ("-3.50", Decimal("-3.50"), ()),
        (".5", Decimal("0.5"), ()),
        ("1.2e3", Decimal(1200), ()),
        (16.1, Decimal("16.1"), ()),
        (0, Decimal(0), ()),
        ("NaN", None, ("not_a_number",)),
        ("-Infinity", None, ("not_a_number",)),
        (float("nan"), None, ("not_a_number",)),
        (float("-inf"), None, ("not_a_number",)),
        ("12,5", None, ("number_garbage",)),
        ("0x1F", None, ("number_garbage",)),
        ("1_000", None, ("number_garbage",)),
        ("١٢", None, ("number_garbage",)),
        ("", None, ("number_garbage",)),
        ("12 kWh", None, ("number_garbage",)),
        ("1e9999", None, ("number_garbage",)),
        ("1e999", None, ("number_absurd",)),
        ("1e-999", Decimal(0), ()),
        ("0.12345678949", Decimal("0.123456789"), ()),
        ("9" * 65, None, ("number_garbage",)),
        (True, None, ("number_garbage",)),
        (None, None, ("number_garbage",)),
        ([1], None, ("number_garbage",)),
        (2**70, None, ("number_absurd",)),
        (1e300, None, ("number_absurd",)),
        (str(2**70), None, ("number_absurd",)),
        ("-1e12", None, ("number_absurd",)),
    ],
)
def test_quantity(raw: object, value: Decimal | None, flags: tuple[Any, ...]) -> None:
    assert sanity.quantity(raw) == Checked(value, flags)


@pytest.mark.parametrize(
    ("raw", "value", "flags"),
    [
        (0, 0, ()),
        (-1, -1, ()),
        (2**31 - 1, 2**31 - 1, ()),
        (-(2**31), -(2**31), ()),
        (3.0, 3, ()),
        (2**31, None, ("number_absurd",)),
        (2**70, None, ("number_absurd",)),
        (1e300, None, ("number_absurd",)),
        (float("nan"), None, ("not_a_number",)),
        (3.5, None, ("number_garbage",)),
        (True, None, ("number_garbage",)),
        ("3", None, ("number_garbage",)),
    ],
)
def test_whole_number_of_32_bits(raw: object, value: int | None, flags: tuple[Any, ...]) -> None:
    assert sanity.whole(raw) == Checked(value, flags)


def test_number_of_5000_digits_is_absurd_not_an_error() -> None:
    for judge in (sanity.quantity, sanity.whole):
        assert judge(10**5_000) == Checked(None, ("number_absurd",))


def test_whole_number_in_a_range() -> None:
    assert sanity.whole(0, lowest=1) == Checked(None, ("number_absurd",))
    assert sanity.whole(2**40, highest=2**63 - 1) == Checked(2**40)


def test_text_that_no_database_takes_is_replaced_and_cut() -> None:
    assert sanity.text("tag", max_chars=20) == Checked("tag")
    assert sanity.text("a\x00b\ud800", max_chars=20) == Checked(
        "a\ufffdb\ufffd", ("unstorable_text",)
    )
    assert sanity.text("\x00" * 30, max_chars=20) == Checked(
        "\ufffd" * 20, ("unstorable_text", "text_cut")
    )


def test_document_keeps_what_was_said_in_a_form_that_can_be_stored() -> None:
    raw = {"a\x00": [float("nan"), float("-inf"), 2**70, None, True, 1.5]}
    assert sanity.document(raw) == Checked(
        {"a\ufffd": ["nan", "-inf", 2**70, None, True, 1.5]}, ("unstorable_text", "not_a_number")
    )
    assert sanity.document({"a": [1]}) == Checked({"a": [1]})


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=10,
)


@given(anything)
def test_s10_nothing_is_too_odd_to_be_judged(raw: Any) -> None:
    for checked in (sanity.timestamp(raw), sanity.quantity(raw), sanity.whole(raw)):
        assert (checked.value is None) == bool(set(checked.flags) - {"timestamp_without_zone"})
    stored = json.dumps(sanity.document(raw).value, ensure_ascii=False, allow_nan=False)
    assert "\x00" not in stored.encode().decode()


@given(st.datetimes(datetime(2010, 1, 2), datetime(2099, 12, 30)), st.integers(-840, 840))  # noqa: DTZ001
def test_every_rfc_3339_instant_is_read_back(moment: datetime, offset_min: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    assert sanity.timestamp(zoned.isoformat()) == Checked(zoned.astimezone(UTC))


@given(st.decimals(-(10**11), 10**11, places=3))
def test_every_plain_decimal_is_read_back(number: Decimal) -> None:
    assert sanity.quantity(str(number)) == Checked(number)
