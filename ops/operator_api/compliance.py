"""Compliance reports: what a charger does other than OCPP says, to be sent to its vendor."""

from typing import Annotated, Any, Literal

from fastapi import Query, Response

from core.chargers import compliance
from core.chargers.deviations_catalogue import CATALOGUE
from ops.operator_api.deps import READS, SUPPORT, Acting, resource
from partner_api.answers import listed
from partner_api.deps import Transaction

routes = resource("", tag="compliance")


@routes.get(
    "/chargers/{charger_id}/compliance",
    dependencies=[READS],
    summary="What a charger does other than OCPP says",
    response_model=None,
)
async def report(
    charger_id: str,
    tx: Transaction,
    format: Annotated[  # noqa: A002 - the name in the query
        Literal["json", "markdown"], Query(description="`markdown`: to send to the vendor.")
    ] = "json",
) -> dict[str, Any] | Response:
    """Every deviation since `since`, counted, then what was checked and clean.

    With an example, the section of the specification and what to fix. Counts are a few seconds old.
    """
    found = await compliance.report(tx, charger_id)
    if format == "json":
        return compliance.report_view(found)
    return Response(compliance.as_markdown(found), media_type="text/markdown; charset=utf-8")


@routes.post(
    "/chargers/{charger_id}/compliance/restart",
    dependencies=[SUPPORT],
    summary="Begin a new period",
)
async def restart(charger_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """After a firmware update, say: what was counted is forgotten."""
    await compliance.restart(tx, actor, charger_id)
    return compliance.report_view(await compliance.report(tx, charger_id))


@routes.get("/deviations", dependencies=[READS], summary="Every deviation that is recognised")
async def catalogue() -> dict[str, Any]:
    """The catalogue behind the reports; a `code` never changes."""
    data = [
        {
            "object": "deviation",
            "code": row.code,
            "severity": "remark" if row.is_remark else "deviation",
            "title": row.title,
            "section": row.section,
            "rule": row.rule,
            "fix": row.fix,
        }
        for row in CATALOGUE.values()
    ]
    return listed(data, has_more=False, next_cursor=None)
