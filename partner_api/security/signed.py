"""Signed requests: verified before the route, and demanded by it (S14)."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.status import HTTP_401_UNAUTHORIZED

from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings
from core.kernel.times import rfc3339
from core.partners import signing_keys
from core.partners.scopes import CONTROL, Scope
from core.partners.service import Caller
from core.partners.signing_models import SigningKey
from core.partners.tokens import Bucket
from partner_api.security import rate
from partner_api.security.identity import identify
from partner_api.security.message_signatures import (
    TAG,
    Message,
    Signature,
    address_of,
    base,
    check_digest,
    is_signed,
    read,
    require_covered,
    wrong,
)
from partner_api.services import PartnerServices, Services

MAX_SIGNATURES: Final = 3
"""Signatures for us in one request."""

MAX_BASE_CHARS: Final = 4096
"""Of a signature base that is shown; a longer one is left out."""

_KEYID: Final = re.compile(r"sgk_[0-9a-hjkmnp-tv-z]{26}", re.ASCII)
_NONCE: Final = re.compile(r"[!-~]{8,128}", re.ASCII)


async def verify(request: Request) -> None:
    """Verify what is signed, and use up its nonce; a request that is not signed passes.

    It comes before the route and in a transaction of its own: whatever becomes of the request, it
    cannot be sent again. The body is read here, and parsed only afterwards.

    Raises:
        PlatformError: ``invalid_credentials``, ``ip_not_allowed``, ``invalid_signature``,
            ``signature_replayed``, ``rate_limited``.
    """
    fields = _fields(request)
    if not is_signed(fields):
        return
    message = _message(request, fields, await _body(request))
    services = PartnerServices.of(request.scope)
    caller: Caller | None = None
    try:
        async with services.db.transaction() as tx:
            caller = await identify(request, tx)
            ours = read(fields, wanted=_is_ours)
            if len(ours) > MAX_SIGNATURES:
                raise wrong(f"There are more than {MAX_SIGNATURES} signatures for us.")
            for signature in ours:
                await _accept(tx, services, caller, message, signature)
    except PlatformError as refusal:
        if caller is not None and refusal.kind.status == HTTP_401_UNAUTHORIZED:
            await _count(request, services, caller)
        raise
    request.state.signed_with = tuple(str(one.parameters.get("keyid")) for one in ours)


async def demand(request: Request, tx: Tx, caller: Caller, scopes: Sequence[Scope]) -> None:
    """Refuse a request that has to be signed and is not.

    Who may change a partner's keys could make another that need not sign; so that is signed, too,
    once the partner can sign at all.

    Raises:
        PlatformError: ``signature_required``.
    """
    if was_signed(request):
        return
    if caller.requires_signature:
        raise PlatformError("signature_required", "All calls with this API key must be signed.")
    is_demanded = caller.signs_control or Services.of(request.scope).settings.require_signatures
    if not is_demanded or not caller.livemode or request.method == "GET":
        return
    if CONTROL.issuperset(scopes):
        raise PlatformError("signature_required", "Your live control calls must be signed.")
    if tuple(scopes) == (Scope.KEYS_MANAGE,) and await signing_keys.can_sign(
        tx, partner_id=caller.partner_id, livemode=True
    ):
        raise PlatformError(
            "signature_required",
            "Your live control calls must be signed, and so must changes of keys.",
        )


def demand_for_change(request: Request, *, requires_signature: bool) -> None:
    """Refuse an unsigned change of an API key all of whose calls are signed.

    Raises:
        PlatformError: ``signature_required``.
    """
    if requires_signature and not was_signed(request):
        raise PlatformError(
            "signature_required",
            "That API key requires signatures, and so do changes of what it requires and signs "
            "with.",
        )


def was_signed(request: Request) -> bool:
    """Tell whether a signature of the caller's was verified."""
    return bool(_signed_with(request))


async def still_holds(request: Request, tx: Tx, caller: Caller) -> None:
    """Refuse to go on with a request that waits, once its signing key has ended.

    Raises:
        PlatformError: ``invalid_signature``.
    """
    for keyid in _signed_with(request):
        if await _key(tx, caller, keyid) is None:
            raise wrong("The signing key has been revoked, or its overlap is over.")


async def _count(request: Request, services: PartnerServices, caller: Caller) -> None:
    """Count a call that is refused before any other is counted; beyond the limit say that."""
    state = request.state
    quotas = rate.quotas_of(services.settings, caller, Bucket.REQUESTS)
    state.verdict = verdict = await services.limiter.take(caller.partner_id, quotas)
    if not verdict.allowed:
        error = rate.refusal(verdict, caller)
        services.refusals.remember(state.credentials, state.network, caller, verdict, error)
        raise error


