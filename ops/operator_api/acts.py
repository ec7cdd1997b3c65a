"""Acts at one charger: reset, unlock, trigger, reads, reports, network profiles, hold."""

import json
import secrets
from typing import Annotated, Any, Final, Literal

from fastapi import Request, Response
from pydantic import Field, model_validator

from core.chargers import holding, registry, reports
from core.chargers.models import Charger
from core.commands import service as commands
from core.commands.commands import Command, Unlock, seal_context
from core.commands.configuration import (
    MESSAGES,
    ClearCache,
    GetBaseReport,
    GetReport,
    GetVariables,
    ReportBase,
    ReportQueue,
    Reset,
    ResetType,
    SetNetworkProfile,
    Trigger,
)
from core.desired import variables
from core.kernel.errors import PlatformError
from csms.redact import redact
from ops.operator_api.asking import Wait, ask, connected_charger, settled
from ops.operator_api.checks import check
from ops.operator_api.deps import (
    READS,
    SUPPORT,
    Acting,
    NewestFirst,
    Waiter,
    WaitingSupport,
    newest_page,
    resource,
)
from ops.operator_api.desired_views import report_view
from ops.operator_api.views import charger_view, command_view
from partner_api.deps import Transaction
from partner_api.fields import In, Whole
from partner_api.services import Services

routes = resource("/chargers/{charger_id}", tag="acts")

MAX_REQUEST_ID: Final = 2**31 - 1

Number = Annotated[Whole, Field(ge=1, le=1000)]
Name = Annotated[str, Field(min_length=1, max_length=250)]


class ResetIn(In):
    """What is restarted, and whether sessions may be in the way."""

    type: ResetType = Field(
        "immediate",
        description="`immediate`: now (1.6: Hard). `on_idle`: when no session is going on (2.x). "
        "`soft`: sessions are ended properly first (1.6).",
    )
    evse: Number | None = Field(None, description="2.x: this EVSE alone.")


class TriggerIn(In):
    message: str = Field(max_length=40, description=f"One of {', '.join(MESSAGES)}.")
    evse: Number | None = None
    connector: Number | None = None
    extended: bool = Field(False, description="1.6: by ExtendedTriggerMessage.")


class UnlockIn(In):
    evse: Number = Field(description="The EVSE; in 1.6 the connector.")
    connector: Number = Field(1, description="The connector of that EVSE (2.x).")


class ReadIn(In):
    """Names as in `PUT`: a key of 1.6, `Component/Variable` of 2.x."""

    names: list[Name] = Field(
        max_length=100,
        description="1.6: none means all.",
        examples=[["HeartbeatInterval"], ["OCPPCommCtrlr/HeartbeatInterval"]],
    )


