"""What an applicant sends, and documents to attach."""

import struct
import zlib
from typing import Any

import httpx2

PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<<>>\n%%EOF\n"
JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x04cd\xff\xda\x00\x04ef\x00\x01\xff\xd9"


def png() -> bytes:
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\x00\x00")
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def form(**more: Any) -> dict[str, Any]:
    """Return an application that is accepted, with *more* sections."""
    return {"company": company(), "contact": contact(), "terms_version": "1"} | more


def company(**more: Any) -> dict[str, Any]:
    return {
        "legal_name": "Example GmbH",
        "country": "DE",
        "registration_number": "DE 136 695 976",
        "address": {"line1": "Hauptstr. 1", "city": "Berlin", "postal_code": "10115"},
    } | more


def contact(**more: Any) -> dict[str, Any]:
    return {"name": "Ana Example", "email": "ana@example.com", "phone": "+49 30 1234567"} | more


async def apply(client: httpx2.AsyncClient, **more: Any) -> dict[str, Any]:
    """Apply; return the answer, with its status token and test key."""
    answer = await client.post("/v1/partner_applications", json=form(**more))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def by(made: dict[str, Any]) -> dict[str, str]:
    """Return the header that shows the status token."""
    return {"Authorization": f"Bearer {made['status_token']}"}


def path(made: dict[str, Any], rest: str = "") -> str:
    return f"/v1/partner_applications/{made['id']}{rest}"


async def state_of(somebody: httpx2.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
    answer = await somebody.get(path(made), headers=by(made))
    assert answer.status_code == 200, answer.text
    state: dict[str, Any] = answer.json()
    return state


async def upload(
    somebody: httpx2.AsyncClient, made: dict[str, Any], content: bytes, name: str = "a.pdf"
) -> httpx2.Response:
    return await somebody.post(
        path(made, "/documents"),
        params={"kind": "registration", "name": name},
        content=content,
        headers={**by(made), "Content-Type": "application/octet-stream"},
    )
