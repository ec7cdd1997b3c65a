"""A place for files, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import h11


@dataclass
class FileServer:
    """Answers GET with *content* and keeps what is PUT."""

    url: str = ""
    content: dict[str, bytes] = field(default_factory=dict)
    uploaded: dict[str, bytes] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = h11.Connection(h11.SERVER)
        request, body = None, b""
        while True:
            event = wire.next_event()
            if event is h11.NEED_DATA:
                wire.receive_data(await reader.read(65_536))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            else:
                break
        if request is not None:
            path = request.target.decode()
            found: bytes | None = b""
            if request.method == b"PUT":
                self.uploaded[path] = body
            else:
                found = self.content.get(path)
            head = [("content-length", str(len(found or b""))), ("connection", "close")]
            code = 404 if found is None else 200
            writer.write(wire.send(h11.Response(status_code=code, headers=head)) or b"")
            writer.write(wire.send(h11.Data(data=found or b"")) or b"")
            writer.write(wire.send(h11.EndOfMessage()) or b"")
            await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def file_server() -> AsyncIterator[FileServer]:
    files = FileServer()
    server = await asyncio.start_server(files.serve, "127.0.0.1", 0)
    async with server:
        files.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield files
