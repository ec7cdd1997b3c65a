"""Fleet commands: one command for many chargers, a few at a time, each outcome kept."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, cast

from fastapi import Query, Response
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
from core.fleet.models import FleetCommand
from core.fleet.service import Order, Selection, Wish
from core.fleet.states import TargetStatus
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from csms.actions import TO_CHARGER
from csms.redact import names_secret, redact
from csms.schemas import validate_outgoing
from ops.operator_api.deps import (
    ADMIN,
    READS,
    SUPPORT,
    Acting,
    NewestFirst,
    newest_page,
    resource,
)
from ops.operator_api.desired_views import fleet_view, target_view
from partner_api.answers import listed
from partner_api.deps import Transaction
from partner_api.fields import In, Instant, ObjectId, RequestId, Whole

routes = resource("/fleet_commands", tag="fleet commands")

ACTS: Final[dict[str, type[Command]]] = {
    kind.kind: kind for kind in (Reset, Trigger, ClearCache, GetVariables, ChangeAvailability)
}
DEFAULT_WITHIN: Final = timedelta(hours=1)

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


@routes.post("", status_code=202, dependencies=[ADMIN], summary="Ask many chargers")
async def begin(
    body: FleetIn, response: Response, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """Repeating a `request_id` returns the same fleet command.

    Secrets are refused: one that many chargers share is none; set it charger by charger.
    """
    order = order_of(body, deadline_at=body.deadline_at or tx.now + DEFAULT_WITHIN)
    begun, replayed = await fleet.begin(tx, actor, order)
    response.headers["Location"] = f"/operator/v1/fleet_commands/{begun.id}"
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return await _view(tx, begun)


@routes.get("", dependencies=[READS], summary="Fleet commands, the newest first")
async def list_all(page: NewestFirst, tx: Transaction) -> dict[str, Any]:
    """Each with the progress it has made."""
    found = await fleet.newest(tx, before_number=page.before_number, limit=page.limit + 1)
    counts = {row.id: await fleet.counts(tx, row.id) for row in found[: page.limit]}
    return newest_page(found, page, lambda row: fleet_view(row, counts[row.id]))


@routes.get("/{fleet_command_id}", dependencies=[READS], summary="One fleet command")
async def show(fleet_command_id: str, tx: Transaction) -> dict[str, Any]:
    """`progress` counts its chargers by what became of them."""
    return await _view(tx, await fleet.get(tx, fleet_command_id))


@routes.get("/{fleet_command_id}/targets", dependencies=[READS], summary="Its chargers")
async def targets(
    fleet_command_id: str,
    tx: Transaction,
    *,
    status: TargetStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    cursor: Annotated[str | None, Query(max_length=200, pattern=r"^[1-9]\d{0,17}$")] = None,
) -> dict[str, Any]:
    """In the order in which they are asked; `reason` is the charger's own word if it gave one."""
    await fleet.get(tx, fleet_command_id)
    found = await fleet.targets(
        tx,
        fleet_command_id,
        status=status,
        after_number=None if cursor is None else int(cursor),
        limit=limit + 1,
    )
    shown, has_more = found[:limit], len(found) > limit
    next_cursor = str(shown[-1].number) if has_more else None
    return listed([target_view(row) for row in shown], has_more=has_more, next_cursor=next_cursor)


@routes.post("/{fleet_command_id}/pause", dependencies=[SUPPORT], summary="Ask no further charger")
async def pause(fleet_command_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """Those under way get their outcome."""
    return await _view(tx, await fleet.pause(tx, actor, fleet_command_id))


@routes.post("/{fleet_command_id}/resume", dependencies=[SUPPORT], summary="Go on")
async def resume(fleet_command_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """After a pause, or in spite of failures: they are counted anew from here."""
    return await _view(tx, await fleet.resume(tx, actor, fleet_command_id))


@routes.post("/{fleet_command_id}/cancel", dependencies=[SUPPORT], summary="End it for good")
async def cancel(fleet_command_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """What was not sent is withdrawn; wishes that were made stay wanted."""
    return await _view(tx, await fleet.cancel(tx, actor, fleet_command_id))


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


async def _view(tx: Tx, row: FleetCommand) -> dict[str, Any]:
    return fleet_view(row, await fleet.counts(tx, row.id))
