"""``voltgate trigger``: lets a real event happen, by using a simulated charger of your sandbox."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ops.developer.client import Api, Refused

BUSY_FOR_S: Final = 40.0
"""How long a simulated charger may still be busy with what was triggered before."""

EVENT_WITHIN_S: Final = 300.0
_PAGE: Final = 200
_LOOK_EVERY_S: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a recipe works with."""

    api: Api
    say: Callable[[str], None]
    sleep: Callable[[float], None]

    def charger(self, name: str) -> dict[str, Any]:
        """Return a simulated charger by its name."""
        found = self.api.get("/v1/test_helpers/chargers")["data"]
        return next(dict(one) for one in found if one["name"] == name)

    def act(self, name: str, act: str) -> None:
        """Let something happen at a charger."""
        self.say(f"{name}: {act}")
        self.api.post(f"/v1/test_helpers/chargers/{self.charger(name)['id']}/{act}")

    def start(self, name: str) -> dict[str, Any]:
        """Start a charge; wait while the charger is busy with an earlier one."""
        return self.control("start_charge", {"connector_id": self.charger(name)["connector_id"]})

    def control(self, call: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make a control call; return its operation when it is final."""
        until_s = time.monotonic() + BUSY_FOR_S
        named = {"request_id": f"trigger-{secrets.token_hex(6)}", **body}
        self.say(f"POST /v1/{call}")
        while True:
            try:
                operation = self.api.post(f"/v1/{call}", named)
                break
            except Refused as refused:
                if refused.code != "connector_busy" or time.monotonic() > until_s:
                    raise
                self.sleep(1.0)
        while operation["status"] in {"accepted", "in_progress"}:
            operation = self.api.get(f"/v1/operations/{operation['id']}?wait=30")
        self.say(f"{operation['id']} {operation['status']}")
        return dict(operation)

    def stop(self, operation: Mapping[str, Any]) -> None:
        """Stop what was started."""
        if operation["session_id"] is not None:
            self.control("stop_charge", {"session_id": operation["session_id"]})


def _charge(scene: Scene) -> None:
    scene.stop(scene.start("SIM-OK"))


def _status(scene: Scene) -> None:
    scene.act("SIM-NOCAR", "plug")
    scene.act("SIM-NOCAR", "unplug")


def _presence(scene: Scene) -> None:
    scene.act("SIM-DUP", "disconnect")
    scene.act("SIM-DUP", "reconnect")


def _reservation(scene: Scene) -> None:
    until = datetime.now(UTC) + timedelta(minutes=10)
    body = {
        "connector_id": scene.charger("SIM-OK")["connector_id"],
        "expires_at": until.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    reserved = scene.control("reserve", body)
    scene.control("cancel_reservation", {"reservation_id": reserved["reservation_id"]})


def _ping(scene: Scene) -> None:
    found = scene.api.get("/v1/webhook_endpoints")["data"]
    enabled = [endpoint for endpoint in found if endpoint["enabled"]]
    if not enabled:
        raise Refused("There is no webhook endpoint to ping; make one, or an inbox.")
    for endpoint in enabled:
        scene.api.post(f"/v1/webhook_endpoints/{endpoint['id']}/ping")


RECIPES: Final[Mapping[str, Callable[[Scene], object]]] = {
    "charger.offline": _presence,
    "charger.online": _presence,
    "connector.status_changed": _status,
    "operation.failed": lambda scene: scene.start("SIM-REJECT"),
    "operation.late_outcome": lambda scene: scene.start("SIM-LATE"),
    "operation.succeeded": _charge,
    "operation.timed_out": lambda scene: scene.start("SIM-NOCAR"),
    "order.finalized": _charge,
    "ping": _ping,
    "reservation.cancelled": _reservation,
    "reservation.created": _reservation,
    "session.ended": _charge,
    "session.started": _charge,
}
"""By event type. What follows from others, or from people, is not triggered."""


def trigger(
    api: Api,
    event_type: str,
    *,
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Let an event of a type happen; return it.

    Raises:
        Refused: It cannot be triggered, or the API refused a step.
    """
    recipe = RECIPES.get(event_type)
    if recipe is None:
        raise Refused(f"{event_type} cannot be triggered; these can: {', '.join(RECIPES)}.")
    after_seq = _newest(api)
    recipe(Scene(api=api, say=say, sleep=sleep))
    until_s = time.monotonic() + EVENT_WITHIN_S
    while time.monotonic() < until_s:
        found = api.get(f"/v1/events?type={event_type}&after_seq={after_seq}&limit=1")["data"]
        if found:
            return dict(found[0])
        sleep(_LOOK_EVERY_S)
    raise Refused(f"No {event_type} has come within {EVENT_WITHIN_S:g} s.")


def _newest(api: Api) -> int:
    """Return the number of the newest event."""
    seq = 0
    while True:
        page = api.get(f"/v1/events?after_seq={seq}&limit={_PAGE}")
        seq = int(page["next_seq"])
        if not page["has_more"]:
            return seq
