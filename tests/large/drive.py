"""Make a platform do everything that it does, on a database that is full already."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx2
from sqlalchemy import text

from core.jobs.schedule import periodic_work
from core.kernel.clock import Clock
from core.kernel.db import Database
from core.kernel.ids import new_body
from core.kernel.settings import Settings
from core.partners import keys
from core.partners.scopes import Scope
from tests.large.plans import Plans, watching
from tests.world import ACTOR, Version, World, world

NEWEST: Final[Mapping[str, str]] = {
    "partner_id": "SELECT id FROM partners ORDER BY event_seq DESC LIMIT 1",
    "key_id": "SELECT id FROM api_keys ORDER BY id LIMIT 1",
    "station_id": "SELECT id FROM stations ORDER BY id LIMIT 1",
    "charger_id": "SELECT id FROM chargers ORDER BY id LIMIT 1",
    "charger": "SELECT id FROM chargers ORDER BY id LIMIT 1",
    "connector_id": "SELECT id FROM connectors ORDER BY id LIMIT 1",
    "operation_id": "SELECT operation_id FROM sessions ORDER BY number LIMIT 1",
    "session_id": "SELECT id FROM sessions ORDER BY number LIMIT 1",
    "order_id": "SELECT id FROM orders ORDER BY id LIMIT 1",
    "event_id": "SELECT id FROM events ORDER BY id LIMIT 1",
    "endpoint_id": "SELECT endpoint_id FROM deliveries ORDER BY id LIMIT 1",
    "delivery_id": "SELECT id FROM deliveries ORDER BY id LIMIT 1",
    "object_id": "SELECT id FROM sessions ORDER BY number LIMIT 1",
    "command_id": "SELECT id FROM commands ORDER BY number LIMIT 1",
    "request_id": "SELECT id FROM request_logs ORDER BY id LIMIT 1",
    "log_id": "SELECT id FROM request_logs ORDER BY id LIMIT 1",
    "token": "SELECT token FROM id_tokens ORDER BY token LIMIT 1",
}
"""A value of each parameter; a parameter without one gets a word that fits nothing."""

_SKIPPED: Final = re.compile(r"/stream$|/metrics$|/audit/verification$|/doctor|/findings")
"""Streams never end; what reads whole tables by its nature is measured by itself."""


async def drive(
    settings: Settings,
    clock: Clock,
    plans: Plans,
    *,
    versions: Sequence[Version] = ("1.6", "2.0.1"),
    told: Callable[[str], None],
) -> list[str]:
    """Run every read of both APIs, every job, and a charge in each version.

    Returns what went wrong: answers that are no 2xx, and no 4xx of a filter.
    """
    wrong: list[str] = []
    with watching(plans):
        async with world(settings, clock=clock) as running:
            told("a charge in each version")
            for version in versions:
                await _charge(running, version)
            values = await _values(running.platform.db)
            partner = await _partner(running, values["partner_id"])
            told("every read of partners")
            wrong += await _read(partner, await _document(running, "partner"), values)
            told("every read of operators")
            operator = await running.operator_client()
            wrong += await _read(operator, await _document(running, "operator"), values)
            told("every job")
            await _jobs(running.platform.db, settings)
    return wrong


async def _charge(running: World, version: Version) -> None:
    """Charge once, from the partner's request to the order."""
    name = f"{version}-{new_body()[-6:]}"
    await running.add_charger(f"LARGE-{name}", version=version)
    partner = running.partner
    await partner.start(f"start-{name}", await running.connector_id(f"LARGE-{name}"))
    started = await partner.outcome(f"start-{name}")
    session_id = started["related"]["session_id"]
    await running.wait_readings(session_id, 2)
    await partner.stop(f"stop-{name}", session_id=session_id)
    await partner.outcome(f"stop-{name}")
    await partner.receiver.wait("order.finalized", session_id=session_id)


async def _partner(running: World, partner_id: str) -> httpx2.AsyncClient:
    async with running.platform.db.transaction() as tx:
        _, key = await keys.create_key(
            tx,
            running.platform.vault,
            ACTOR,
            partner_id=partner_id,
            livemode=True,
            name="large",
            scopes=list(Scope),
        )
    return await running.client(running.platform.api_url or "", key)


async def _values(db: Database) -> dict[str, str]:
    """Return an id of each kind, of the partner that has the most."""
    found = {}
    async with db.transaction() as tx:
        for name, sql in NEWEST.items():
            value = await tx.scalar(text(sql))
            if value is not None:
                found[name] = str(value)
        for table, name in (("operations", "operation_id"), ("sessions", "session_id")):
            sql = f"SELECT id FROM {table} WHERE partner_id = :partner ORDER BY id LIMIT 1"
            statement = text(sql).bindparams(partner=found["partner_id"])
            found[name] = str(await tx.scalar(statement))
    return found


async def _document(running: World, name: str) -> Mapping[str, Any]:
    if name == "partner":
        client = await running.client(running.platform.api_url or "", running.partner.key)
        answer = await client.get("/openapi.json")
    else:
        answer = await (await running.operator_client()).get("/operator/openapi.json")
    found: Mapping[str, Any] = answer.json()
    return found


async def _read(
    client: httpx2.AsyncClient, document: Mapping[str, Any], values: Mapping[str, str]
) -> list[str]:
    wrong = []
    for path, methods in document["paths"].items():
        if "get" not in methods or _SKIPPED.search(path):
            continue
        target = re.sub(r"{(\w+)}", lambda name: quote(values.get(name[1], "none")), path)
        parameters = [one for one in methods["get"].get("parameters", ()) if one["in"] == "query"]
        for query in _queries(parameters, values):
            answer = await client.get(target, params=query)
            if answer.status_code >= 500:
                wrong.append(f"{target} {query}: {answer.status_code}")
            if answer.status_code == 200 and not query:
                await _next_page(client, target, answer)
    return wrong


async def _next_page(client: httpx2.AsyncClient, target: str, answer: httpx2.Response) -> None:
    if not answer.headers["content-type"].startswith("application/json"):
        return
    body = answer.json()
    cursor = body.get("next_cursor") if isinstance(body, dict) else None
    if cursor is not None:
        await client.get(target, params={"cursor": cursor})


def _queries(
    parameters: Sequence[Mapping[str, Any]], values: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return no filter, then each by itself."""
    found: list[dict[str, Any]] = [{}]
    for parameter in parameters:
        name = parameter["name"]
        if name in {"cursor", "wait", "wait_s"}:
            continue
        found.append({name: _value(name, parameter.get("schema", {}), values)})
    return found


def _value(name: str, schema: Mapping[str, Any], values: Mapping[str, str]) -> Any:
    if name in values:
        return values[name]
    options = [schema, *schema.get("anyOf", ())]
    for one in options:
        if "enum" in one:
            return one["enum"][0]
        if one.get("format") == "date-time":
            ago = timedelta(days=20 if name.endswith(("to", "until", "before")) else 40)
            return (datetime.now(UTC) - ago).isoformat()
        if one.get("type") == "boolean":
            return "true"
        if one.get("type") == "integer":
            return min(one.get("maximum", 200), 200)
    return "none"


async def _jobs(db: Database, settings: Settings) -> None:
    for job in periodic_work(db, settings):
        await job.work()
