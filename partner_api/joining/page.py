"""The page behind the link of the mail that proves an e-mail address.

It is for people: programs that look at the links of a mail only fetch it, and what counts is the
button.
"""

from typing import Final

from fastapi import APIRouter, Request, Response

from core.joining import proofs
from core.kernel.errors import PlatformError
from partner_api.bodies import StrictRoute
from partner_api.deps import Secrets, Transaction
from partner_api.joining.access import Address
from partner_api.joining.layout import page, paragraph

router = APIRouter(route_class=StrictRoute, include_in_schema=False)

_BUTTON: Final = '<form method="post"><button type="submit">Yes, this is my address</button></form>'


@router.get("/join/{application_id}/{token}")
async def ask(application_id: str, token: str, _: Address) -> Response:
    """Return the page with the button, whether or not the token is right."""
    text = "Somebody applied to become a partner and named this address."
    return page("Confirm your e-mail address", paragraph(text) + _BUTTON)


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
        return page("That did not work", paragraph(exc.detail), status=exc.kind.status)
    text = "Your e-mail address is confirmed. You can close this page."
    return page("Thank you", paragraph(text))
