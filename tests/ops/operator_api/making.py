"""What the tests of the operator API set up through the API itself."""

from typing import Any

import httpx2

from core.chargers import presence
from core.kernel.db import Database

Answer = dict[str, Any]


async def post(client: httpx2.AsyncClient, path: str, **body: Any) -> Answer:
    answer = await client.post(f"/operator/v1{path}", json=body)
    assert answer.is_success, answer.text
    found: Answer = answer.json()
    return found


async def get(client: httpx2.AsyncClient, path: str, **params: Any) -> Answer:
    answer = await client.get(f"/operator/v1{path}", params=params)
    assert answer.is_success, answer.text
    found: Answer = answer.json()
    return found


async def connect(db: Database, charger_id: str, *, version: str = "1.6") -> int:
    async with db.transaction() as tx:
        return await presence.connected(
            tx, charger_id, node_id="node-a", version=version, address="192.0.2.7"
        )
