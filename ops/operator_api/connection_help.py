"""Why a charger cannot connect."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query

from core.chargers import compliance_help
from ops.operator_api.deps import READS, resource
from partner_api.deps import Transaction

routes = resource("/connection_help", tag="compliance")


@routes.get("", dependencies=[READS], summary="Why can't my charger connect?")
async def connection_help(
    tx: Transaction,
    identity: Annotated[
        str,
        Query(
            min_length=1,
            max_length=200,
            description="As the charger has it: registered or not, in any case or encoding.",
        ),
    ],
) -> Mapping[str, Any]:
    """Each refused handshake in plain words, with its exact fix.

    Near misses are among them (another case, one wrong character, percent-encoding); `earlier`
    holds what was refused before the charger last succeeded.
    """
    return compliance_help.help_view(await compliance_help.explain(tx, identity))
