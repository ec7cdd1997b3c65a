"""Local list and cache: who may charge when nobody is asked."""

import pytest

from simulator import NotAuthorized, SimulatedCharger, Version
from simulator.switches import Switches
from tests.simulator.central import Central, Payload
from tests.simulator.making import MakeCharger


def entry(version: Version, token: str, status: str | None = "Accepted") -> Payload:
    if version == "1.6":
        return {"idTag": token, **({"idTagInfo": {"status": status}} if status else {})}
    info = {"idTokenInfo": {"status": status}} if status else {}
    return {"idToken": {"idToken": token, "type": "ISO14443"}, **info}


async def send(
    central: Central,
    version: Version,
    number: int,
    entries: list[Payload],
    *,
    kind: str = "Full",
) -> str:
    name = "listVersion" if version == "1.6" else "versionNumber"
    wish: Payload = {name: number, "updateType": kind}
    if entries:
        wish["localAuthorizationList"] = entries
    return str((await central.ask("CP-1", "SendLocalList", wish))["status"])


async def current(central: Central) -> int:
    (number,) = (await central.ask("CP-1", "GetLocalListVersion")).values()
    return int(number)


async def setting(central: Central, version: Version, name: str, value: str) -> None:
    if version == "1.6":
        wish: Payload = {"key": name.rpartition(".")[2], "value": value}
        answer = await central.ask("CP-1", "ChangeConfiguration", wish)
        assert answer == {"status": "Accepted"}
        return
    component, variable = name.split(".")
    data = {
        "component": {"name": component},
        "variable": {"name": variable},
        "attributeValue": value,
    }
    answer = await central.ask("CP-1", "SetVariables", {"setVariableData": [data]})
    assert answer["setVariableResult"][0]["attributeStatus"] == "Accepted"


async def test_versions_and_differential_updates(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make(switches=Switches(local_list_max=3)) as charger:
        assert await current(central) == 0
        two = [entry(version, "A"), entry(version, "B")]
        assert await send(central, version, 5, two) == "Accepted"
        add = [entry(version, "C"), entry(version, "a", None)]
        for number, wish, kind, expected in (
            (5, add, "Differential", "VersionMismatch"),
            (6, add, "Differential", "Accepted"),
            (7, [entry(version, "D"), entry(version, "E")], "Differential", "Failed"),
            (7, [entry(version, "D"), entry(version, "d")], "Differential", "Failed"),
            (7, [entry(version, "X", None)], "Full", "Failed"),
        ):
            assert await send(central, version, number, wish, kind=kind) == expected
        assert await current(central) == 6
        assert set(charger.station.local.entries) == {"b", "c"}
        assert await send(central, version, 2, []) == "Accepted"
        assert await current(central) == 2
        assert charger.station.local.entries == {}


async def _refused(charger: SimulatedCharger, token: str) -> str:
    with pytest.raises(NotAuthorized) as refused:
        await charger.start_local(1, token)
    return str(refused.value)


async def test_offline_the_list_decides_then_the_cache_then_the_setting(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make(offline_token_allowed=False, auto_plug=False) as charger:
        listed = [entry(version, "GOOD"), entry(version, "BAD", "Blocked")]
        await send(central, version, 1, listed)
        cached = await charger.start_local(1, "CACHED")
        charger.stop_local(1)
        charger.unplug(1)
        await charger.wait_ended(cached)
        await charger.go_offline()
        assert await _refused(charger, "bad") == "Blocked"
        assert await _refused(charger, "NOBODY") == "Unknown"
        for token in ("good", "CACHED"):
            await charger.start_local(1, token)
            charger.stop_local(1)
            charger.unplug(1)
        await charger.go_online()
        assert await charger.wait_settled() == []
        assert await central.ask("CP-1", "ClearCache") == {"status": "Accepted"}
        await charger.go_offline()
        assert await _refused(charger, "CACHED") == "Unknown"


async def test_pre_authorized_token_is_not_asked_for(
    central: Central, make: MakeCharger, version: Version
) -> None:
    async with make() as charger:
        await send(central, version, 1, [entry(version, "GOOD")])
        await setting(central, version, "AuthCtrlr.LocalPreAuthorize", "true")
        await charger.start_local(1, "GOOD")
        await charger.wait_transaction(1)
    assert central.of("Authorize") == []


async def test_list_that_is_switched_off_takes_nothing(
    central: Central, make: MakeCharger, version: Version
) -> None:
    name = "LocalAuthListCtrlr.Enabled" if version == "2.0.1" else "LocalAuthListEnabled"
    async with make():
        await setting(central, version, name, "false")
        expected = "NotSupported" if version == "1.6" else "Failed"
        assert await send(central, version, 1, [entry(version, "A")]) == expected
        assert await current(central) == (-1 if version == "1.6" else 0)


async def test_cache_that_is_switched_off_cannot_be_cleared(
    central: Central, make: MakeCharger, version: Version
) -> None:
    name = "AuthCacheCtrlr.Enabled" if version == "2.0.1" else "AuthorizationCacheEnabled"
    async with make():
        await setting(central, version, name, "false")
        assert await central.ask("CP-1", "ClearCache") == {"status": "Rejected"}
