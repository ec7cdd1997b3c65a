"""OCPP 2.0.1 I: what drivers are told about money."""

from decimal import Decimal
from typing import Final

from core.chargers.models import Charger
from core.commands.cost import ShowCost
from core.kernel.db import Tx
from core.sessions import costs
from core.sessions.models import Session
from csms.adapter import Block
from csms.charging_profiles import number
from csms.protocol import Payload


def cost_updated(wanted: ShowCost) -> tuple[str, Payload]:
    """Return the call (I02)."""
    total = number(Decimal(wanted.total))
    return "CostUpdated", {"totalCost": total, "transactionId": wanted.transaction_ref}


async def total_cost(tx: Tx, session: Session | None) -> Payload:
    """Return the ``totalCost`` of a session that is over (I03); nothing without a tariff.

    The standard allows it only when charging has ended; before that there is CostUpdated.
    """
    if session is None or session.is_open:
        return {}
    cost = await costs.total_to_tell(tx, session)
    return {} if cost is None else {"totalCost": number(cost.total)}


async def tariff_message(tx: Tx, charger: Charger) -> Payload | None:
    """Return the ``personalMessage`` with the text of the tariff (I01), if there is one."""
    found = await costs.text_for(tx, charger)
    if found is None:
        return None
    text, language = found
    told: Payload = {"format": "UTF8", "language": language, "content": text}
    return {name: value for name, value in told.items() if value is not None}


COST: Final = Block(encoders={ShowCost: cost_updated})
