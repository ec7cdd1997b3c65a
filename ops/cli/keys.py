"""``voltgate key``: API keys of partners, tokens of operators."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from core.audit.service import CLI
from core.kernel.db import Tx
from core.kernel.page import Page
from core.operators import service as operators
from core.operators.models import Role
from core.operators.service import token_view
from core.partners import service as partners
from core.partners.keys import key_view
from core.partners.scopes import Scope
from core.webhooks import partner_events
from ops.cli.output import Json, print_facts, print_rows, say
from ops.cli.partners import the_partner
from ops.cli.running import Opened, transact

app = typer.Typer()

PartnerOption = Annotated[
    str | None,
    typer.Option("--partner", help="prt_...; may be left out where there is only one."),
]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="key_...")]
Expires = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="UTC.")
]
_ONCE = "[yellow]This secret is shown once. Store it now.[/yellow]"


@app.command()
def create(
    *,
    partner: PartnerOption = None,
    name: Annotated[str, typer.Option(help="What it is used for.")] = "default",
    test: Annotated[bool, typer.Option("--test", help="For test data.")] = False,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="A right; may be given several times. Default: all.")
    ] = None,
    ip: Annotated[
        list[str] | None, typer.Option(help="Usable from this address or network only.")
    ] = None,
    expires: Expires = None,
    json: Json = False,
) -> None:
    """Make an API key for a partner; it is shown once.

    Examples:
        voltgate key create --partner prt_01jd...

        voltgate key create --name reporting --scope sessions:read --scope orders:read

        voltgate key create --test --ip 203.0.113.0/24 --expires 2027-12-31
    """

    async def work(tx: Tx, opened: Opened) -> dict[str, Any]:
        partner_id = await the_partner(tx, partner)
        key, text = await partner_events.create_key(
            tx,
            opened.vault,
            CLI,
            partner_id=partner_id,
            livemode=not test,
            name=name,
            scopes=list(scope or Scope),
            ip_allowlist=ip or (),
            expires_at=_utc(expires),
        )
        return {**key_view(key), "partner_id": partner_id, "secret": text}

    _print_secret(transact(work), json=json)


@app.command("list")
def list_keys(*, partner: PartnerOption = None, json: Json = False) -> None:
    """List a partner's keys, revoked ones included; never their secrets.

    Example: voltgate key list --partner prt_01jd...
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        partner_id = await the_partner(tx, partner)
        found = await partners.list_keys(tx, partner_id=partner_id, page=Page(limit=200))
        return [key_view(key) for key in found.rows]

    rows = [{**row, "mode": "live" if row["livemode"] else "test"} for row in transact(work)]
    columns = ["id", "name", "mode", "scopes", "expires_at", "revoked_at", "last_used_at"]
    print_rows("Keys", columns, rows, as_json=json)


@app.command()
def rotate(
    key: KeyId,
    *,
    partner: PartnerOption = None,
    overlap_hours: Annotated[
        int, typer.Option(min=0, max=168, help="So long the old key works, too.")
    ] = 24,
    json: Json = False,
) -> None:
    """Make a new key with the same rights; the old one ends after the overlap.

    Examples:
        voltgate key rotate key_01jd... --overlap-hours 48

        voltgate key rotate key_01jd... --overlap-hours 0
    """

    async def work(tx: Tx, opened: Opened) -> dict[str, Any]:
        rotated = await partner_events.rotate_key(
            tx,
            opened.vault,
            CLI,
            partner_id=await the_partner(tx, partner),
            key_id=key,
            overlap_hours=overlap_hours,
        )
        return {**key_view(rotated.key), "replaces": rotated.old.id, "secret": rotated.text}

    _print_secret(transact(work), json=json)


@app.command()
def change(
    key: KeyId,
    *,
    partner: PartnerOption = None,
    name: Annotated[str | None, typer.Option(help="What it is used for.")] = None,
    scope: Annotated[list[Scope] | None, typer.Option(help="All its rights, anew.")] = None,
    ip: Annotated[list[str] | None, typer.Option(help="All its networks, anew.")] = None,
    any_ip: Annotated[bool, typer.Option("--any-ip", help="Usable from anywhere.")] = False,
    expires: Expires = None,
    require_signature: Annotated[
        bool | None, typer.Option(help="All calls with it must be signed, or need not.")
    ] = None,
    json: Json = False,
) -> None:
    """Change what is named: name, rights, networks, expiry; in force at once, on every node.

    Examples:
        voltgate key change key_01jd... --ip 203.0.113.0/24 --ip 2001:db8::/48

        voltgate key change key_01jd... --expires 2027-12-31
    """
    given: dict[str, Any] = {
        "name": name,
        "scopes": scope,
        "ip_allowlist": ip,
        "expires_at": _utc(expires),
        "require_signature": require_signature,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    if any_ip:
        changes["ip_allowlist"] = []

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        partner_id = await the_partner(tx, partner)
        return key_view(
            await partners.update_key(tx, CLI, partner_id=partner_id, key_id=key, changes=changes)
        )

    print_facts(transact(work), as_json=json)


@app.command()
def revoke(key: KeyId, *, partner: PartnerOption = None, json: Json = False) -> None:
    """End a key at once and for ever, on every node.

    Example: voltgate key revoke key_01jd...
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        partner_id = await the_partner(tx, partner)
        return key_view(await partner_events.revoke_key(tx, CLI, partner_id=partner_id, key_id=key))

    print_facts(transact(work), as_json=json)


@app.command()
def operator(
    *,
    name: Annotated[str, typer.Option(help="Who uses it; it stands in the audit trail.")],
    role: Annotated[
        Role, typer.Option(help="admin: all; support: commands, approvals, tokens; others read.")
    ] = Role.VIEWER,
    expires: Expires = None,
    json: Json = False,
) -> None:
    """Make a token for the operator API; it is shown once.

    Examples:
        voltgate key operator --name alice --role admin

        voltgate key operator --name dashboard --role viewer --expires 2027-12-31
    """

    async def work(tx: Tx, opened: Opened) -> dict[str, Any]:
        token, text = await operators.create_token(
            tx, opened.vault, CLI, name=name, role=role, expires_at=_utc(expires)
        )
        return {**token_view(token), "secret": text}

    _print_secret(transact(work), json=json)


def _print_secret(view: dict[str, Any], *, json: bool) -> None:
    print_facts(view, as_json=json)
    if not json:
        say(_ONCE)


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.replace(tzinfo=UTC)
