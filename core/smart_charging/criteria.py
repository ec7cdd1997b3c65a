"""What a report of profiles covers: pure (OCPP 2.0.1 K09)."""

from core.commands.smart_charging import ReportChargingProfiles
from core.smart_charging.profiles import WHOLE_CHARGER, Profile, Purpose


def is_full(asked: ReportChargingProfiles) -> bool:
    """Tell whether a report of all profiles was asked for."""
    narrow = (asked.evse, asked.purpose, asked.stack_level)
    return narrow == (None, None, None) and not asked.profiles and not asked.sources


def covers(asked: ReportChargingProfiles, profile: Profile, *, source: str) -> bool:
    """Tell whether a charger that has *profile* would name it where *asked* is asked for.

    At which EVSE it names a default profile of all EVSEs is the charger's choice: a report of one
    EVSE says nothing about it.
    """
    everywhere = profile.purpose is Purpose.TRANSACTION_DEFAULT and profile.evse == WHOLE_CHARGER
    return (
        (asked.evse is None or (profile.evse == asked.evse and not everywhere))
        and asked.purpose in (None, profile.purpose)
        and asked.stack_level in (None, profile.stack_level)
        and (not asked.profiles or profile.id in asked.profiles)
        and (not asked.sources or source in asked.sources)
    )
