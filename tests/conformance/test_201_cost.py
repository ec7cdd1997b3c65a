"""What drivers are told about money, in OCPP 2.0.1: I01 to I03."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.audit.service import CLI
from core.chargers import inventory, registry
from core.chargers.facts import VariableReported
from core.commands import service as commands
from core.kernel.clock import ShiftedClock
from core.sessions import costs
from core.tariffs import service as tariffs
from core.tariffs.cost import Prices
from tests.conformance.support import allow, booted, charger_of, the_session
from tests.csms.live import Running
from tests.csms.test_transactions201 import TOKEN, event, meter

V = "2.0.1"
PRICES = Prices(
    currency="EUR",
    per_kwh=Decimal("0.49"),
    start_fee=Decimal("0.35"),
    tax_percent=Decimal(19),
)
EVERY = timedelta(seconds=60)


async def offer(server: Running, prices: Prices = PRICES, **more: Any) -> None:
    async with server.db.transaction() as tx:
        await tariffs.offer(tx, CLI, prices, **({"station_id": None} | more))


async def shows(server: Running, **values: str) -> None:
    """Let the charger have reported the variables of TariffCostCtrlr, [Cost] each."""
    row = await charger_of(server)
    facts = [
        VariableReported(
            component="TariffCostCtrlr",
            variable=name if name == "Currency" else f"{name}[Cost]",
            attribute="Actual",
            value=value,
            readonly=True,
        )
        for name, value in values.items()
    ]
    async with server.db.transaction() as tx:
        await inventory.store_variables(tx, row.id, facts)


async def tell(server: Running) -> int:
    async with server.db.transaction() as tx:
        return await costs.tell_running_costs(tx, every=EVERY)


def now_event(kind: str, seq: int, at: str, wh: int, **more: Any) -> dict[str, Any]:
    values = meter(wh)
    values[0]["timestamp"] = at
    changed: dict[str, Any] = event(kind, seq, meterValue=values, timestamp=at, **more)
    return changed


async def instant(server: Running, minutes: int = 0) -> str:
    async with server.db.transaction() as tx:
        at = tx.now + timedelta(minutes=minutes)
    return at.isoformat().replace("+00:00", "Z")


@pytest.mark.ocpp(V, "Authorize")
async def test_i01_the_text_of_the_tariff_is_shown_at_the_authorization(server: Running) -> None:
    await offer(server, text="0.49 €/kWh", language="en")
    await allow(server, "T1")
    async with booted(server, V) as cp:
        answer = await cp.result("Authorize", {"idToken": TOKEN})
        assert answer["idTokenInfo"] == {
            "status": "Accepted",
            "personalMessage": {"format": "UTF8", "language": "en", "content": "0.49 €/kWh"},
        }
        nobody = {"idToken": {"idToken": "X", "type": "ISO14443"}}
        answer = await cp.result("Authorize", nobody)
        assert "personalMessage" not in answer["idTokenInfo"]


@pytest.mark.ocpp(V, "CostUpdated")
@pytest.mark.ocpp(V, "TransactionEvent")
async def test_i02_running_costs_are_told_at_intervals(
    server: Running, clock: ShiftedClock
) -> None:
    await offer(server)
    async with booted(server, V, replies={"CostUpdated": {}}) as cp:
        begun = await instant(server)
        assert await cp.result("TransactionEvent", now_event("Started", 0, begun, 0)) == {}
        assert await tell(server) == 0
        await shows(server, Available="true", Enabled="true", Currency="EUR")
        later = now_event("Updated", 1, await instant(server, 4), 1_000)
        assert await cp.result("TransactionEvent", later) == {}
        assert await tell(server) == 1
        _, _, _, payload = await cp.called("CostUpdated")
        # 0.35 + 0.49 = 0.84, tax 0.16
        assert payload == {"totalCost": 1, "transactionId": "tx-1"}
        assert await tell(server) == 0
        clock.advance(61)
        assert await tell(server) == 1
        await cp.called("CostUpdated", 2)
        ended = now_event("Ended", 2, await instant(server, 5), 2_000)
        await cp.result("TransactionEvent", ended)
        clock.advance(61)
        assert await tell(server) == 0


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"Available": "false"},
        {"Available": "true", "Enabled": "false"},
        {"Available": "true", "Currency": "USD"},
    ],
)
async def test_i02_a_charger_that_cannot_show_it_is_told_nothing(
    server: Running, variables: dict[str, str]
) -> None:
    await offer(server)
    async with booted(server, V) as cp:
        await shows(server, **variables)
        await cp.result("TransactionEvent", now_event("Started", 0, await instant(server), 0))
        assert await tell(server) == 0
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            sent = await commands.list_commands(tx, charger_id=row.id, limit=200)
        assert "show_cost" not in {one.kind for one in sent}


@pytest.mark.ocpp(V, "TransactionEvent")
async def test_i03_the_total_is_told_at_the_end_and_not_before(server: Running) -> None:
    await offer(server)
    await allow(server, "T1")
    async with booted(server, V) as cp:
        begun = now_event("Started", 0, await instant(server), 1_000, idToken=TOKEN)
        assert set(await cp.result("TransactionEvent", begun)) == {"idTokenInfo"}
        updated = now_event("Updated", 1, await instant(server, 2), 2_000)
        assert await cp.result("TransactionEvent", updated) == {}
        ended = now_event("Ended", 2, await instant(server, 4), 3_000)
        # 0.35 + 2 * 0.49 = 1.33, tax 0.2527
        answer = {"totalCost": 1.58}
        assert await cp.result("TransactionEvent", ended) == answer
        assert await cp.result("TransactionEvent", ended | {"offline": True}) == answer


@pytest.mark.ocpp(V, "TransactionEvent")
async def test_i03_without_a_tariff_nothing_is_told(server: Running) -> None:
    async with booted(server, V) as cp:
        begun = await instant(server)
        await cp.result("TransactionEvent", now_event("Started", 0, begun, 0))
        ended = now_event("Ended", 1, begun, 3_000)
        assert await cp.result("TransactionEvent", ended) == {}


@pytest.mark.ocpp(V, "TransactionEvent")
async def test_a_free_tariff_is_told_as_zero(server: Running) -> None:
    """OCPP 2.0.1: omitted means not free; 0.00 means free."""
    await offer(server, Prices(currency="EUR"))
    async with booted(server, V) as cp:
        begun = await instant(server)
        await cp.result("TransactionEvent", now_event("Started", 0, begun, 0))
        ended = now_event("Ended", 1, begun, 3_000)
        assert await cp.result("TransactionEvent", ended) == {"totalCost": 0}


async def test_a_session_keeps_the_tariff_that_it_began_with(
    server: Running, clock: ShiftedClock
) -> None:
    """Versions have a beginning; a station's own goes before the default."""
    await offer(server)
    async with booted(server, V) as cp:
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            station = await registry.create_station(tx, CLI, name="S", livemode=True)
            await registry.update(tx, CLI, row.id, {"station_id": station.id})
        begun = await instant(server)
        await cp.result("TransactionEvent", now_event("Started", 0, begun, 0))
        clock.advance(10)
        dearer = Prices(currency="EUR", per_kwh=Decimal(9))
        await offer(server, dearer, station_id=station.id)
        session = await the_session(server)
        async with server.db.transaction() as tx:
            priced = await costs.price(tx, session)
            assert priced is not None
            assert priced.tariff.prices == PRICES
            now = await tariffs.holding(tx, station_id=station.id, at=tx.now)
            assert now is not None
            assert now.prices == dearer
            await tariffs.withdraw(tx, CLI, station_id=station.id)
            again = await tariffs.holding(tx, station_id=station.id, at=tx.now)
            assert again is not None
            assert again.prices == PRICES
            await tariffs.withdraw(tx, CLI, station_id=None)
            assert await tariffs.holding(tx, station_id=station.id, at=tx.now) is None
