"""Chargers as they are: each quirk completes a session, and its report names exactly that."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

import pytest

from core.chargers import charger_profiles, compliance, id_tokens, registry
from core.kernel.clock import ShiftedClock
from core.kernel.settings import Settings
from simulator import SimulatedCharger
from simulator.quirk_hooks import known_quirks
from tests.eventually import eventually
from tests.world import ACTOR, Version, World, world

CARD: Final = "DE-ABC-C12345678-90X"
KEY: Final = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334"
CHOSEN: Final = "sixteen-letters!"


@dataclass(frozen=True, kw_only=True)
class Case:
    """What has to be known of a quirk: what its report names, and what its profile must say."""

    codes: frozenset[str]
    rules: Mapping[str, Any] = field(default_factory=dict)
    version: Version = "1.6"
    password: str | None = None
    card: bool = False
    """A driver with a card starts, not a partner."""
    config: Mapping[str, Any] = field(default_factory=dict)


def case(*codes: str, **more: Any) -> Case:
    return Case(codes=frozenset(codes), **more)


HANDSHAKE: Final = {
    "encoded_identity": case("identity_percent_encoded"),
    "encoded_user": case("identity_percent_encoded", "basic_user_encoded"),
    "hex_key": case("basic_key_hex", password=CHOSEN),
    "lower_identity": case("identity_case"),
    "no_subprotocol": case("subprotocol_missing", rules={"missing_subprotocol": "1.6"}),
    "raw_key": case("basic_key_raw_bytes", password=KEY),
}
FRAMES: Final = {
    "byte_order_mark": case("byte_order_mark"),
    "long_message_ids": case("message_id_long", rules={"max_message_id_chars": 64}),
    "null_payload": case("null_payload", config={"heartbeat_s": 0.5}),
    "unknown_action": case("action_unknown"),
    "unsolicited_results": case("answer_unsolicited"),
    "wrong_direction": case("action_wrong_direction"),
    "boot_repeated": case("boot_repeated"),
    "connector_zero": case("connector_zero_as_connector", rules={"connector_zero": "connector"}),
    "reconnect_without_boot": case("reconnect_without_boot"),
    "status_before_boot": case("call_before_boot"),
}
CONTENT: Final = {
    "clock_ahead": case("clock_wrong"),
    "extra_members": case("unknown_member", rules={"ignore_unknown_members": True}),
    "id_tag_16": case("id_tag_cut", rules={"id_tag_chars": 16}, card=True),
    "id_tag_18": case("id_tag_cut", rules={"id_tag_chars": 18}, card=True),
    "local_time": case("timestamp_without_zone", rules={"naive_time_zone": "Asia/Tokyo"}),
    "naive_timestamps": case("timestamp_without_zone"),
    "numbers_as_text": case("type_wrong"),
    "occupied": case(
        "enum_off_list",
        rules={"enum_aliases": {"StatusNotification/status": {"Occupied": "Charging"}}},
    ),
    "kwh_as_wh": case(
        "energy_kwh_as_wh", rules={"energy_in_kwh": True}, config={"meter_wh": 2_000_000}
    ),
}
TRANSACTIONS: Final = {
    "duplicate_start": case("transaction_message_repeated"),
    "meter_after_stop": case("meter_after_stop"),
    "meter_transaction_minus_one": case("meter_transaction_zero"),
    "meter_transaction_zero": case("meter_transaction_zero"),
    "meter_without_transaction": case("meter_without_transaction"),
    "placeholder_zero": case("register_placeholder_zero"),
    "register_falls": case("register_fell"),
    "register_jumps": case("register_jumped"),
    "sequence_gap": case("sequence_gap", version="2.0.1"),
    "stop_transaction_minus_one": case("stop_transaction_zero"),
    "stop_transaction_zero": case("stop_transaction_zero"),
}
IMPATIENT: Final = {
    "no_heartbeat": case("heartbeat_missing"),
    "late_answers": case("answer_late", config={"heartbeat_s": 0.5}),
}
METER_GAPS: Final = ("placeholder_zero", "register_falls", "register_jumps", "sequence_gap")


def identity_of(name: str) -> str:
    return f"CP-{name.upper().replace('_', '-')}"


async def connect(running: World, name: str, chosen: Case) -> SimulatedCharger:
    """Register a charger with its profile, and connect it with its quirk."""
    identity = identity_of(name)
    quirks = () if name.startswith("plain") else (known_quirks()[name](),)
    config = await running.register(
        identity, version=chosen.version, quirks=quirks, **chosen.config
    )
    async with running.platform.db.transaction() as tx:
        charger = await registry.by_identity(tx, identity)
        assert charger is not None
        if chosen.password is not None:
            await registry.set_password(
                tx, running.platform.vault, ACTOR, charger.id, password=chosen.password
            )
        if chosen.rules:
            await charger_profiles.put_own(tx, ACTOR, charger.id, chosen.rules)
    if chosen.password is not None:
        config = replace(config, password=chosen.password)
    return await running.connect(config)


async def charge(running: World, name: str, chosen: Case) -> dict[str, Any]:
    """Complete a session; return its order as the operator sees it."""
    charger = await connect(running, name, chosen)
    if chosen.card:
        transaction = await charger.start_local(1, CARD)
        await eventually(lambda: _sampled(charger, 4))
        charger.stop_local(1)
        await charger.wait_ended(transaction)
    else:
        connector_id = await running.connector_id(identity_of(name))
        response = await running.partner.start(f"start-{name}", connector_id)
        assert response.status_code == 202, response.text
        event = await running.partner.outcome(f"start-{name}")
        assert event["type"] == "operation.succeeded", (name, event)
        await eventually(lambda: _sampled(charger, 4))
        session_id = event["data"]["object"]["session_id"]
        await running.partner.stop(f"stop-{name}", session_id=session_id)
        event = await running.partner.outcome(f"stop-{name}")
        assert event["type"] == "operation.succeeded", (name, event)
    await charger.wait_status(1, "Available")
    if name == "reconnect_without_boot":
        await charger.wait_until(lambda: charger.ledger.connections == 2, what="second connection")
        await charger.wait_online()
    await charger.wait_settled()
    return await eventually(lambda: order_of(running, identity_of(name)))


async def _sampled(charger: SimulatedCharger, count: int) -> bool:
    sent = charger.ledger.sent
    return sent["MeterValues"] + sent["TransactionEvent"] >= count


async def order_of(running: World, identity: str) -> dict[str, Any] | None:
    async with running.platform.db.transaction() as tx:
        charger = await registry.by_identity(tx, identity)
    assert charger is not None
    operator = await running.operator_client()
    found = (await operator.get(f"/operator/v1/orders?charger_id={charger.id}")).json()
    orders: list[dict[str, Any]] = found["data"]
    return orders[0] if len(orders) == 1 else None


async def report_of(running: World, name: str) -> compliance.Report:
    """Return the report once everything of the charger's closed connections is written."""
    [charger] = [one for one in running.chargers if one.identity == identity_of(name)]
    await charger.go_offline()

    async def written() -> compliance.Report | None:
        csms = running.platform.csms
        assert csms is not None
        async with running.platform.db.transaction() as tx:
            found = await registry.by_identity(tx, charger.identity)
            assert found is not None
            if found.id in csms.connections or len(csms.unwritten) > 0:
                return None
            report = await compliance.report(tx, found.id)
        handshakes = sum(row.count for row in report.checked if row.action == "handshake")
        return report if handshakes == charger.ledger.connections else None

    return await eventually(written)


