"""The judge of the conversations is judged: it knows a frame that is not as it should be."""

import json

import pytest

from tests.conformance.wire import Direction, Seen, Wire

BOOT = '[2,"m1","BootNotification",{"chargePointVendor":"v","chargePointModel":"m"}]'
TIME = "2026-11-21T10:00:00Z"


def said(*frames: tuple[str, str]) -> Wire:
    """Return a wire with (direction, text) frames of one 1.6 socket."""
    wire = Wire()
    for direction, text in frames:
        sender: Direction = "from_charger" if direction == "from_charger" else "from_server"
        wire.seen.append(Seen(1, "1.6", sender, text, json.loads(text)))
    return wire


GOOD = [
    f'[3,"m1",{{"status":"Accepted","currentTime":"{TIME}","interval":300}}]',
    '[4,"m1","InternalError","",{}]',
    '[2,"m2","RemoteStartTransaction",{"connectorId":99,"idTag":"T"}]',
]
BAD = [
    f'[3,"m1",{{"currentTime":"{TIME}","interval":300,"status":"Accepted"}}]',  # out of order
    f'[3,"m1",{{"status":"Accepted", "currentTime":"{TIME}","interval":300}}]',  # a blank
    f'[3,"m1",{{"status":"Maybe","currentTime":"{TIME}","interval":300}}]',
    '[3,"m1",{}]',
    '[4,"m1","InternalError",""]',
    '[2,"m2","RemoteStartTransaction",{"idTag":"T","connectorId":99}]',
    '[2,"m2","RemoteStartTransaction",{"connectorId":99}]',
    '[2,"m2","StartTransaction",{}]',
    f'[2,"{"i" * 37}","ClearCache",{{}}]',
]


@pytest.mark.parametrize("text", GOOD)
def test_a_frame_as_it_should_be_passes(text: str) -> None:
    said(("from_charger", BOOT), ("from_server", text)).check_the_server()


@pytest.mark.parametrize("text", BAD)
def test_any_other_frame_fails(text: str) -> None:
    wire = said(("from_charger", BOOT), ("from_server", text))
    with pytest.raises(AssertionError):
        wire.check_the_server()


def test_the_calls_of_both_sides_are_known() -> None:
    call = '[2,"m2","ClearCache",{}]'
    wire = said(("from_charger", BOOT), ("from_server", call), ("from_charger", '[3,"m2",{}]'))
    assert wire.calls("1.6") == {("1.6", "BootNotification"), ("1.6", "ClearCache")}
    assert [one.text for one in wire.from_server("ClearCache")] == [call]
