"""``voltgate partner signatures`` and ``voltgate key signing-keys``: signed requests."""

from typing import Annotated, Any

import typer

from core.audit.service import CLI
from core.kernel.db import Tx
from core.kernel.page import Page
from core.partners import service as partners
from core.partners import signing_keys
from ops.cli.keys import PartnerOption
from ops.cli.output import Json, print_facts, print_rows
from ops.cli.partners import PartnerId, the_partner
from ops.cli.running import Opened, transact

partner_app = typer.Typer()
key_app = typer.Typer()


@partner_app.command("signatures")
def show_or_demand_signatures(
    partner: PartnerId,
    *,
    require: Annotated[
        bool | None,
        typer.Option("--require/--optional", help="Live control calls must be signed, or may be."),
    ] = None,
    json: Json = False,
) -> None:
    """Show whether a partner must sign its live control calls, or change it; in force at once.

    Examples:
        voltgate partner signatures prt_01jd...

        voltgate partner signatures prt_01jd... --require
    """

    async def work(tx: Tx, opened: Opened) -> dict[str, Any]:
        found = await partners.get(tx, partner)
        if require is not None and found.signs_control != require:
            found = await partners.sign_control(tx, CLI, partner_id=partner, required=require)
        can_sign = await signing_keys.can_sign(tx, partner_id=partner, livemode=True)
        return {
            "live_control": found.signs_control,
            "everybody": opened.settings.require_signatures,
            "can_sign": can_sign,
        }

    print_facts(transact(work), as_json=json)


@key_app.command("signing-keys")
def list_signing_keys(*, partner: PartnerOption = None, json: Json = False) -> None:
    """List what a partner signs requests with, ended ones included; never a secret.

    Example: voltgate key signing-keys --partner prt_01jd...
    """

    async def work(tx: Tx, _: Opened) -> list[dict[str, Any]]:
        partner_id = await the_partner(tx, partner)
        found = await signing_keys.list_keys(tx, partner_id=partner_id, page=Page(limit=200))
        return [signing_keys.view(key) for key in found.rows]

    columns = ["id", "api_key_id", "algorithm", "expires_at", "revoked_at", "last_used_at"]
    print_rows("Signing keys", columns, transact(work), as_json=json)


@key_app.command("revoke-signing-key")
def revoke_signing_key(
    signing_key: Annotated[str, typer.Argument(metavar="SIGNING_KEY", help="sgk_...")],
    *,
    partner: PartnerOption = None,
    json: Json = False,
) -> None:
    """End a signing key at once and for ever, on every node.

    Example: voltgate key revoke-signing-key sgk_01jd...
    """

    async def work(tx: Tx, _: Opened) -> dict[str, Any]:
        partner_id = await the_partner(tx, partner)
        return signing_keys.view(
            await signing_keys.revoke(tx, CLI, partner_id=partner_id, signing_key_id=signing_key)
        )

    print_facts(transact(work), as_json=json)
