"""``voltgate audit``: who did what, and whether the trail is as it was written (S24)."""

import json as jsons
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from core.audit import chain
from core.audit import service as audit
from core.audit.chain import Broken, Verified
from core.audit.models import AuditEntry
from core.kernel.db import Tx
from ops.cli.output import FAILED, MISUSED, Json, fail, out, print_facts, print_json, print_rows
from ops.cli.running import Opened, run, transact
from ops.operator_api.views import audit_view

app = typer.Typer()

_COLUMNS: Final = ("at", "actor", "action", "object_id", "seal")
_NOTE: Final = re.compile(r"([1-9]\d{0,17}):([0-9a-f]{64})", re.ASCII | re.IGNORECASE)


@app.command("list")
def list_entries(
    *,
    about: Annotated[str | None, typer.Option(help="About this key, partner, charger ...")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Rows at most.")] = 50,
    json: Json = False,
) -> None:
    """List what was done, the newest first; --json also shows what was before and after.

    Examples:
        voltgate audit list

        voltgate audit list --about key_01jd... --json
    """

    async def work(tx: Tx, _: Opened) -> Sequence[AuditEntry]:
        return await audit.entries(tx, object_id=about, before_number=None, limit=limit)

    rows = [audit_view(entry) for entry in transact(work)]
    print_rows("Entries", _COLUMNS, rows, as_json=json)


@app.command()
def head(*, json: Json = False) -> None:
    """Show where the chain of hashes ends, as SEAL:HASH, to be noted outside the database.

    Examples:
        voltgate audit head

        voltgate audit head >> /mnt/elsewhere/audit-heads
    """

    async def work(tx: Tx, _: Opened) -> tuple[int, str]:
        found = await chain.head(tx)
        return (0, chain.GENESIS) if found is None else (found.seal, found.hash)

    seal, hash_ = transact(work)
    if json:
        print_facts({"seal": seal, "hash": hash_}, as_json=True)
    else:
        typer.echo(f"{seal}:{hash_}")


@app.command()
def verify(
    *,
    noted: Annotated[
        list[str] | None,
        typer.Option(metavar="SEAL:HASH", help="A head that was noted before; may be repeated."),
    ] = None,
    json: Json = False,
) -> None:
    """Follow the chain of hashes from its first entry; exit code 1 if it does not hold.

    Anything changed, removed or moved breaks it; what was cut off at its end shows by a head that
    was noted before (voltgate audit head).

    Examples:
        voltgate audit verify

        voltgate audit verify --noted 1042:9f86d081884c7d65...
    """
    notes = [_note(text) for text in noted or ()]

    async def work(opened: Opened) -> tuple[Verified, list[Broken]]:
        found = await chain.verify_all(opened.db)
        async with opened.db.transaction() as tx:
            looks = [await chain.verify_noted(tx, seal=seal, hash_=hash_) for seal, hash_ in notes]
        return found, [each for each in (found.broken, *looks) if each is not None]

    found, broken = run(work, waiting="Following the chain of hashes ...")
    if json:
        print_json(
            {
                "intact": not broken,
                "checked": found.checked,
                "verified_to": found.seal,
                "hash": found.hash,
                "broken": [asdict(each) for each in broken],
            }
        )
    else:
        print_rows("Broken", ["seal", "number", "what"], [asdict(each) for each in broken])
        result = f"{found.checked} entries hold, up to {found.seal}:{found.hash}"
        out().print(escape(result) if broken else f"[green]{escape(result)}[/green]")
    if broken:
        raise typer.Exit(FAILED)


@app.command()
def export(
    *,
    after: Annotated[int, typer.Option(min=0, help="Begin after this seal.")] = 0,
) -> None:
    """Write every sealed entry as a line of JSON, in the order of the chain.

    Examples:
        voltgate audit export > audit.jsonl

        voltgate audit export --after 1042 >> audit.jsonl
    """

    async def work(opened: Opened) -> None:
        async for line in chain.export(opened.db, after_seal=after):
            typer.echo(jsons.dumps(line, separators=(",", ":"), sort_keys=True))

    run(work)


def _note(text: str) -> tuple[int, str]:
    parts: Any = _NOTE.fullmatch(text.strip())
    if parts is None:
        raise fail(f"--noted {text}: write SEAL:HASH, as voltgate audit head does.", code=MISUSED)
    return int(parts[1]), parts[2]