async def codes_of(running: World, name: str) -> frozenset[str]:
    report = await report_of(running, name)
    return frozenset(row.code for row, _ in report.deviations)


@pytest.fixture
async def busy(settings: Settings, clock: ShiftedClock) -> Any:
    async with world(settings, clock=clock) as created:
        async with created.platform.db.transaction() as tx:
            await id_tokens.put(tx, ACTOR, CARD)
        yield created


async def complete(running: World, cases: Mapping[str, Case]) -> None:
    orders = dict(
        zip(
            cases,
            await asyncio.gather(*(charge(running, name, one) for name, one in cases.items())),
            strict=True,
        )
    )
    assert all(order["energy_wh"] is not None for order in orders.values())
    told = dict(
        zip(
            cases,
            await asyncio.gather(*(codes_of(running, name) for name in cases)),
            strict=True,
        )
    )
    assert told == {name: one.codes for name, one in cases.items()}
    flagged = {name: orders[name]["data_quality"] for name in METER_GAPS if name in orders}
    assert set(flagged.values()) <= {"meter_gap"}, flagged


@pytest.mark.parametrize(
    "cases",
    [HANDSHAKE, FRAMES, CONTENT, TRANSACTIONS],
    ids=["handshake", "frames", "content", "tx"],
)
async def test_each_quirk_completes_a_session_and_its_report_names_exactly_that(
    busy: World, cases: Mapping[str, Case]
) -> None:
    await complete(busy, cases)


@pytest.mark.parametrize("name", IMPATIENT)
async def test_silence_and_late_answers_are_named(
    settings: Settings, clock: ShiftedClock, name: str
) -> None:
    changed = settings.model_copy(
        update={
            "heartbeat_interval": timedelta(seconds=1 if name == "no_heartbeat" else 300),
            "command_timeout": timedelta(seconds=10 if name == "no_heartbeat" else 2),
        }
    )
    async with world(changed, clock=clock) as running:
        order = await charge(running, name, IMPATIENT[name])

        async def counted() -> bool:
            async with running.platform.db.transaction() as tx:
                charger = await registry.by_identity(tx, identity_of(name))
                assert charger is not None
                report = await compliance.report(tx, charger.id)
            return bool(report.deviations)

        await eventually(counted, within_s=20)
        assert order["energy_wh"] is not None
        assert await codes_of(running, name) == IMPATIENT[name].codes


async def test_a_charger_that_does_as_it_should_has_a_clean_report(busy: World) -> None:
    await complete(busy, {"plain16": case(), "plain201": case(version="2.0.1")})

    for name in ("plain16", "plain201"):
        report = await report_of(busy, name)
        assert report.verdict is compliance.Verdict.CLEAN
        assert "timestamp_without_zone" in {row.code for row in report.clean}


def test_every_quirk_of_the_simulator_is_covered() -> None:
    covered = {**HANDSHAKE, **FRAMES, **CONTENT, **TRANSACTIONS, **IMPATIENT}
    assert set(known_quirks()) == set(covered)
    assert len(covered) >= 20
