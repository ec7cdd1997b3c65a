"""What breaks the rules of throttles, bans and incidents, to be planted."""

from typing import Final

STANDING = """
    INSERT INTO partner_standings (id, partner_id, livemode, step, banned_until, incident_id,
        stepped_at, version, created_at, updated_at)
    VALUES ('prt.x', 'prt', {livemode}, '{step}', {banned}, {incident}, :long_ago, 1, :long_ago,
        :long_ago)
"""
INCIDENT = """
    INSERT INTO conduct_incidents (id, partner_id, livemode, rule, status, step_before, step,
        count, evidence, opened_by, created_at, updated_at)
    VALUES ('inc', 'prt', TRUE, 'scanning', '{status}', 'good', 'alert', {count}, '{{}}',
        'platform', :future, :future)
"""
# Entries of before would have to be sealed by now.
AUDITED: Final = """
    INSERT INTO audit_entries (number, at, actor, action, object_id)
    VALUES (900, :future, 'platform', 'conduct.alerted', 'prt')
"""


def standing(
    step: str, *, livemode: str = "TRUE", banned: str = "NULL", incident: str = "NULL"
) -> str:
    return STANDING.format(step=step, livemode=livemode, banned=banned, incident=incident)


def incident(*, status: str = "open", count: int = 1) -> str:
    return INCIDENT.format(status=status, count=count)


SOUND_ONE: Final = "; ".join([incident(), AUDITED, standing("alert", incident="'inc'")])

PLANTS_OF_CONDUCT: Final = (
    ("ON-4", "has an incident of that partner", standing("banned_1h")),
    ("ON-4", "has an incident of that partner", standing("good", banned=":future")),
    (
        "ON-4",
        "has an incident of that partner",
        "; ".join([incident(), AUDITED, standing("alert", livemode="FALSE", incident="'inc'")]),
    ),
    ("ON-4", "has evidence, and an entry", incident(status="closed")),
    ("ON-4", "has evidence, and an entry", f"{incident(status='closed', count=0)}; {AUDITED}"),
    ("ON-4", "test mode is never suspended", standing("suspended", livemode="FALSE")),
    ("ON-4", "test mode is never suspended", standing("suspended")),
    ("ON-4", "has no open incident", f"{incident()}; {AUDITED}"),
)
SOUND_CONDUCT: Final = (SOUND_ONE, f"{incident(status='closed')}; {AUDITED}")
