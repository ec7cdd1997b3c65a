"""Every check finds what was planted for it, and finds nothing where nothing is wrong."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from sqlalchemy import Column, MetaData, Table, bindparam, text

from core.doctor.checks import REPORT_IT
from core.doctor.service import CHECKS, ROWS_SHOWN, examine, finding_view
from core.kernel.clock import SystemClock
from core.kernel.db import Database, Tx, UtcDateTime, metadata
from core.kernel.doorbell import MemoryDoorbell
from migrations import run as migrations
from ops.tables import import_tables
from tests import services
from tests.core.doctor.plants_of_alerts import PLANTS_OF_ALERTS, SOUND_ALERTS
from tests.core.doctor.plants_of_conduct import PLANTS_OF_CONDUCT, SOUND_CONDUCT
from tests.core.doctor.plants_of_devices import PLANTS_OF_DEVICES, SOUND
from tests.core.doctor.plants_of_events import PLANTS_OF_EVENTS
from tests.core.doctor.plants_of_joining import PLANTS_OF_JOINING, SOUND_JOINING
from tests.core.doctor.plants_of_wishes import PLANTS_OF_WISHES
from tests.core.doctor.scene import build
from tests.core.doctor.scene_of_sandbox import PLANTS_OF_SANDBOXES

Plant = tuple[str, str, str]

COPY_OPERATION = """
    INSERT INTO operations (id, partner_id, livemode, request_id, type, body, status, stage,
        charger_id, connector_id, session_id, on_late_start, metadata, sequence, created_at,
        updated_at, deadline_at)
    SELECT 'op2', partner_id, livemode, {request_id}, {type}, body, {status}, stage, charger_id,
        connector_id, {session_id}, on_late_start, metadata, 0, created_at, updated_at, :future
    FROM operations WHERE id = 'op'
"""
COPY_SESSION = """
    INSERT INTO sessions (number, id, charger_id, connector_id, transaction_ref, start_key,
        operation_id, livemode, verdict, status, is_current, started_at, energy_wh, data_quality,
        flags, billable, sequence, created_at, updated_at)
    SELECT {number}, 'cs2', charger_id, connector_id, {ref}, {key}, {operation}, livemode, verdict,
        'charging', {is_current}, started_at, 0, data_quality, flags, billable, 1, created_at,
        updated_at FROM sessions
"""
COPY_EVENT = """
    INSERT INTO events (id, partner_id, livemode, seq, type, object_id, object_sequence, body,
        created_at)
    SELECT 'evt-9', partner_id, livemode, 4, type, object_id, {sequence}, body, created_at
    FROM events WHERE id = '{id}'
"""
COPY_COMMAND = """
    INSERT INTO commands (number, id, charger_id, kind, arguments, priority, status, operation_id,
        requested_by, message_id, timeout_s, expires_at, created_at, sent_at)
    SELECT 2, 'cmd2', charger_id, kind, arguments, priority, 'sent', {operation}, requested_by,
        {message}, timeout_s, expires_at, created_at, sent_at FROM commands
"""


def operation(**values: str) -> str:
    defaults = {
        "request_id": "'r-2'",
        "type": "'unlock_connector'",
        "status": "'accepted'",
        "session_id": "NULL",
    }
    return COPY_OPERATION.format(**defaults | values)


def session(**values: str) -> str:
    defaults = {"number": "2", "ref": "'2'", "key": "'2'", "operation": "NULL"}
    return COPY_SESSION.format(**{**defaults, "is_current": "false"} | values)


COPY_RESERVATION = """
    INSERT INTO reservations (number, id, partner_id, livemode, operation_id, charger_id,
        connector_id, token, status, expires_at, sequence, created_at, updated_at)
    SELECT 2, 'res2', partner_id, livemode, operation_id, charger_id, connector_id, token,
        'pending', expires_at, sequence, created_at, updated_at FROM reservations
"""
TURN_INTO_STOP = "UPDATE operations SET type = 'stop_charge'"
REOPEN = "UPDATE sessions SET ended_at = NULL, status = 'charging'"
OCCUPY = "UPDATE sessions SET is_current = true"
START_AGAIN = operation(type="'start_charge'")

TRANSFER = """
    INSERT INTO transfers (number, id, charger_id, kind, request, status, address, detail, news,
        command_id, requested_by, created_at, changed_at, expected_at)
    SELECT 1, 'trf1', {charger}, 'firmware', 1, '{status}', '{address}', arguments, 0, id,
        requested_by, created_at, created_at, created_at FROM commands
