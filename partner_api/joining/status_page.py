"""``/join``: how an application stands, for people: they show its id and its status token.

The token travels in the body of a form, so that no address, log or history keeps it.
"""

import re
from collections.abc import Iterable
from html import escape
from typing import Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response

from core.joining import service
from core.joining.states import ApplicationStatus
from core.joining.views import application_view
from core.kernel.errors import PlatformError
from partner_api.bodies import StrictRoute
from partner_api.deps import Secrets, Transaction
from partner_api.joining.access import Address
from partner_api.joining.layout import page, paragraph

router = APIRouter(route_class=StrictRoute, include_in_schema=False)

_MAX_FIELDS: Final = 10
_ID: Final = re.compile(r"app_[0-9a-z]{26}", re.ASCII)
_FORM: Final = """\
<form method="post" action="/join" class="stacked">
<label for="application">Application (app_...)</label>
<input id="application" name="application" required autocomplete="off">
<label for="token">Status token (vg_app_...)</label>
<input id="token" name="token" type="password" required autocomplete="off">
<button type="submit">Show</button>
</form>
<p>Both were in the answer to your application. \
<a href="/docs/joining">How joining works</a>, and how to apply.</p>
"""
_STANDS: Final = {
    ApplicationStatus.SUBMITTED: (
        "In review",
        "A person looks at it. Your test key works meanwhile.",
    ),
    ApplicationStatus.MORE_REQUESTED: (
        "We need something from you",
        "Answer with PATCH, and attach documents if they are asked for; then it is reviewed again.",
    ),
    ApplicationStatus.APPROVED: ("Approved", "You may go live."),
    ApplicationStatus.REJECTED: (
        "Not accepted",
        "Your test keys have ended. You may apply again when this has changed.",
    ),
}
"""A heading, and what it means for the applicant."""


@router.get("/join")
async def ask(_: Address) -> Response:
    """Return the form."""
    return page("Your application", _FORM)


@router.post("/join")
async def show(_: Address, request: Request, tx: Transaction, vault: Secrets) -> Response:
    """Return how the application stands, if the token is right."""
    given = _fields(await request.body())
    header = f"Bearer {given.get('token', '')}"
    try:
        found = await service.authenticate(tx, vault, _id(given.get("application", "")), header)
    except PlatformError as exc:
        return page("Your application", paragraph(exc.detail) + _FORM, status=exc.kind.status)
    attached = await service.documents_of(tx, found)
    title, means = _STANDS[found.status]
    shown = application_view(found, attached)
    return page(title, paragraph(means) + "".join(_parts(shown)))


def _fields(body: bytes) -> dict[str, str]:
    """Return the fields of a form, the first of each name; rubbish has none."""
    try:
        found = parse_qs(body.decode("ascii"), max_num_fields=_MAX_FIELDS)
    except ValueError:
        return {}
    return {name: values[0].strip() for name, values in found.items()}


def _id(text: str) -> str:
    """Return an application's id; what cannot be one is looked for as one that does not exist."""
    return text if _ID.fullmatch(text) else "none"


def _parts(shown: dict[str, Any]) -> Iterable[str]:
    if (requested := shown["requested"]) is not None:
        yield f"<blockquote>{_lines(requested['message'])}</blockquote>\n"
        if requested["fields"]:
            yield _listed("It is about:", requested["fields"])
    if shown["reasons"]:
        yield _listed("Why:", shown["reasons"])
    if shown["live_key_available"]:
        call = f"POST /v1/partner_applications/{shown['id']}/live_key"
        yield (
            "<p>Your first live key waits for you, and is shown once: call "
            f"<code>{escape(call)}</code> with the status token.</p>\n"
        )
    rows = [
        ("Application", shown["id"]),
        ("Company", f"{shown['company']['legal_name']} ({shown['company']['country']})"),
        ("Submitted", _day(shown["created_at"])),
        ("Changed", _day(shown["updated_at"])),
        ("E-mail address", _proof(shown["contact"]["email"], shown["email_proven_at"])),
    ]
    if shown["webhook_url"] is not None:
        rows.append(("Webhook address", _proof(shown["webhook_url"], shown["webhook_proven_at"])))
    rows += [
        ("Document", document["name"])
        for document in shown["documents"]
        if document["deleted_at"] is None
    ]
    cells = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>\n'
        for name, value in rows
    )
    yield f'<div class="table"><table>\n{cells}</table></div>\n'


def _listed(name: str, items: Iterable[str]) -> str:
    return (
        f"<p>{escape(name)}</p>\n<ul>{''.join(f'<li>{_lines(item)}</li>' for item in items)}</ul>\n"
    )


def _lines(text: str) -> str:
    return "<br>".join(escape(line) for line in text.splitlines())


def _day(instant: str) -> str:
    return f"{instant[:10]} {instant[11:16]} UTC"


def _proof(address: str, proven_at: str | None) -> str:
    return f"{address}: " + ("not proven yet" if proven_at is None else f"proven {_day(proven_at)}")
