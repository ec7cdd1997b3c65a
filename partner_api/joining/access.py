"""Who may call without an API key: anybody, or who has the status token of the application."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from core.joining import service
from core.joining.models import Application
from core.kernel.errors import PlatformError
from partner_api.security.address import client_address
from partner_api.services import PartnerServices


@dataclass(frozen=True, slots=True)
class Anybody:
    """A dependency: a caller without a key, held back by address before the database is asked."""

    async def __call__(self, request: Request) -> str | None:
        """Return the caller's address.

        Raises:
            PlatformError: ``rate_limited``, ``invalid_parameter``.
        """
        services = PartnerServices.of(request.scope)
        address = client_address(request.scope, services.settings.trusted_proxies)
        services.gate.admit(service.network_of(address))
        odd: PlatformError | None = getattr(request.state, "odd_query", None)
        if odd is not None:
            raise odd
        return address


Address = Annotated[str | None, Depends(Anybody())]


@dataclass(frozen=True, slots=True)
class NeedsStatusToken:
    """A dependency: the application whose status token the caller shows.

    It looks in a transaction of its own: an upload would hold the route's for a long time, and
    every use case decides by guarded statements again.
    """

    async def __call__(self, application_id: str, request: Request, _: Address) -> Application:
        """Return the application.

        Raises:
            PlatformError: ``invalid_credentials``, ``rate_limited``, ``invalid_parameter``.
        """
        services = PartnerServices.of(request.scope)
        async with services.db.transaction() as tx:
            return await service.authenticate(
                tx, services.vault, application_id, request.headers.get("authorization")
            )


Applicant = Annotated[Application, Depends(NeedsStatusToken())]