async def _accept(
    tx: Tx, services: Services, caller: Caller, message: Message, signature: Signature
) -> None:
    nonce = _require_parameters(signature, services.settings, tx.now)
    require_covered(message, signature)
    if "content-digest" in signature.components:
        check_digest(message)
    content = base(message, signature)
    key = await _key(tx, caller, signature.text("keyid") or "")
    if key is None:
        raise wrong(
            "its keyid is no signing key of this API key, or it has been revoked or its overlap "
            "is over.",
            signature,
        )
    _require_algorithm(signature, key)
    if not signing_keys.verifies(services.vault, key, content.encode(), signature.value):
        raise wrong(
            "it does not verify. The request was changed on its way, or it is not signed over the "
            "signature base of RFC 9421 2.5, or with another key.",
            signature,
            **_shown(caller, signature, content),
        )
    if not await signing_keys.use(tx, key, nonce=nonce):
        raise PlatformError(
            "signature_replayed",
            f"Signature {signature.label}: its nonce was used before. Sign each request anew, also "
            "one that is sent again.",
        )


async def _key(tx: Tx, caller: Caller, keyid: str) -> SigningKey | None:
    return await signing_keys.active(tx, keyid, api_key_id=caller.signs_as or caller.key_id)


def _signed_with(request: Request) -> tuple[str, ...]:
    return getattr(request.state, "signed_with", ())


async def _body(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect:  # nobody hears the answer
        raise PlatformError("malformed_json", "The body did not come to its end.") from None


def _require_parameters(signature: Signature, settings: Settings, now: datetime) -> str:
    """Check all parameters but the key; return the nonce."""
    tag = signature.text("tag")
    if tag not in {None, TAG}:
        raise wrong(f'its tag must be "{TAG}", or left out.', signature)
    nonce = signature.text("nonce")
    if nonce is None or not _NONCE.fullmatch(nonce):
        raise wrong("nonce must have 8 to 128 visible ASCII characters.", signature)
    if signature.text("keyid") is None:
        raise wrong("keyid is missing.", signature)
    created, expires = signature.instant("created"), signature.instant("expires")
    if created is None:
        raise wrong("created is missing.", signature)
    server_time = {"server_time": rfc3339(now)}
    age_s = now.timestamp() - created
    skew_s = settings.signature_clock_skew.total_seconds()
    if age_s < -skew_s:
        raise wrong(
            f"it was created {-age_s:.0f} s in the future; set your clock.",
            signature,
            **server_time,
        )
    max_age_s = settings.signature_max_age.total_seconds()
    if age_s > max_age_s:
        raise wrong(
            f"it was created {age_s:.0f} s ago, more than {max_age_s:.0f} s; sign again.",
            signature,
            **server_time,
        )
    if expires is not None and now.timestamp() > expires + skew_s:
        raise wrong("it has expired; sign again.", signature, **server_time)
    return nonce


def _require_algorithm(signature: Signature, key: SigningKey) -> None:
    named = signature.text("alg")
    if named is not None and named != key.algorithm:
        raise wrong(f'alg of this keyid is "{key.algorithm}".', signature)


def _is_ours(parameters: Mapping[str, Any]) -> bool:
    """Tell whether a signature is meant for us, and not for or of something on the way."""
    keyid = parameters.get("keyid")
    is_our_key = type(keyid) is str and _KEYID.fullmatch(keyid) is not None
    return is_our_key or parameters.get("tag") == TAG


def _shown(caller: Caller, signature: Signature, content: str) -> dict[str, Any]:
    """Return the signature base for a developer in test mode, without the API key in it."""
    if caller.livemode or len(content) > MAX_BASE_CHARS:
        return {}
    lines = [
        '"authorization": (not shown)' if name == "authorization" else line
        for name, line in zip((*signature.components, ""), content.split("\n"), strict=True)
    ]
    return {"signature_base": "\n".join(lines)}


def _message(request: Request, fields: dict[str, list[str]], body: bytes) -> Message:
    public_url = Services.of(request.scope).settings.public_url
    scheme, authority, prefix = address_of(public_url)
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return Message(
        method=request.method,
        scheme=scheme,
        authority=authority,
        path=prefix + raw.partition(b"?")[0].decode("latin-1"),
        query=request.scope.get("query_string", b"").decode("latin-1"),
        fields=fields,
        body=body,
    )


def _fields(request: Request) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in request.scope["headers"]:
        found[name.decode("latin-1").lower()].append(value.decode("latin-1"))
    return dict(found)
