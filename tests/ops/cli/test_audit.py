"""``voltgate audit``, and the script of docs/operators/audit.md that checks an export."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from core.audit import chain
from core.kernel.db import Tx
from tests.ops.cli.test_cli import as_json, database, in_database, migrated, ok, voltgate

__all__ = ["database", "migrated"]

PAGE = Path(__file__).parents[3] / "docs" / "operators" / "audit.md"
SCRIPT = re.compile(
    r"^```python title=verify_audit.py\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


def sealed(url: str) -> None:
    async def seal(tx: Tx) -> None:
        await chain.seal(tx)

    in_database(url, seal)


def tamper(url: str, statement: str) -> None:
    """Change the trail as somebody would who owns the file."""

    async def work(tx: Tx) -> None:
        for name in await tx.scalars(text("SELECT name FROM sqlite_master WHERE type='trigger'")):
            await tx.execute(text(f"DROP TRIGGER {name}"))
        await tx.execute(text(statement))

    in_database(url, work)


def checked(directory: Path, export: str) -> subprocess.CompletedProcess[str]:
    script = SCRIPT.search(PAGE.read_text())
    assert script is not None
    (directory / "verify_audit.py").write_text(script["code"])
    return subprocess.run(
        [sys.executable, "verify_audit.py"],
        cwd=directory,
        input=export,
        capture_output=True,
        text=True,
        check=False,
    )


def test_s24_the_trail_is_listed_verified_and_exported(database: str, tmp_path: Path) -> None:
    assert ok("audit", "head").strip() == f"0:{chain.GENESIS}"
    partner = as_json("partner", "create", "K\u00f6ln")["id"]
    as_json("key", "create", "--partner", partner)
    (entry,) = as_json("audit", "list", "--about", partner)
    assert (entry["action"], entry["actor"], entry["seal"]) == ("partner.created", "cli", None)
    sealed(database)

    head = ok("audit", "head").strip()
    assert as_json("audit", "head") == {"seal": 2, "hash": head.removeprefix("2:")}
    assert "key.created" in ok("audit", "list")
    found = as_json("audit", "verify", "--noted", head)
    assert (found["intact"], found["checked"], found["verified_to"]) == (True, 2, 2)
    assert "2 entries hold" in ok("audit", "verify")

    export = ok("audit", "export")
    assert len(export.splitlines()) == 2
    assert ok("audit", "export", "--after", "1") == export.splitlines(keepends=True)[1]
    done = checked(tmp_path, export)
    assert (done.returncode, done.stdout.strip()) == (0, head)
    assert checked(tmp_path, export.replace("ln", "lm")).returncode == 1
    assert checked(tmp_path, export.splitlines()[1]).returncode == 1


def test_s24_a_changed_trail_is_named_by_verify_and_doctor(database: str) -> None:
    as_json("partner", "create", "Acme")
    as_json("partner", "create", "Bolt")
    sealed(database)
    head = ok("audit", "head").strip()
    tamper(database, "UPDATE audit_entries SET actor = 'nobody' WHERE seal = 2")

    result = voltgate("audit", "verify")
    assert result.exit_code == 1
    assert "not as it was sealed" in result.stdout
    doctor = voltgate("doctor")
    assert doctor.exit_code == 1
    assert "S24" in doctor.output
    assert "audit verify" in doctor.output

    tamper(database, "DELETE FROM audit_entries WHERE seal = 2")
    tamper(database, "UPDATE audit_heads SET (seal, hash) = (SELECT seal, hash FROM audit_entries)")
    assert voltgate("doctor").exit_code == 0, "sound in itself"
    assert voltgate("audit", "verify", "--noted", head).exit_code == 1


@pytest.mark.usefixtures("database")
def test_a_note_that_is_none_is_refused() -> None:
    for wrong in ("", "1042", "1042:abc", f"0:{chain.GENESIS}", f"-1:{chain.GENESIS}"):
        result = voltgate("audit", "verify", "--noted", wrong)
        assert result.exit_code == 2
        assert "SEAL:HASH" in result.output
