"""S17: the examples of docs/partners/webhooks.md, run as they stand on the page."""

import base64
import json
import re
import runpy
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from core.kernel.webhook_signature import new_secret, sign
from core.webhooks.schedule import DELAYS, QUICK_DELAYS

PAGE = Path(__file__).parents[2] / "docs" / "partners" / "webhooks.md"
BLOCK = re.compile(r"^```\w+ title=(?P<title>\S+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
SECRET, OLD_SECRET = new_secret(), new_secret()
# Bytes that a careless example would change: spaces, a quote, a percent sign, no final newline.
BODY = '{"id": "evt_1",  "city": "K\u00f6ln", "odd": "%s \' \\\\n $HOME"}'.encode()


@dataclass(frozen=True)
class Sent:
    """A request as it arrives."""

    message_id: str
    timestamp: str
    signature: str
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return {
            "webhook-id": self.message_id,
            "webhook-timestamp": self.timestamp,
            "webhook-signature": self.signature,
        }


Verifier = Callable[[Path, str, Sent], bool]


def signed(*secrets: str, shift_s: int = 0) -> Sent:
    timestamp = int(time.time()) + shift_s
    signature = sign(secrets, message_id="evt_1", timestamp=timestamp, body=BODY)
    return Sent("evt_1", str(timestamp), signature, BODY)


def python(directory: Path, secret: str, sent: Sent, *, file: str) -> bool:
    verify = runpy.run_path(str(directory / file))["verify"]
    try:
        verify(secret, sent.headers, sent.body)
    except (ValueError, _library_error()):
        return False
    return True


def _library_error() -> type[Exception]:
    from standardwebhooks import WebhookVerificationError  # noqa: PLC0415 (one example needs it)

    return WebhookVerificationError


def python_library(directory: Path, secret: str, sent: Sent) -> bool:
    return python(directory, secret, sent, file="verify_library.py")


def python_stdlib(directory: Path, secret: str, sent: Sent) -> bool:
    return python(directory, secret, sent, file="verify_stdlib.py")


def javascript(directory: Path, secret: str, sent: Sent) -> bool:
    program = needed("node")
    (directory / "body").write_bytes(sent.body)
    script = (
        'import { readFileSync } from "node:fs"; import { verify } from "./verify.mjs";'
        "const [secret, headers] = JSON.parse(process.argv[1]);"
        'try { verify(secret, headers, readFileSync("body")); console.log("ok"); }'
        "catch (error) { console.log(error.message); process.exitCode = 1; }"
    )
    argument = json.dumps([secret, sent.headers])
    return ran(directory, program, "--input-type=module", "-e", script, argument)


def shell(directory: Path, secret: str, sent: Sent) -> bool:
    needed("openssl")
    (directory / "body").write_bytes(sent.body)
    given = (secret, sent.message_id, sent.timestamp, sent.signature, "body")
    return ran(directory, needed("sh"), "verify.sh", *given)


def needed(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def ran(directory: Path, *command: str) -> bool:
    """Return whether it said ok; a refusal says why, so that a broken example is not one."""
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip()
    assert said in {"ok", "no signature matches", "the timestamp is too old or too new"}
    assert (done.returncode == 0) == (said == "ok")
    return done.returncode == 0


VERIFIERS = [python_library, python_stdlib, javascript, shell]


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """The titled code blocks of the page, as files."""
    for match in BLOCK.finditer(PAGE.read_text()):
        (tmp_path / match["title"]).write_text(match["code"])
    return tmp_path


def test_the_page_has_the_promised_examples(examples: Path) -> None:
    assert {path.name for path in examples.iterdir()} == {
        "verify_library.py",
        "verify_stdlib.py",
        "verify.mjs",
        "verify.sh",
        "receive.py",
    }


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_s17_examples_accept_what_is_signed(verifier: Verifier, examples: Path) -> None:
    assert verifier(examples, SECRET, signed(SECRET))
    assert verifier(examples, SECRET, signed(SECRET, OLD_SECRET)), "while rotating"
    assert verifier(examples, OLD_SECRET, signed(SECRET, OLD_SECRET)), "with the old one still"
    assert verifier(examples, SECRET, signed(SECRET, shift_s=-200))


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_s17_examples_refuse_everything_else(verifier: Verifier, examples: Path) -> None:
    good = signed(SECRET)
    digest = good.signature.removeprefix("v1,")
    other = "v1," + base64.b64encode(bytes(32)).decode()
    refused = {
        "another secret": signed(OLD_SECRET),
        "changed body": replace(good, body=BODY.replace(b"evt_1", b"evt_2")),
        "a newline more": replace(good, body=BODY + b"\n"),
        "empty body": replace(good, body=b""),
        "changed id": replace(good, message_id="evt_2"),
        "changed time": replace(good, timestamp=str(int(good.timestamp) + 1)),
        "too old": signed(SECRET, shift_s=-600),
        "too new": signed(SECRET, shift_s=600),
        "only wrong signatures": replace(good, signature=f"{other} {other}"),
        "another version": replace(good, signature=f"v2,{digest}"),
        "half a signature": replace(good, signature=f"v1,{digest[:20]}"),
        "an empty signature": replace(good, signature="v1,"),
    }
    accepted = [why for why, sent in refused.items() if verifier(examples, SECRET, sent)]
    assert accepted == []


@pytest.mark.parametrize("verifier", [python_stdlib, javascript])
def test_s17_examples_refuse_missing_headers(verifier: Verifier, examples: Path) -> None:
    good = signed(SECRET)
    assert not verifier(examples, SECRET, replace(good, message_id=""))
    assert not verifier(examples, SECRET, replace(good, timestamp=""))
    assert not verifier(examples, SECRET, replace(good, signature=""))


def test_the_receiving_example_is_idempotent_and_drops_what_is_stale(examples: Path) -> None:
    example = runpy.run_path(str(examples / "receive.py"))
    db = sqlite3.connect(":memory:")
    db.executescript(example["TABLES"])

    def receive(webhook_id: str, sequence: int, status: str) -> bool:
        event = {"object_sequence": sequence, "data": {"object": {"id": "cs_1", "status": status}}}
        return bool(example["receive"](db, webhook_id, json.dumps(event).encode()))

    assert receive("evt_1", 1, "pending")
    assert receive("evt_3", 3, "ended")
    assert not receive("evt_3", 3, "ended"), "the same once more"
    assert not receive("evt_2", 2, "charging"), "an older state that comes late"
    (state,) = db.execute("SELECT state FROM objects").fetchone()
    assert json.loads(state)["status"] == "ended"
    db.close()


def test_the_schedule_on_the_page_is_the_one_in_code() -> None:
    page = PAGE.read_text()
    quick, common = (re.search(pattern, page) for pattern in (
        r"5 s, then 20 s", r"1 min, 5 min, 15 min, 1 h, 3 h, 6 h, 12 h, 24 h, 24 h",
    ))  # fmt: skip
    assert quick is not None
    assert common is not None
    unit_s = {"s": 1, "min": 60, "h": 3600}
    written = [
        [int(number) * unit_s[unit] for number, unit in re.findall(r"(\d+) (\w+)", match.group())]
        for match in (quick, common)
    ]
    assert written == [
        [delay.total_seconds() for delay in delays] for delays in (QUICK_DELAYS, DELAYS)
    ]
