"""Display messages, costs and customer information (OCPP 2.0.1 O01-O06, I02-I03, N09-N10)."""

from typing import Any

from ocpp.v201 import call, call_result
from ocpp.v201 import enums as e

from simulator import obey
from simulator.certificates import hash_data, same
from simulator.clock import parse_timestamp, timestamp
from simulator.ledger import Payload
from simulator.station import Station
from simulator.telling import tell_after
from simulator.v201.info import because

MESSAGES_PER_PART = 4
CHARACTERS_PER_PART = 512
_FRONT = "AlwaysFront"


def set_display_message(station: Station, *, message: Payload, **_: Any) -> Any:
    status = e.DisplayMessageStatusEnumType
    number, transaction = int(message["id"]), message.get("transaction_id")
    others = {key: value for key, value in station.display.items() if key != number}
    ends = message.get("end_date_time")
    if transaction is not None and obey.running(station, transaction) is None:
        return call_result.SetDisplayMessage(status.unknown_transaction)
    if ends is not None and parse_timestamp(ends) <= station.clock.now():
        return call_result.SetDisplayMessage(status.rejected, because("ValueOutOfRange"))
    if len(others) >= station.config.switches.messages_max:
        return call_result.SetDisplayMessage(status.rejected, because("OutOfStorage"))
    if message["priority"] == _FRONT:  # a new one takes the place of the old one (O01.FR.12)
        others = {key: old for key, old in others.items() if old["priority"] != _FRONT}
    station.display = {**others, number: message}
    station.touch()
    return call_result.SetDisplayMessage(status.accepted)


def clear_display_message(station: Station, *, id: int, **_: Any) -> Any:  # noqa: A002 - OCPP's name
    found = station.display.pop(id, None)
    station.touch()
    accepted, unknown = e.ClearMessageStatusEnumType.accepted, e.ClearMessageStatusEnumType.unknown
    return call_result.ClearDisplayMessage(accepted if found else unknown)


def get_display_messages(
    station: Station,
    *,
    request_id: int,
    id: list[int] | None = None,  # noqa: A002 - OCPP's name
    priority: str | None = None,
    state: str | None = None,
    **_: Any,
) -> Any:
    expire(station)
    found: list[Any] = [
        message
        for number, message in station.display.items()
        if (not id or number in id)
        and priority in {None, message["priority"]}
        and state in {None, message.get("state")}
    ]
    if not found:
        return call_result.GetDisplayMessages(e.GetDisplayMessagesStatusEnumType.unknown)
    parts = [
        found[first : first + MESSAGES_PER_PART]
        for first in range(0, len(found), MESSAGES_PER_PART)
    ]
    requests = [
        call.NotifyDisplayMessages(
            request_id=request_id, message_info=part, tbc=part is not parts[-1]
        )
        for part in parts
    ]
    tell_after(station, *requests)
    return call_result.GetDisplayMessages(e.GetDisplayMessagesStatusEnumType.accepted)


def expire(station: Station) -> None:
    """Forget messages whose time or transaction is over (O01.FR.05, O02.FR.02)."""
    now = station.clock.now()

    def holds(message: Payload) -> bool:
        ends, transaction = message.get("end_date_time"), message.get("transaction_id")
        lasts = ends is None or parse_timestamp(ends) > now
        return lasts and (transaction is None or obey.running(station, transaction) is not None)

    station.display = {key: message for key, message in station.display.items() if holds(message)}


def cost_updated(station: Station, *, total_cost: float, transaction_id: str, **_: Any) -> Any:
    station.costs[transaction_id] = float(total_cost)
    station.touch()
    return call_result.CostUpdated()


def customer_information(
    station: Station,
    *,
    request_id: int,
    report: bool,
    clear: bool,
    customer_certificate: Payload | None = None,
    id_token: Payload | None = None,
    customer_identifier: str | None = None,
    **_: Any,
) -> Any:
    status = e.CustomerInformationStatusEnumType
    named = [x for x in (customer_certificate, id_token, customer_identifier) if x is not None]
    if not report and not clear:
        return call_result.CustomerInformation(status.rejected, because("InvalidValue"))
    if len(named) != 1:
        return call_result.CustomerInformation(status.invalid, because("InvalidValue"))
    token = str(id_token["id_token"]) if id_token else customer_identifier or ""
    if customer_certificate is not None:
        token = _holder(station, customer_certificate)
    text = _known_of(station, token) if report else ""
    if clear:
        station.local.cache.pop(token.lower(), None)
    tell_after(station, *_parts(station, request_id, text))
    return call_result.CustomerInformation(status.accepted)


def _holder(station: Station, certificate: Payload) -> str:
    roots = [root.certificate for root in station.certificates.roots]
    found = next((root for root in roots if same(hash_data(root, roots), certificate)), None)
    return found.subject.rfc4514_string() if found is not None else ""


def _known_of(station: Station, token: str) -> str:
    cached = station.local.cache.get(token.lower())
    listed = station.local.entries.get(token.lower())
    own = [t for t in station.ledger.transactions() if token and t.token.lower() == token.lower()]
    lines = [f"cache: {cached.status}"] if cached else []
    lines += [f"local list: {listed.status}"] if listed else []
    lines += [f"transaction {t.transaction_id} at {timestamp(t.started_at)}" for t in own]
    return "\n".join(lines)


def _parts(station: Station, request_id: int, text: str) -> list[Any]:
    """Return NotifyCustomerInformation with *text*; nothing known is one empty part (N09.FR.04)."""
    starts = list(range(0, len(text), CHARACTERS_PER_PART)) or [0]
    return [
        call.NotifyCustomerInformation(
            data=text[first : first + CHARACTERS_PER_PART],
            seq_no=number,
            generated_at=timestamp(station.clock.now()),
            request_id=request_id,
            tbc=first != starts[-1],
        )
        for number, first in enumerate(starts)
    ]