"""
REPORT = """
    INSERT INTO charger_reports (number, id, charger_id, kind, request, status, asked, parts,
        entries, dropped, last_seq, command_id, requested_by, created_at, changed_at)
    SELECT 1, 'rpt1', charger_id, 'monitors', 1, 'complete', arguments, 1, 0, 0, 1, id,
        requested_by, created_at, created_at FROM commands
"""


def transfer(**values: str) -> str:
    defaults = {"charger": "charger_id", "status": "running", "address": "ftp\\://host/a"}
    return TRANSFER.format(**defaults | values)


SIGNING_KEY = """
    INSERT INTO signing_keys (id, partner_id, livemode, api_key_id, algorithm, secret, created_at,
        updated_at)
    SELECT 'sgk', partner_id, livemode, id, 'hmac-sha256', 'sgsec_AAAA', created_at, updated_at
    FROM api_keys
"""
UNSEALED_LONG = """
    INSERT INTO audit_entries (number, at, actor, action, object_id)
    SELECT 3, at, actor, action, object_id FROM audit_entries WHERE seal = 1
"""
METER_VALUES = """
    INSERT INTO meter_values (session_id, at, received_at, accepted, flags, message_key, message)
    SELECT id, started_at, started_at, true, '[]', 7, '{}' FROM sessions
