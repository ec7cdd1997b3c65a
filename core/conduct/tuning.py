"""What operators change of the rules: for everybody, or for one partner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.audit import service as audit
from core.audit.service import Actor
from core.conduct import store
from core.conduct.models import EVERYBODY
from core.conduct.rules import (
    LONGEST_WINDOW_MINUTES,
    RULES,
    TUNABLE,
    Rule,
    RuleName,
    effective,
    rule_view,
)
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.partners import service as partners
from core.partners.states import Step

MOST: Final = 1_000_000
_CEILINGS: Final = tuple(step for step in Step if step is not Step.GOOD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowest:
    """The smallest count and the longest window of a rule, whomever it is tuned for."""

    count: int
    window_minutes: int


async def rules_for(tx: Tx, partner_id: str | None) -> dict[RuleName, Rule]:
    """Return the rules that hold for a partner; without one, for everybody else."""
    scopes = [EVERYBODY] if partner_id is None else [EVERYBODY, partner_id]
    return effective((rule, values) for _, rule, values in await store.tunings(tx, *scopes))


async def lowest(tx: Tx, names: Sequence[RuleName]) -> dict[RuleName, Lowest]:
    """Return who has to be looked at because of each rule, given all tunings."""
    counts = {name: RULES[name].count for name in names}
    windows = {name: RULES[name].window_minutes for name in names}
    for rule, values in await store.all_tunings(tx):
        if rule in counts:
            name = RuleName(rule)
            counts[name] = min(counts[name], values.get("count", counts[name]))
            windows[name] = max(windows[name], values.get("window_minutes", windows[name]))
    return {name: Lowest(count=counts[name], window_minutes=windows[name]) for name in names}


async def view(tx: Tx, partner_id: str | None) -> dict[str, Any]:
    """Return the rules with what was tuned, as operators see them.

    Raises:
        PlatformError: ``not_found``.
    """
    if partner_id is not None:
        await partners.get(tx, partner_id)
    scope = partner_id or EVERYBODY
    found = await store.tunings(tx, EVERYBODY, scope)
    return {
        "object": "conduct_rules",
        "partner_id": partner_id,
        "rules": [rule_view(rule) for rule in (await rules_for(tx, partner_id)).values()],
        "overrides": {rule: values for its, rule, values in found if its == scope},
    }


async def tune(
    tx: Tx, actor: Actor, *, partner_id: str | None, rule: str, changes: Mapping[str, Any]
) -> None:
    """Change what is named of a rule; ``None`` gives the default back.

    Args:
        partner_id: Whom it holds for; ``None``: everybody without a tuning of its own.

    Raises:
        PlatformError: ``not_found``; ``invalid_parameter``: an unknown rule, or out of range.
    """
    if partner_id is not None:
        await partners.get(tx, partner_id)
    if rule not in RULES:
        raise PlatformError("invalid_parameter", f"Rules are: {', '.join(RuleName)}.")
    for name, value in changes.items():
        _require(name, value)
    scope = partner_id or EVERYBODY
    before = next((values for _, its, values in await store.tunings(tx, scope) if its == rule), {})
    after = {name: one for name, one in (before | dict(changes)).items() if one is not None}
    await store.put_tuning(tx, scope, rule, after)
    await audit.record(
        tx,
        actor,
        "conduct.tuned",
        partner_id or "conduct_rules",
        before={"rule": rule, **before},
        after={"rule": rule, **after},
    )


def _require(name: str, value: Any) -> None:
    if name not in TUNABLE:
        raise PlatformError("invalid_parameter", f"Tunable are: {', '.join(TUNABLE)}.")
    if value is None:
        return
    if name == "enabled" and not isinstance(value, bool):
        raise PlatformError("invalid_parameter", "enabled is true or false.")
    if name == "ceiling" and value not in _CEILINGS:
        raise PlatformError("invalid_parameter", f"ceiling is one of: {', '.join(_CEILINGS)}.")
    highest = {"count": MOST, "share_percent": 100, "window_minutes": LONGEST_WINDOW_MINUTES}
    if name in highest and (
        isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= highest[name]
    ):
        raise PlatformError("invalid_parameter", f"{name} is from 1 to {highest[name]}.")
