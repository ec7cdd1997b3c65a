"""The floor: each action of each version crosses a socket, with the least that its schema asks."""

from typing import Any, cast

import pytest

from csms import schemas
from csms.actions import FROM_CHARGER, TO_CHARGER
from csms.codes import Version
from tests.conformance.support import ask_raw, booted, done
from tests.conformance.wire import Wire
from tests.csms.live import Running
from tests.csms.minimal import minimal

VERSIONS: tuple[Version, ...] = ("1.6", "2.0.1")


def each(actions: dict[Version, frozenset[str]]) -> list[Any]:
    return [
        pytest.param(
            version, action, marks=pytest.mark.ocpp(version, action), id=f"{version}-{action}"
        )
        for version in VERSIONS
        for action in sorted(actions[version])
    ]


@pytest.mark.parametrize(("version", "action"), each(FROM_CHARGER))
async def test_each_request_of_a_charger_gets_a_valid_result(
    server: Running, version: Version, action: str
) -> None:
    async with booted(server, version) as cp:
        answer = await cp.result(action, minimal(version, action))
    assert schemas.validate_response(version, action, answer) is None


@pytest.mark.parametrize(("version", "action"), each(TO_CHARGER))
async def test_each_request_of_an_operator_goes_out_as_written(
    server: Running, wire: Wire, version: Version, action: str
) -> None:
    payload = minimal(version, action)
    async with booted(server, version) as cp:
        cp.replies[action] = minimal(version, action, kind="response")
        before = len(wire.from_server(action))
        row = await ask_raw(server, action, dict(reversed(payload.items())))
        await done(server, row)
        sent = wire.from_server(action)[before:]
    (frame,) = [one.frame for one in sent if one.frame is not None]
    assert frame[3] == payload
    assert list(frame[3]) == list(schemas.order_members(version, action, payload))


@pytest.mark.ocpp("1.6", "RemoteStartTransaction")
@pytest.mark.ocpp("2.0.1", "UnlockConnector")
@pytest.mark.parametrize(
    ("version", "action", "text"),
    [
        ("1.6", "RemoteStartTransaction", '{"connectorId":99,"idTag":"T"}'),
        ("2.0.1", "UnlockConnector", '{"evseId":99,"connectorId":99}'),
    ],
)
async def test_an_operator_may_name_connector_99(
    server: Running, wire: Wire, version: str, action: str, text: str
) -> None:
    written: dict[str, dict[str, Any]] = {
        "RemoteStartTransaction": {"idTag": "T", "connectorId": 99},
        "UnlockConnector": {"connectorId": 99, "evseId": 99},
    }
    async with booted(server, version) as cp:
        cp.replies[action] = minimal(cast(Version, version), action, kind="response")
        await done(server, await ask_raw(server, action, written[action]))
    assert wire.from_server(action)[-1].text.endswith(f',"{action}",{text}]')