"""

PLANTS: tuple[Plant, ...] = (
    ("I2", "a request_id is one operation", operation(request_id="'r-1'")),
    (
        "I4",
        "5 s after its deadline",
        "UPDATE operations SET status = 'in_progress', deadline_at = :long_ago",
    ),
    ("I5", "its last step says", "UPDATE operations SET stage = 'queued'"),
    ("I5", "its last step says", "DELETE FROM operation_steps WHERE sequence = 2"),
    ("I5", "follow the machine", "UPDATE operation_steps SET status = 'failed' WHERE sequence = 2"),
    (
        "I5",
        "follow the machine",
        "UPDATE operation_steps SET status = 'in_progress' WHERE sequence = 1",
    ),
    ("I6", "one command", COPY_COMMAND.format(operation="'op'", message="'m-2'")),
    ("I7", "a start succeeded only", "UPDATE operations SET session_id = NULL"),
    ("I7", "a start succeeded only", "DELETE FROM transaction_messages"),
    (
        "I7",
        "a transaction's start succeeded",
        "UPDATE operations SET status = 'timed_out', stage = 'queued'",
    ),
    (
        "I7",
        "a stop succeeded only",
        TURN_INTO_STOP + "; " + REOPEN,
    ),
    (
        "I7",
        "every end confirms its stops",
        operation(type="'stop_charge'", session_id="'cs'"),
    ),
    ("I8", "one to one", session(operation="'op'")),
    ("I8", "one to one", operation(type="'start_charge'", session_id="'cs'")),
    (
        "I9",
        "one unfinished start",
        START_AGAIN + "; " + START_AGAIN.replace("'op2'", "'op3'").replace("'r-2'", "'r-3'"),
    ),
    (
        "I9",
        "one current session",
        OCCUPY + "; " + session(is_current="true"),
    ),
    (
        "I9",
        "one reservation",
        COPY_RESERVATION,
    ),
    ("I10", "one event for its final", "UPDATE events SET type = 'session.updated' WHERE seq = 1"),
    ("I10", "one event for its final", "UPDATE events SET type = 'operation.failed' WHERE seq = 1"),
    (
        "I10",
        "one event for its final",
        COPY_EVENT.format(sequence="4", id="evt-1"),
    ),
    ("I10", "told once", COPY_EVENT.format(sequence="3", id="evt-2")),
    ("I10", "was announced", "DELETE FROM events WHERE seq = 3"),
    (
        "I12",
        "attempted while a node",
        "UPDATE deliveries SET status = 'due', due_at = :long_ago",
    ),
    ("I12", "written down", "DELETE FROM delivery_attempts WHERE delivery_id = 'dlv-1'"),
    ("I12", "written down", "UPDATE delivery_attempts SET status_code = 500"),
    ("I15", "grows", COPY_EVENT.format(sequence="2", id="evt-2")),
    ("I15", "ahead", "UPDATE events SET object_sequence = 9 WHERE seq = 2"),
    ("I15", "without a hole", "UPDATE events SET seq = 7 WHERE seq = 3"),
    ("I15", "without a hole", "UPDATE partners SET event_seq = 4"),
    ("I18", "one session", session(ref="'1'")),
    ("I18", "one session", session(key="'start-1'")),
    (
        "I18",
        "recorded once",
        "INSERT INTO transaction_messages SELECT * FROM transaction_messages",
    ),
    ("I18", "stored once", f"{METER_VALUES}; {METER_VALUES}"),
    ("I20", "exactly one order", "DELETE FROM orders"),
    ("I20", "has its session", "UPDATE transaction_messages SET session_id = 'cs9'"),
    ("I21", "a session, its connector", "UPDATE connectors SET charger_id = 'cp9'"),
    ("I21", "an operation, its connector", "UPDATE commands SET charger_id = 'cp9'"),
    ("I22", "energy", "UPDATE sessions SET energy_wh = 2501"),
    ("I22", "energy", "UPDATE sessions SET energy_wh = -1, meter_start_wh = NULL"),
    ("I24", "stays over", "UPDATE sessions SET status = 'charging'"),
    ("I24", "stays over", "UPDATE sessions SET is_current = true"),
    ("I24", "every version", "DELETE FROM order_versions"),
    ("I24", "every version", "UPDATE orders SET version = 2"),
    ("I25", "32 bit", "UPDATE sessions SET number = 0"),
    ("I25", "32 bit", session(number="1")),
    ("I26", "held by a living node", "UPDATE chargers SET node_id = 'gone'"),
    ("I26", "held by a living node", "UPDATE chargers SET removed_at = :long_ago"),
    ("I27", "used once", COPY_COMMAND.format(operation="NULL", message="message_id")),
    ("I27", "was sent", "UPDATE commands SET sent_at = NULL"),
    ("I32", "session's order", "UPDATE orders SET partner_id = 'prt9'"),
    ("I32", "that started it", "UPDATE sessions SET partner_id = NULL"),
    ("I32", "endpoints of its own", "UPDATE webhook_endpoints SET livemode = false"),
    ("I32", "is its own partner's", "UPDATE operations SET partner_id = 'prt9'"),
    ("I34", "salted hashes", "UPDATE api_keys SET secret_hash = 'plain'"),
    ("I34", "salted hashes", "UPDATE operator_tokens SET secret_hash = 'plain'"),
    ("I34", "salted hashes", "UPDATE chargers SET credential = 'plain'"),
    ("I34", "encrypted", "UPDATE webhook_endpoints SET secret = 'whsec_abc'"),
    ("I34", "encrypted", "UPDATE webhook_endpoints SET previous_secret = 'whsec_abc'"),
    ("I34", "no secret of ours", 'UPDATE events SET body = \'{"key": "vg_live_x"}\''),
    ("I34", "no secret of ours", 'UPDATE audit_entries SET after = \'{"s": "whsec_x"}\''),
    ("I34", "request signing", SIGNING_KEY),
    ("S24", "as it was sealed", "UPDATE audit_entries SET actor = 'nobody' WHERE seal = 1"),
    ("S24", "no hole", "UPDATE audit_entries SET seal = 3 WHERE seal = 2"),
    ("S24", "no hole", "DELETE FROM audit_entries WHERE seal = 1"),
    ("S24", "no hole", "UPDATE audit_heads SET seal = 3"),
    ("S24", "no hole", "UPDATE audit_heads SET hash = 'x'"),
    ("S24", "sealed soon", UNSEALED_LONG),
    ("upkeep", "a transfer has an end", transfer(status="succeeded")),
    ("upkeep", "a complete report has", REPORT),
    ("I21", "a transfer or report", transfer(charger="'other'")),
    ("I34", "the address of a transfer", transfer(address="ftp://joe:pw@host/a")),
    *PLANTS_OF_EVENTS,
    *PLANTS_OF_WISHES,
    *PLANTS_OF_JOINING,
    *PLANTS_OF_CONDUCT,
    *PLANTS_OF_ALERTS,
    *PLANTS_OF_DEVICES,
    *PLANTS_OF_SANDBOXES,
)


class Undone(Exception):
    """Rolls a transaction back."""


@asynccontextmanager
async def undone(db: Database) -> AsyncIterator[Tx]:
    """Open a transaction on a sound database; nothing of it stays."""
    with suppress(Undone):
        async with db.transaction() as tx:
            await build(tx)
            yield tx
            raise Undone


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lawless_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A database with every table and none of the constraints that forbid what is planted."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("doctor") / "lawless.db"
        url = f"sqlite:///{path}"
        _create_tables(url)
        yield url
        return
    url = services.postgres_url()
    _create_tables(url)
    yield url
    services.drop_postgres(url)


def _create_tables(url: str) -> None:
    import_tables()
    lawless = MetaData()
    for table in metadata.tables.values():
        Table(table.name, lawless, *(Column(c.name, c.type) for c in table.columns))
    asyncio.run(migrations.on_connection(url, lawless.create_all))


@pytest.fixture
async def lawless(lawless_url: str) -> AsyncIterator[Database]:
    async with Database(lawless_url, doorbell=MemoryDoorbell(), clock=SystemClock()) as db:
        yield db


async def plant(tx: Tx, statements: str) -> None:
    ages = {
        "long_ago": tx.now - timedelta(days=1, seconds=1),
        "ten_minutes_ago": tx.now - timedelta(minutes=10),
        "a_minute_ago": tx.now - timedelta(minutes=1),
        "future": tx.now + timedelta(days=1),
    }
    for sql in statements.split("; "):
        used = [
            bindparam(name, at, type_=UtcDateTime) for name, at in ages.items() if f":{name}" in sql
        ]
        await tx.execute(text(sql.replace(': "', '\\: "')).bindparams(*used))


async def test_a_sound_database_has_no_findings(lawless: Database) -> None:
    async with undone(lawless) as tx:
        assert await examine(tx) == []


async def test_an_empty_database_has_no_findings(db: Database) -> None:
    async with db.transaction() as tx:
        assert await examine(tx) == []


@pytest.mark.parametrize(
    ("invariant", "title", "statements"),
    PLANTS,
    ids=[f"{number}-{index}" for index, (number, _, _) in enumerate(PLANTS)],
)
async def test_a_planted_violation_is_found(
    lawless: Database, invariant: str, title: str, statements: str
) -> None:
    async with undone(lawless) as tx:
        await plant(tx, statements)
        found = await examine(tx, [check for check in CHECKS if check.invariant == invariant])
        assert (invariant, title) in {
            (finding.invariant, title) for finding in found if title in finding.title
        }
        assert all(0 < len(finding.rows) <= ROWS_SHOWN for finding in found)


@pytest.mark.parametrize("statements", [*SOUND, *SOUND_JOINING, *SOUND_CONDUCT, *SOUND_ALERTS])
async def test_what_only_looks_like_a_violation_is_not_found(
    lawless: Database, statements: str
) -> None:
    async with undone(lawless) as tx:
        await plant(tx, statements)
        assert await examine(tx) == []


def test_every_check_says_what_to_do() -> None:
    assert all(check.advice.endswith(".") for check in CHECKS)


def test_every_check_has_a_plant() -> None:
    planted = {
        check.title
        for check in CHECKS
        for invariant, title, _ in PLANTS
        if check.invariant == invariant and title in check.title
    }
    assert {check.title for check in CHECKS} - planted == set()


async def test_what_nobody_could_have_done_is_not_missed(lawless: Database) -> None:
    """I4 and I12 hold once a node is up: a database at rest breaks neither."""
    async with undone(lawless) as tx:
        await plant(tx, "UPDATE nodes SET seen_at = :long_ago; UPDATE chargers SET epoch = 1")
        await plant(tx, operation().replace(":future", "deadline_at"))
        found = await examine(tx)
        assert "I4" not in {finding.invariant for finding in found}


async def test_what_was_deleted_at_its_age_is_not_missed(lawless: Database) -> None:
    """But what was deleted in between is, and so is what was told twice."""
    gone = (
        "INSERT INTO deleted_events (partner_id, livemode, seq, until) VALUES ('prt', true, 3, {})"
    )
    async with undone(lawless) as tx:
        for table in ("delivery_attempts", "deliveries", "events"):
            await plant(tx, f"DELETE FROM {table}")  # noqa: S608 - ours
        assert {finding.invariant for finding in await examine(tx)} == {"I10", "I15"}
        await plant(tx, gone.format(":a_minute_ago"))
        assert await examine(tx) == []


async def test_a_finding_can_be_shown_as_json(lawless: Database) -> None:
    async with undone(lawless) as tx:
        await plant(tx, "UPDATE sessions SET energy_wh = 2501")
        (finding,) = await examine(tx)
        assert finding_view(finding) == {
            "invariant": "I22",
            "title": "energy is the last accepted register less the first, and never negative",
            "advice": REPORT_IT,
            "rows": [
                {
                    "session_id": "cs",
                    "energy_wh": 2501,
                    "meter_start_wh": 1000,
                    "meter_stop_wh": 3500,
                }
            ],
        }
