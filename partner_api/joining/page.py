"""The page behind the link of the mail that proves an e-mail address.

It is for people: programs that look at the links of a mail only fetch it, and what counts is the
button. It needs no script and no style, so the policy of the API holds for it, too.
"""

from html import escape
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from core.joining import proofs
from core.kernel.errors import PlatformError
from partner_api.bodies import StrictRoute
from partner_api.deps import Secrets, Transaction
from partner_api.joining.access import Address

router = APIRouter(route_class=StrictRoute, include_in_schema=False)

_PAGE: Final = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<h1>{title}</h1>
<p>{text}</p>
{form}
</html>
"""
_BUTTON: Final = '<form method="post"><button type="submit">Yes, this is my address</button></form>'


@router.get("/join/{application_id}/{token}")
async def ask(application_id: str, token: str, _: Address) -> Response:
    """Return the page with the button, whether or not the token is right."""
    text = "Somebody applied to become a partner and named this address."
    return _page(200, "Confirm your e-mail address", text, form=_BUTTON)


@router.post("/join/{application_id}/{token}")
async def confirm(
    application_id: str,
    token: str,
    _: Address,
    request: Request,
    tx: Transaction,
    vault: Secrets,
) -> Response:
    """Prove the address and say so."""
    try:
        await proofs.prove_email(
            tx,
            vault,
            application_id=application_id,
            token=token,
            request_id=request.state.request_id,
        )
    except PlatformError as exc:
        return _page(exc.kind.status, "That did not work", exc.detail)
    return _page(200, "Thank you", "Your e-mail address is confirmed. You can close this page.")


def _page(status: int, title: str, text: str, *, form: str = "") -> Response:
    html = _PAGE.format(title=escape(title), text=escape(text), form=form)
    return HTMLResponse(html, status)
