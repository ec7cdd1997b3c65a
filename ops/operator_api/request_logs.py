"""What partners called: the log that they see themselves."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import Query

from core.partners import service as partners
from core.request_log import service
from core.request_log.models import LoggedRequest
from core.request_log.service import Wanted
from ops.operator_api.deps import resource
from partner_api.answers import page_of
from partner_api.deps import Paging, Transaction
from partner_api.request_logs.asking import Filters

routes = resource("", tag="partners", reads_only=True)


@routes.get("/partners/{partner_id}/request_logs", summary="What a partner called")
async def list_request_logs(
    partner_id: str,
    page: Paging,
    filters: Filters,
    tx: Transaction,
    livemode: Annotated[bool, Query(description="False: with its test keys.")] = True,
) -> dict[str, Any]:
    """The newest first, redacted, without bodies; with filters a page may be short."""
    partner = await partners.get(tx, partner_id)
    wanted = replace(filters, partner_id=partner.id, livemode=livemode)
    return page_of(await service.newest(tx, wanted, page), _view)


@routes.get("/request_logs/{request_log_id}", summary="One call of a partner, with its bodies")
async def show(request_log_id: str, tx: Transaction) -> dict[str, Any]:
    """By the id that a partner names: `X-Request-Id`, or `request_id` of a problem."""
    entry = await service.get(tx, request_log_id, Wanted(partner_id=None))
    return {**service.body_view(entry), "partner_id": entry.partner_id}


def _view(entry: LoggedRequest) -> dict[str, Any]:
    return {**service.view(entry), "partner_id": entry.partner_id}
