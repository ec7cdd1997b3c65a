"""Who shows an API key."""

from fastapi import Request

from core.conduct.rules import Signal
from core.kernel.db import Tx
from core.partners import service as partners
from core.partners.service import Caller, LoginRefused
from partner_api.services import PartnerServices


async def identify(request: Request, tx: Tx) -> Caller:
    """Return who is calling, before anything is admitted.

    Raises:
        PlatformError: ``invalid_credentials``, ``ip_not_allowed``.
    """
    services = PartnerServices.of(request.scope)
    state, header = request.state, request.headers.get("authorization")
    try:
        caller = await partners.authenticate(tx, services.vault, header, address=state.address)
    except LoginRefused as exc:
        if header is not None and not state.is_proxy:  # a proxy that names nobody is everybody
            services.door.fail(state.network)
        if exc.login is not None:
            services.watch.note(
                Signal.FAILED_LOGINS,
                exc.login.partner_id,
                livemode=exc.login.livemode,
                request_id=state.request_id,
                key_id=exc.login.id,
                reason=exc.reason,
                address=state.address,
            )
        raise
    if header is not None:
        services.door.pass_(state.network, state.credentials)
    services.watch.note_network(
        caller.partner_id,
        state.address,
        livemode=caller.livemode,
        request_id=state.request_id,
        key_id=caller.key_id,
    )
    state.caller = caller
    return caller
