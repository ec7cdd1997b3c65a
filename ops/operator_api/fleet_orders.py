"""What a fleet command asks of whom: the body of a request, and the order it makes."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal, cast

from msgspec import ValidationError
from pydantic import Field, model_validator

from core.commands.commands import Command, Raw, from_row
from core.commands.configuration import (
    ChangeAvailability,
    ClearCache,
    GetVariables,
    Reset,
    Trigger,
)
from core.fleet import service as fleet
from core.fleet.service import Order, Selection, Wish
from core.kernel.errors import PlatformError
from csms.actions import TO_CHARGER
from csms.redact import names_secret, redact
from csms.schemas import validate_outgoing
from partner_api.fields import In, Instant, ObjectId, RequestId, Whole

ACTS: Final[dict[str, type[Command]]] = {
    kind.kind: kind for kind in (Reset, Trigger, ClearCache, GetVariables, ChangeAvailability)
}

Text = Annotated[str, Field(max_length=100)]


class Chargers(In):
    """Which chargers; every member that is given narrows it. `all` alone: every charger."""

    charger_ids: list[ObjectId] | None = Field(None, min_length=1, max_length=10_000)
    station_id: ObjectId | None = None
    vendor: Text | None = None
    model: Text | None = None
    firmware_version: Text | None = None
    all: Literal[True] | None = None

    @model_validator(mode="after")
    def _not_by_accident(self) -> "Chargers":
        if not self.model_dump(exclude_none=True):
            raise ValueError("name chargers, or all: true")
        return self

    def selection(self) -> Selection:
        """Return it in the words of the domain."""
        given = self.model_dump(exclude_none=True, exclude={"all", "charger_ids"})
        ids = None if self.charger_ids is None else tuple(self.charger_ids)
        return Selection(charger_ids=ids, **given)


class Act(In):
    """A typed act; `arguments` as of the charger's own resource."""

    kind: str = Field(max_length=32, examples=["reset"])
    arguments: dict[str, Any] = Field(default_factory=dict, examples=[{"type": "immediate"}])


class RawAct(In):
    """An OCPP request as it is sent; chargers of another version fail with `NotSupported`."""

    action: str = Field(max_length=64, examples=["ClearCache"])
    payload: dict[str, Any] = Field(default_factory=dict)


class WishIn(In):
    """What every charger should be; it stays wanted, and is told again after drift."""

    kind: str = Field(max_length=32, examples=["variable"])
    value: dict[str, Any] = Field(
        examples=[{"name": "HeartbeatInterval", "value": "300"}, {"operative": False}]
    )


class FleetIn(In):
    """One of `act`, `raw` and `wish`, for the chargers that are chosen now."""

    request_id: RequestId
    chargers: Chargers
    act: Act | None = None
    raw: RawAct | None = None
    wish: WishIn | None = None
    concurrency: Whole = Field(10, ge=1, le=1000, description="Chargers asked at a time.")
    stop_after_failures: Whole | None = Field(
        None, ge=1, le=100_000, description="So many failures stop it until you resume it."
    )
    offline: Literal["skip", "wait"] = Field(
        "skip", description="Chargers that are away: skip them, or wait until the deadline."
    )
    timeout_s: float = Field(60, gt=0, le=600, description="An act is sent and answered within.")
    deadline_at: Instant | None = Field(None, description="Left out: in one hour.")

    @model_validator(mode="after")
    def _one_thing(self) -> "FleetIn":
        if sum(part is not None for part in (self.act, self.raw, self.wish)) != 1:
            raise ValueError("give one of act, raw and wish")
        return self


def order_of(body: FleetIn, *, deadline_at: datetime) -> Order:
    """Return a request in the words of the domain.

    Raises:
        PlatformError: ``invalid_parameter``, ``payload_invalid``.
    """
    return Order(
        request_id=body.request_id,
        what=what_of(body),
        selection=body.chargers.selection(),
        concurrency=body.concurrency,
        stop_after_failures=body.stop_after_failures,
        offline=body.offline,
        timeout_s=body.timeout_s,
        deadline_at=deadline_at,
        body=body.model_dump(mode="json", exclude={"request_id"}, exclude_none=True),
    )


def what_of(body: FleetIn) -> Command | Wish:
    """Return what is asked of each charger.

    Raises:
        PlatformError: ``invalid_parameter``, ``payload_invalid``.
    """
    if body.wish is not None:
        wish = fleet.parse_wish(body.wish.kind, body.wish.value)
        named = str(wish.wanted.get("name", ""))
        _refuse_secret(names_secret(named) or redact(wish.wanted) != wish.wanted)
        return wish
    if body.raw is not None:
        _check_raw(body.raw)
        _refuse_secret(redact(body.raw.payload) != body.raw.payload)
        return Raw(action=body.raw.action, payload=body.raw.payload)
    act = cast(Act, body.act)
    if act.kind not in ACTS:
        raise PlatformError("invalid_parameter", f"kind is one of {', '.join(sorted(ACTS))}.")
    try:
        return from_row(act.kind, act.arguments)
    except (ValidationError, TypeError) as exc:
        raise PlatformError("invalid_parameter", f"{act.kind}: {exc}.") from exc


def _check_raw(raw: RawAct) -> None:
    """Refuse what no version could send.

    Raises:
        PlatformError: ``payload_invalid``.
    """
    knowing = [version for version, actions in TO_CHARGER.items() if raw.action in actions]
    if not knowing:
        raise PlatformError("payload_invalid", f"No version of OCPP has a {raw.action}.")
    violations = [validate_outgoing(version, raw.action, raw.payload) for version in knowing]
    if all(violations):
        detail = "; ".join(
            f"OCPP {version}: {one.description}"
            for version, one in zip(knowing, violations, strict=True)
            if one is not None
        )
        raise PlatformError("payload_invalid", f"{raw.action}: {detail}")


def _refuse_secret(is_secret: bool) -> None:
    if is_secret:
        raise PlatformError(
            "invalid_parameter",
            "A fleet command holds no secret; set it charger by charger, each with its own.",
        )
