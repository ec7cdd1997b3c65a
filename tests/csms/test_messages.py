"""Whatever passes its schema converts; members and defaults are those of the standard."""

import json
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.codes import Version
from csms.convert import convert
from csms.ocpp16 import messages as v16
from csms.ocpp201 import messages as v201
from csms.protocol import Payload
from csms.schemas import validate_request

MESSAGES: list[tuple[Version, type[msgspec.Struct]]] = [
    ("1.6", v16.Authorize),
    ("1.6", v16.BootNotification),
    ("1.6", v16.DataTransfer),
    ("1.6", v16.Heartbeat),
    ("1.6", v16.MeterValues),
    ("1.6", v16.StartTransaction),
    ("1.6", v16.StatusNotification),
    ("1.6", v16.StopTransaction),
    ("2.0.1", v201.Authorize),
    ("2.0.1", v201.BootNotification),
    ("2.0.1", v201.DataTransfer),
    ("2.0.1", v201.Heartbeat),
    ("2.0.1", v201.MeterValues),
    ("2.0.1", v201.NotifyReport),
    ("2.0.1", v201.ReservationStatusUpdate),
    ("2.0.1", v201.StatusNotification),
    ("2.0.1", v201.TransactionEvent),
]
every_message = pytest.mark.parametrize(
    ("version", "message"), MESSAGES, ids=lambda value: getattr(value, "__name__", value)
)


def schema_of(version: Version, action: str) -> Payload:
    folder, name = ("v16", action) if version == "1.6" else ("v201", f"{action}Request")
    path = files("ocpp").joinpath(folder, "schemas", f"{name}.json")
    schema: Payload = json.loads(path.read_text(encoding="utf-8-sig"))
    return schema


def from_schema(schema: Payload, version: Version, definitions: Payload) -> st.SearchStrategy[Any]:
    """Values that pass a schema, at the edges of what it allows."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/")[-1]]
    made: st.SearchStrategy[Any]
    match schema:
        case {"enum": options}:
            made = st.sampled_from(options)
        case {"type": "object"}:
            known = {
                name: from_schema(member, version, definitions)
                for name, member in schema.get("properties", {}).items()
            }
            required = schema.get("required", [])
            made = st.fixed_dictionaries(
                {name: known[name] for name in required},
                optional={name: known[name] for name in known if name not in required},
            )
        case {"type": "array", "items": items}:
            least = schema.get("minItems", 0)
            most = min(schema.get("maxItems", 3), 3)
            inner = from_schema(items, version, definitions)
            made = st.lists(inner, min_size=least, max_size=most)
        case {"type": "string"}:
            made = st.text(max_size=min(schema.get("maxLength", 30), 30))
        case {"type": "boolean"}:
            made = st.booleans()
        case {"type": "integer"}:
            lowest = schema.get("minimum", -(2**70))
            whole = st.integers(lowest, schema.get("maximum", 2**70))
            made = whole if version == "1.6" else whole | st.integers(0, 2**40).map(float)
        case {"type": "number"}:
            made = st.floats() | st.integers(-(2**70), 2**70)
        case _:
            made = st.none() | st.integers() | st.text() | st.lists(st.booleans())
    return made


@every_message
@given(data=st.data())
def test_every_payload_that_passes_its_schema_converts(
    version: Version, message: type[msgspec.Struct], data: st.DataObject
) -> None:
    schema = schema_of(version, message.__name__)
    payload = data.draw(from_schema(schema, version, schema.get("definitions", {})))
    assert validate_request(version, message.__name__, payload) is None
    assert isinstance(convert(payload, message), message)


@every_message
def test_message_has_the_members_of_its_schema(
    version: Version, message: type[msgspec.Struct]
) -> None:
    members = {field.encode_name for field in msgspec.structs.fields(message)}
    schema = schema_of(version, message.__name__)
    required = {field.encode_name for field in msgspec.structs.fields(message) if field.required}
    assert members == set(schema.get("properties", {})) - {"customData"}
    assert required == set(schema.get("required", []))


def test_stop_transaction_16() -> None:
    payload = {
        "meterStop": 2**40,
        "timestamp": "x",
        "transactionId": -1,
        "transactionData": [{"timestamp": "y", "sampledValue": [{"value": "NaN"}]}],
    }
    stop = convert(payload, v16.StopTransaction)
    assert (stop.meter_stop, stop.transaction_id, stop.reason) == (2**40, -1, "Local")
    sample = stop.transaction_data[0].sampled_value[0]
    assert (sample.value, sample.measurand) == ("NaN", "Energy.Active.Import.Register")


def test_transaction_event_201() -> None:
    payload = {
        "eventType": "Started",
        "timestamp": "x",
        "triggerReason": "RemoteStart",
        "seqNo": 0.0,
        "transactionInfo": {"transactionId": "t", "remoteStartId": 7},
        "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": "TAG", "type": "Central"},
        "customData": {"vendorId": "v"},
    }
    event = convert(payload, v201.TransactionEvent)
    assert event.transaction_info.remote_start_id == 7
    assert (event.seq_no, type(event.seq_no), event.offline) == (0, int, False)
    assert event.evse == v201.Evse(id=1, connector_id=1)


def test_unchecked_payload_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        convert({}, v16.Authorize)
