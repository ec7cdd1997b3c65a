"""The examples of docs/partners/request-signing.md, run as they stand on the page."""

import json
import re
import runpy
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from partner_api.app import create_app
from tests.partner_api.scenes import Party, party
from tests.partner_api.signing import pem_of

PAGE = Path(__file__).parents[2] / "docs" / "partners" / "request-signing.md"
BLOCK = re.compile(r"(?ms)^```\w+ title=(?P<title>\S+)\n(?P<code>.*?)^```$")
ORIGIN = "http://127.0.0.1:8080"
TARGET = "/v1/operations/op_00000000000000000000000000/cancel"
# Bytes that a careless example would change: spaces, a quote, a percent sign, no final newline.
BODY = '{"id":  "K\u00f6ln", "odd": "%s \' \\\\n $HOME"}'.encode()

Example = Callable[[Path, str, str, str, str, bytes], dict[str, str]]
"""Directory of the examples, key, keyid, method, URL, body -> headers."""


def python(
    directory: Path, key: str, keyid: str, method: str, url: str, body: bytes
) -> dict[str, str]:
    sign = runpy.run_path(str(directory / "sign.py"))["sign"]
    headers: dict[str, str] = sign(key, keyid, method, url, body)
    return headers


def javascript(
    directory: Path, key: str, keyid: str, method: str, url: str, body: bytes
) -> dict[str, str]:
    (directory / "body").write_bytes(body)
    script = (
        'import { readFileSync } from "node:fs"; import { sign } from "./sign.mjs";'
        "const given = JSON.parse(process.argv[1]);"
        'console.log(JSON.stringify(sign(...given, readFileSync("body"))));'
    )
    argument = json.dumps([key, keyid, method, url])
    said = ran(directory, needed("node"), "--input-type=module", "-e", script, argument)
    headers: dict[str, str] = json.loads(said)
    return headers


def shell(
    directory: Path, key: str, keyid: str, method: str, url: str, body: bytes
) -> dict[str, str]:
    needed("openssl")
    (directory / "body").write_bytes(body)
    if not key.startswith("sgsec_"):
        (directory / "private.pem").write_text(key)
        key = "private.pem"
    said = ran(directory, needed("sh"), "sign.sh", key, keyid, method, url, "body")
    return dict(line.split(": ", 1) for line in said.splitlines())


def needed(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def ran(directory: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """The titled code blocks of the page, as files."""
    for match in BLOCK.finditer(PAGE.read_text()):
        (tmp_path / match["title"]).write_text(match["code"])
    return tmp_path


@pytest.fixture
async def partner(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> AsyncIterator[Party]:
    async with party(create_app(db, settings, vault, clock), db, vault) as found:
        yield found


async def attach(partner: Party, algorithm: str) -> tuple[str, str]:
    """Attach a signing key; return what the partner signs with, and its id."""
    private = Ed25519PrivateKey.generate()
    public = {"public_key": pem_of(private)} if algorithm == "ed25519" else {}
    made = await partner.client.post(
        "/v1/signing_keys",
        json={"api_key_id": partner.key_id, "algorithm": algorithm} | public,
    )
    assert made.status_code == 201, made.text
    return made.json()["secret"] or private_pem(private), made.json()["id"]


def private_pem(private: Ed25519PrivateKey) -> str:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def another(key: str) -> str:
    """Return a key of the same kind that belongs to nobody."""
    if key.startswith("sgsec_"):
        return key[:-8] + "AAAAAAA="
    return private_pem(Ed25519PrivateKey.generate())


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "ed25519"])
@pytest.mark.parametrize("example", [python, javascript, shell])
async def test_signatures_of_the_examples_are_accepted_and_bound_to_the_request(
    example: Example, algorithm: str, examples: Path, partner: Party
) -> None:
    key, keyid = await attach(partner, algorithm)
    demanded = await partner.client.patch(
        f"/v1/api_keys/{partner.key_id}", json={"require_signature": True}
    )
    assert demanded.status_code == 200

    async def send(
        headers: dict[str, str], method: str = "POST", target: str = TARGET, body: bytes = BODY
    ) -> str:
        answer: httpx2.Response = await partner.client.request(
            method, target, content=body, headers=headers
        )
        return str(answer.json().get("code"))

    signed = example(examples, key, keyid, "POST", ORIGIN + TARGET, BODY)
    assert set(signed) == {"Content-Digest", "Signature-Input", "Signature"}
    assert await send(signed, body=BODY + b"\n") == "invalid_signature"
    assert await send(signed, body=b"") == "invalid_signature"
    assert await send(signed, target=TARGET.replace("op_0", "op_1")) == "invalid_signature"
    assert await send(signed, target=f"{TARGET}?x=1") == "invalid_signature"
    assert await send(signed, method="PATCH") in {"method_not_allowed", "invalid_signature"}
    assert await send(signed | {"Signature": signed["Signature"][:20]}) == "invalid_signature"
    assert await send({}) == "signature_required"
    assert await send(signed) == "not_found", "verified, and there is no such operation"
    assert await send(signed) == "signature_replayed"

    target = "/v1/operations?status=failed&limit=1"
    signed = example(examples, key, keyid, "GET", ORIGIN + target, b"")
    assert set(signed) == {"Signature-Input", "Signature"}
    assert await send(signed, "GET", target + "0", b"") == "invalid_signature"
    assert await send(signed, "GET", target, b"") == "None"

    signed = example(examples, another(key), keyid, "GET", ORIGIN + target, b"")
    assert await send(signed, "GET", target, b"") == "invalid_signature"


def test_the_page_has_the_promised_examples(examples: Path) -> None:
    assert {path.name for path in examples.iterdir()} == {"sign.py", "sign.mjs", "sign.sh"}
