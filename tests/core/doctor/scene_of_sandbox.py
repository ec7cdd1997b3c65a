"""A sandbox with a charger and an inbox as they should be, and what can be wrong with them."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Table

from core.chargers.models import chargers, cursors, stations
from core.partners.group_models import group_grants, group_members, station_groups
from core.partners.models import grants
from core.sandbox.models import sandbox_chargers, sandboxes
from core.webhooks import inbox
from core.webhooks.models import endpoints

Rows = list[tuple[Table, dict[str, Any]]]


def rows(now: datetime, *, credential: str) -> Rows:
    at = now - timedelta(hours=1)
    times = {"created_at": at, "updated_at": at}
    charger = {
        "id": "cp-sim",
        "station_id": "st-sim",
        "identity": "SIM-OK-prt",
        "identity_key": "sim-ok-prt",
        "registration": "accepted",
        "credential": credential,
        "security_profile": 1,
        "epoch": 0,
        **times,
    }
    endpoint = {
        "id": "we-inbox",
        "partner_id": "prt",
        "livemode": False,
        "url": inbox.URL,
        "event_types": ["*"],
        "enabled": True,
        "secret": "k1:sealed",
        **times,
    }
    grant = {
        "partner_id": "prt",
        "station_id": "st-sim",
        "control": True,
        "direct_control": True,
        "created_at": at,
    }
    group = {"id": "grp", "name": "G", "livemode": True, **times}
    by_group = {"partner_id": "prt", "group_id": "grp", "control": False, "created_at": at}
    grouped = {"partner_id": "prt", "station_id": "st", "control": False, "created_at": at}
    guest = {
        "charger_id": "cp-sim",
        "partner_id": "prt",
        "name": "SIM-OK",
        "password": "k1:sealed",
        "away": False,
    }
    station = {"id": "st-sim", "name": "Sandbox", "livemode": False, "time_zone": "UTC", **times}
    return [
        (stations, station),
        (chargers, charger),
        (grants, grant),
        (station_groups, group),
        (group_members, {"group_id": "grp", "station_id": "st"}),
        (group_grants, by_group),
        (grants, grouped),
        (cursors, {"partner_id": "prt", "seq": 1, "moved_at": at}),
        (sandboxes, {"partner_id": "prt", "station_id": "st-sim", "created_at": at}),
        (sandbox_chargers, guest),
        (endpoints, endpoint),
    ]


PLANTS_OF_SANDBOXES: Final = (
    ("I32", "itself or by a group", "UPDATE station_grants SET direct_control = NULL"),
    ("I32", "itself or by a group", "UPDATE station_grants SET control = true"),
    ("I32", "itself or by a group", "DELETE FROM station_grants WHERE station_id = 'st'"),
    ("I32", "itself or by a group", "UPDATE station_group_grants SET control = true"),
    ("I32", "a sandbox is test data", "UPDATE stations SET livemode = true"),
    ("I32", "a sandbox is test data", "UPDATE station_grants SET partner_id = 'prt9'"),
    ("I32", "in the sandbox of its partner", "UPDATE chargers SET station_id = 'st'"),
    ("I32", "in the sandbox of its partner", "DELETE FROM sandboxes"),
    ("I32", "an inbox belongs", "UPDATE webhook_endpoints SET livemode = true"),
    ("I34", "passwords of simulated", "UPDATE sandbox_chargers SET password = 'plain'"),
)
"""An invariant, a part of the check's title, and statements."""
