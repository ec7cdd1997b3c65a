"""Partners' webhook endpoints: they take, refuse, dawdle, hang and hang up."""

import asyncio
import json
import random
import sqlite3
from pathlib import Path
from typing import Any, Final

from tests.simulation.http import receive
from tests.simulation.judge import Post, ReceiverLog
from tests.simulation.network import HOST
from tests.simulation.template import PartnerFacts
from tests.simulation.trace import Trace

MOODS: Final = ("takes", "refuses", "dawdles", "hangs", "hangs_up", "gone")
"""What a receiver does with a POST; ``dawdles`` sometimes longer than anybody waits."""
_ANSWERS: Final = {204: b"HTTP/1.1 204 No Content\r\n\r\n"}
_HANGS_S: Final = 40.0
_OBJECTS: Final = {"op": "operations", "cs": "sessions"}


class Receiver:
    """One endpoint; asks the database about whatever it is told (I11)."""

    def __init__(
        self, facts: PartnerFacts, database: Path, rng: random.Random, trace: Trace
    ) -> None:
        self.facts = facts
        self.log = ReceiverLog(endpoint_id=facts.endpoint_id, secrets=[facts.secret])
        self.mood = "takes"
        self.moody = 0.0
        self.too_early: list[str] = []
        self.on_event: list[Any] = []
        self._rng = rng
        self._trace = trace
        self._look = sqlite3.connect(database, isolation_level=None)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self.facts.port)

    def ask(self, sql: str, *values: Any) -> Any:
        """Return the first row of a look into the database, which disturbs nobody."""
        return self._look.execute(sql, values).fetchone()

    def close(self) -> None:
        self._look.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request = await receive(reader)
        mood = self.mood
        if self._rng.random() < self.moody:
            mood = self._rng.choice(MOODS)
        event = json.loads(request.body)
        self._ask_back(event)
        status = {"takes": 204, "dawdles": 204, "refuses": 500, "gone": 503}.get(mood)
        if mood == "dawdles":
            await asyncio.sleep(self._rng.uniform(0.1, 3.5))
        self.log.posts.append(
            Post(
                event_id=request.headers["webhook-id"],
                timestamp=int(request.headers["webhook-timestamp"]),
                signature=request.headers["webhook-signature"],
                body=request.body,
                status=status,
            )
        )
        self._trace.note(
            "webhook",
            who=self.facts.name,
            type=event["type"],
            object=event["data"]["object"].get("id"),
            sequence=event["data"]["object"].get("sequence"),
            answer=status or mood,
        )
        if mood == "hangs":
            await asyncio.sleep(_HANGS_S)
            return False
        if status is None:
            return False
        for told in self.on_event:
            told(event)
        writer.write(
            _ANSWERS.get(status, f"HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n".encode())
        )
        return True

    def _ask_back(self, event: dict[str, Any]) -> None:
        """I11: whoever is told of a state and asks back sees that state or a later one."""
        told = event["data"]["object"]
        table = _OBJECTS.get(str(told.get("id")).partition("_")[0])
        if table is None:
            return
        sql = f"SELECT sequence FROM {table} WHERE id = ?"  # noqa: S608 - names of ours
        row = self.ask(sql, told["id"])
        if row is None or row[0] < told["sequence"]:
            seen = None if row is None else row[0]
            self.too_early.append(
                f"I11: {event['type']} of {told['id']} told {told['sequence']}, stored is {seen}"
            )