class ReportIn(In):
    """A base report, or a custom one of components that meet criteria or are named."""

    base: ReportBase | None = None
    criteria: list[Literal["Active", "Available", "Enabled", "Problem"]] = Field(
        default_factory=list, max_length=4
    )
    names: list[Name] = Field(
        default_factory=list,
        max_length=100,
        description="`Component/Variable`, or `Component` for all of its variables.",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> "ReportIn":
        if (self.base is None) == (not self.criteria and not self.names):
            raise ValueError("give base, or criteria and names")
        return self


class Vpn(In):
    server: str = Field(max_length=512)
    user: str = Field(max_length=20)
    group: str | None = Field(None, max_length=20)
    password: str = Field(max_length=20)
    key: str = Field(max_length=255)
    type: Literal["IKEv2", "IPSec", "L2TP", "PPTP"]


class Apn(In):
    apn: str = Field(max_length=512)
    user: str | None = Field(None, max_length=20)
    password: str | None = Field(None, max_length=20)
    sim_pin: Whole | None = Field(None, ge=0, le=99_999_999)
    preferred_network: str | None = Field(None, max_length=6)
    use_only_preferred_network: bool | None = None
    authentication: Literal["CHAP", "NONE", "PAP", "AUTO"]


class NetworkProfile(In):
    """How the charger reaches a CSMS, for one of its configuration slots (OCPP 2.0.1 B09).

    It takes effect when `OCPPCommCtrlr/NetworkConfigurationPriority` names the slot and the
    charger restarts.
    """

    slot: Whole = Field(ge=0, le=1000)
    url: str = Field(max_length=512, pattern="^wss?://", examples=["wss://csms.example/ocpp"])
    security_profile: Whole = Field(ge=0, le=3)
    interface: Literal[
        "Wired0", "Wired1", "Wired2", "Wired3", "Wireless0", "Wireless1", "Wireless2", "Wireless3"
    ]
    message_timeout_s: Whole = Field(30, ge=1, le=3600)
    vpn: Vpn | None = None
    apn: Apn | None = None


class Hold(In):
    reason: str = Field(min_length=1, max_length=200, examples=["waits for its meter's approval"])


@routes.post("/reset", status_code=202, summary="Restart a charger")
async def reset(
    charger_id: str,
    body: ResetIn,
    request: Request,
    response: Response,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """Answers with the command; with `wait`, when the charger has answered. It dies unheard."""
    act = Reset(type=body.type, evse=body.evse)
    return await _act(charger_id, act, request, response, waiter, wait)


@routes.post("/trigger", status_code=202, summary="Ask for a message now")
async def trigger(
    charger_id: str,
    body: TriggerIn,
    request: Request,
    response: Response,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """The message itself comes after the answer; see the charger's frames."""
    if body.message not in MESSAGES:
        raise PlatformError(
            "invalid_parameter",
            f"message is one of {', '.join(MESSAGES)}.",
            errors=[{"pointer": "/message", "detail": "is not known"}],
        )
    act = Trigger(
        message=body.message, evse=body.evse, connector=body.connector, extended=body.extended
    )
    return await _act(charger_id, act, request, response, waiter, wait)


@routes.post("/unlock", status_code=202, summary="Release a cable that is stuck")
async def unlock(
    charger_id: str,
    body: UnlockIn,
    request: Request,
    response: Response,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """A session there is ended by chargers of 1.6, and in the way of those of 2.x."""
    act = Unlock(evse=body.evse, connector=body.connector)
    return await _act(charger_id, act, request, response, waiter, wait)


@routes.post("/clear_cache", status_code=202, summary="Forget the id tokens it has learned")
async def clear_cache(
    charger_id: str, request: Request, response: Response, waiter: WaitingSupport, wait: Wait = 0
) -> dict[str, Any]:
    """Empties the authorization cache; the local list stays."""
    return await _act(charger_id, ClearCache(), request, response, waiter, wait)


@routes.post("/message_queue", status_code=202, summary="Ask whether messages wait there (2.x)")
async def message_queue(
    charger_id: str, request: Request, response: Response, waiter: WaitingSupport, wait: Wait = 0
) -> dict[str, Any]:
    """`messagesInQueue` of the answer tells of transaction messages it could not deliver yet."""
    return await _act(charger_id, ReportQueue(), request, response, waiter, wait)


@routes.post("/variables/read", status_code=202, summary="Read keys or variables now")
async def read(
    charger_id: str,
    body: ReadIn,
    request: Request,
    response: Response,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """What comes is stored and compared with what is wanted."""
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id)
    members = [_members(name, charger) for name in body.names]
    act = GetVariables(variables=members)
    return await _act(charger_id, act, request, response, waiter, wait)


@routes.post("/network_profiles", status_code=202, summary="Store a network profile (2.x)")
async def network_profile(
    charger_id: str,
    body: NetworkProfile,
    request: Request,
    response: Response,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """Its passwords and PIN are stored encrypted and never shown."""
    whole = {
        "vpn": None if body.vpn is None else body.vpn.model_dump(exclude_none=True),
        "apn": None if body.apn is None else _apn(body.apn),
    }
    secret = {name: part for name, part in whole.items() if part is not None}
    shown: dict[str, Any] = redact(whole)
    sealed = None
    if secret:
        ring = Services.of(request.scope).vault.ring
        sealed = ring.encrypt(json.dumps(secret), context=seal_context(charger_id))
    act = SetNetworkProfile(
        slot=body.slot,
        url=body.url,
        security_profile=body.security_profile,
        interface=body.interface,
        message_timeout_s=body.message_timeout_s,
        vpn=shown["vpn"],
        apn=shown["apn"] and {k: v for k, v in shown["apn"].items() if k != "simPin"},
        sealed=sealed,
    )
    return await _act(charger_id, act, request, response, waiter, wait)


@routes.post("/reports", status_code=202, summary="Ask for a report of the device model (2.x)")
async def request_report(
    charger_id: str,
    body: ReportIn,
    request: Request,
    response: Response,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """Its parts are stored as they come; look at the report for its progress."""
    number = secrets.randbelow(MAX_REQUEST_ID) + 1
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id)
        act = _report(body, number, charger)
        check(charger, act)
        command = await ask(tx, request, waiter, charger, act)
        report = await reports.expect(
            tx, charger_id, request=number, kind=body.base or "custom", command_id=command.id
        )
    if report is None:
        raise PlatformError("request_in_progress", "Its number was taken; ask again.")
    response.headers["Location"] = f"/operator/v1/chargers/{charger_id}/reports/{report.id}"
    command = await settled(waiter, command, wait_s=wait)
    async with waiter.look() as tx:
        return report_view(await reports.get(tx, charger_id, report.id), command)


@routes.get("/reports", dependencies=[READS], summary="Reports, the newest first")
async def list_reports(charger_id: str, page: NewestFirst, tx: Transaction) -> dict[str, Any]:
    """`unasked`: parts with a request id that nobody here gave; they are stored all the same."""
    await registry.get(tx, charger_id)
    found = await reports.newest(
        tx, charger_id, before_number=page.before_number, limit=page.limit + 1
    )
    return newest_page(found, page, report_view)


@routes.get("/reports/{report_id}", dependencies=[READS], summary="The progress of a report")
async def show_report(charger_id: str, report_id: str, tx: Transaction) -> dict[str, Any]:
    """`complete` with `parts_missing` above 0: parts got lost; ask again."""
    report = await reports.get(tx, charger_id, report_id)
    command = None if report.command_id is None else await commands.get(tx, report.command_id)
    return report_view(report, command)


@routes.post("/hold", dependencies=[SUPPORT], summary="Make an accepted charger wait again")
async def hold(charger_id: str, body: Hold, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """No session starts there until `approve`; its next boot is answered `Pending`."""
    return charger_view(await holding.hold(tx, actor, charger_id, reason=body.reason))


async def _act(
    charger_id: str,
    act: Command,
    request: Request,
    response: Response,
    waiter: Waiter,
    wait: int,
) -> dict[str, Any]:
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id)
        check(charger, act)
        command = await ask(tx, request, waiter, charger, act)
    response.headers["Location"] = f"/operator/v1/chargers/{charger_id}/commands/{command.id}"
    return command_view(await settled(waiter, command, wait_s=wait))


def _members(name: str, charger: Charger) -> dict[str, Any]:
    try:
        return variables.named(name, version=charger.ocpp_version)
    except ValueError as exc:
        raise PlatformError("invalid_parameter", f"{name}: {exc}.") from exc


def _report(body: ReportIn, number: int, charger: Charger) -> Command:
    if body.base is not None:
        return GetBaseReport(request=number, base=body.base)
    named = [_members(name, charger) if "/" in name else {"component": name} for name in body.names]
    return GetReport(request=number, criteria=list(body.criteria), variables=named)


def _apn(apn: Apn) -> dict[str, Any]:
    members = {
        "apn": apn.apn,
        "apnUserName": apn.user,
        "apnPassword": apn.password,
        "simPin": apn.sim_pin,
        "preferredNetwork": apn.preferred_network,
        "useOnlyPreferredNetwork": apn.use_only_preferred_network,
        "apnAuthentication": apn.authentication,
    }
    return {name: value for name, value in members.items() if value is not None}
