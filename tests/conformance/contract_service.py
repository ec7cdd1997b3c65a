"""A contract service on a socket: answers, hangs, or says what it likes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class ContractService:
    """*answers*: by path a document, bytes as they are, or ``None`` to hang for ever."""

    url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    questions: list[tuple[str, dict[str, Any], str | None]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        body = await reader.readexactly(int(headers["content-length"]))
        path = lines[0].split(" ")[1]
        self.questions.append((path, json.loads(body), headers.get("authorization")))
        answer = self.answers[path]
        if answer is None:
            await reader.read()  # until the other side gives up
        else:
            raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            head_out = f"HTTP/1.1 200 OK\r\nContent-Length: {len(raw)}\r\n\r\n"
            writer.write(head_out.encode() + raw)
        writer.close()


@asynccontextmanager
async def contract_service() -> AsyncIterator[ContractService]:
    service = ContractService()
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    service.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server:
        yield service
