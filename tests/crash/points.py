"""The catalogue of places where a node is killed, and which act leads there.

A kind of work has places before and after its commit; what is answered has one behind the answer,
what is sent has its own. ``tests/crash/test_points.py`` sees that each of them exists and is
passed, and that nothing passes a commit that is not in here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

DAILY: Final = ""
"""No act is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A fail point, and the act of ``acts`` that leads there."""

    name: str
    act: str = DAILY


COMMITS: Final[dict[str, str]] = {
    # partners
    "api.POST/v1/start_charge": DAILY,
    "api.POST/v1/stop_charge": DAILY,
    "api.POST/v1/reserve": "reserve",
    "api.POST/v1/cancel_reservation": "reserve",
    "api.POST/v1/unlock_connector": "unlock",
    "api.POST/v1/api_keys": "use_keys",
    "api.POST/v1/api_keys/{key_id}/rotate": "use_keys",
    "api.POST/v1/api_keys/{key_id}/revoke": "use_keys",
    "api.POST/v1/test_helpers/chargers/{charger_id}/plug": "play_in_the_sandbox",
    "api.POST/v1/webhook_endpoints": "use_endpoints",
    "api.POST/v1/webhook_endpoints/{endpoint_id}/ping": "use_endpoints",
    "api.POST/v1/webhook_endpoints/{endpoint_id}/rotate_secret": "use_endpoints",
    "api.DELETE/v1/webhook_endpoints/{endpoint_id}": "use_endpoints",
    # operators
    "api.PATCH/operator/v1/stations/{station_id}": "rename_the_station",
    "api.POST/operator/v1/stations": "make_a_station",
    "api.POST/operator/v1/partners": "make_a_partner",
    "api.PUT/operator/v1/id_tokens/{token}": "put_a_card",
    "api.PUT/operator/v1/chargers/{charger_id}/availability": "wish_something",
    "api.POST/operator/v1/chargers/{charger_id}/commands": "send_a_raw_command",
    "api.POST/operator/v1/chargers/{charger_id}/holds": "hold_a_connector",
    "api.POST/operator/v1/chargers/{charger_id}/password/rotation": "change_a_password",
    "api.POST/operator/v1/fleet_commands": "command_the_fleet",
    # chargers
    "frame.BootNotification": DAILY,
    "frame.StatusNotification": DAILY,
    "frame.StartTransaction": DAILY,
    "frame.MeterValues": DAILY,
    "frame.StopTransaction": DAILY,
    "frame.TransactionEvent": DAILY,
    "frame.NotifyReport": DAILY,
    "door.login": "knock_with_a_wrong_password",
    "socket.connected": DAILY,
    "socket.disconnected": "lose_connections",
    "command.claim": DAILY,
    "command.answer": DAILY,
    "command.learn": DAILY,
    "command.silence": "ask_a_slow_charger",
    # webhooks
    "webhook.claim": DAILY,
    "webhook.delivered": DAILY,
    "webhook.failed": "refuse_webhooks",
    # a node by itself
    "node.alive": DAILY,
    "node.release": "leave_a_charger_behind",
    "node.deviations": DAILY,
    "limits.meet": DAILY,
    "conduct.write": DAILY,
    "frame_log.write": DAILY,
    "request_log.write": DAILY,
    "sandbox.claim": "play_in_the_sandbox",
    "sandbox.answer": "play_in_the_sandbox",
    # jobs
    "job.advance_fleet_commands": "command_the_fleet",
    "job.close_suspect_sessions": "forget_a_transaction",
    "job.expire_commands": "command_an_absent_charger",
    "job.expire_holds": "hold_a_connector",
    "job.expire_operations": "start_where_no_car_comes",
    "job.expire_reservations": "reserve",
    "job.release_dead_nodes": "leave_a_dead_node",
    "job.seal_audit_trail": "make_a_station",
    "job.send_webhook_alerts": "raise_alerts",
    "job.settle_holds": "hold_a_connector",
    "job.stop_sessions": "start_with_a_limit",
    "job.tell_alerts": "raise_alerts",
    "job.tell_station_changes": "rename_the_station",
    "job.tell_status_changes": DAILY,
}
"""What is written, by the kind of work; each commit has two places."""

REPLIES: Final = (
    "api.POST/v1/start_charge",
    "api.POST/v1/stop_charge",
    "frame.BootNotification",
    "frame.StatusNotification",
    "frame.StartTransaction",
    "frame.MeterValues",
    "frame.StopTransaction",
    "frame.TransactionEvent",
)
"""Kinds of work that somebody waits for: killed behind the answer, nobody asks again."""

SENT: Final[dict[str, str]] = {
    **{f"csms.{when}.start": DAILY for when in ("claimed", "written", "answered")},
    **{f"csms.{when}.stop": DAILY for when in ("claimed", "written", "answered")},
    **{
        f"csms.{when}.set_password": "change_a_password"
        for when in ("claimed", "written", "answered")
    },
    "csms.written.hold": "hold_a_connector",
    "csms.written.raw": "send_a_raw_command",
    "csms.written.change_availability": "wish_something",
    "csms.written.unlock": "unlock",
    "password.answered": "change_a_password",
    "statuses.telling": DAILY,
    "webhooks.posted": DAILY,
    "alerts.sent": "raise_alerts",
}
"""Places around what leaves the node."""

ASIDE: Final = frozenset(
    {
        # once in a platform's life
        "api.GET/v1/test_helpers/chargers",
        "unnamed",
        # in an orderly end
        "limits.leave",
        "sandbox.release",
        "webhook.release",
        # when something happens that nobody here brings about on purpose
        "frame.ReservationStatusUpdate",
        "job.cut_frames",
        "job.cut_meter_values",
        "job.reconcile_desired_states",
        "job.resolve_silent_alerts",
        "job.watch_webhook_endpoints",
        "socket.taken_back",
    }
)
"""Kinds of work that are written now and then, and that no act leads to."""


def _all() -> Iterator[Point]:
    for kind, act in COMMITS.items():
        for when in ("before", "after"):
            yield Point(name=f"commit.{when}.{kind}", act=act)
    for kind in REPLIES:
        yield Point(name=f"replied.{kind}", act=COMMITS[kind])
    for name, act in SENT.items():
        yield Point(name=name, act=act)


POINTS: Final = tuple(_all())
