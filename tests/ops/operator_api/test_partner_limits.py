"""Operators see and change how much a partner may do; who did is in the audit trail."""

import httpx2

from core.kernel.settings import Settings
from tests.ops.operator_api.making import post


async def test_an_operator_changes_limits_and_gives_defaults_back(
    operator: httpx2.AsyncClient, settings: Settings
) -> None:
    partner = await post(operator, "/partners", name="Acme")
    path = f"/operator/v1/partners/{partner['id']}/limits"
    before = (await operator.get(path)).json()
    assert before["overrides"] == {}
    assert before["limits"] == before["defaults"]
    assert before["limits"]["requests_per_minute"] == settings.requests_per_minute

    changed = await operator.patch(path, json={"active_operations": 7, "requests_per_minute": 9})
    assert changed.json()["overrides"] == {"active_operations": 7, "requests_per_minute": 9}
    again = (await operator.patch(path, json={"requests_per_minute": None})).json()
    assert again["overrides"] == {"active_operations": 7}
    assert again["limits"] == before["defaults"] | {"active_operations": 7}

    audit = await operator.get(f"/operator/v1/audit?object_id={partner['id']}")
    first = audit.json()["data"][0]
    assert (first["action"], first["after"]) == ("limits.changed", {"active_operations": 7})
    assert first["actor"].startswith("operator:")


async def test_odd_limits_are_refused(operator: httpx2.AsyncClient) -> None:
    partner = await post(operator, "/partners", name="Acme")
    path = f"/operator/v1/partners/{partner['id']}/limits"
    for body, code in (
        ({"requests_per_minute": 0}, "invalid_parameter"),
        ({"requests_per_minute": "9"}, "invalid_parameter"),
        ({"open_reservations": 10_000_000}, "invalid_parameter"),
        ({"speed": 9}, "unknown_field"),
    ):
        answer = await operator.patch(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
