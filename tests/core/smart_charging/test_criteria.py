"""What a report of profiles covers."""

from typing import Any

import pytest

from core.commands.smart_charging import ReportChargingProfiles
from core.smart_charging.criteria import covers, is_full
from core.smart_charging.profiles import Profile, Purpose
from tests.core.smart_charging.making import profile

MAXIMUM = profile((0, 63), id=1, evse=0, purpose=Purpose.CHARGER_MAX)
DEFAULT = profile((0, 16), id=2, evse=0)
OF_ONE = profile((0, 10), id=3, evse=1, stack_level=1)


@pytest.mark.parametrize(
    ("criteria", "covered"),
    [
        ({}, [MAXIMUM, DEFAULT, OF_ONE]),
        ({"evse": 0}, [MAXIMUM]),
        ({"evse": 1}, [OF_ONE]),
        ({"evse": 2}, []),
        ({"purpose": "transaction_default"}, [DEFAULT, OF_ONE]),
        ({"stack_level": 0}, [MAXIMUM, DEFAULT]),
        ({"stack_level": 0, "purpose": "charger_max"}, [MAXIMUM]),
        ({"profiles": (2, 3)}, [DEFAULT, OF_ONE]),
        ({"profiles": (2, 3), "evse": 1}, [OF_ONE]),
        ({"sources": ("EMS", "CSO")}, [MAXIMUM, DEFAULT, OF_ONE]),
        ({"sources": ("EMS",)}, []),
    ],
)
def test_a_report_covers_what_fits_all_that_was_asked(
    criteria: dict[str, Any], covered: list[Profile]
) -> None:
    """At which EVSE a default of all EVSEs is named, nobody can say."""
    wanted = ReportChargingProfiles(request=1, **criteria)
    everything = [MAXIMUM, DEFAULT, OF_ONE]
    assert [one for one in everything if covers(wanted, one, source="CSO")] == covered
    assert is_full(wanted) is (criteria == {})
