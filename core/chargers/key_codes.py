"""Key codes: id tokens that are secrets, because who knows one may charge.

Inside the platform a key code has no other form than its name, a keyed hash: in the list of id
tokens, at sessions, in events and the audit trail. It comes in clear from an operator or a charger
and is named at that door; nothing can read it back.
"""

from typing import Any

from core.audit.service import Actor
from core.chargers import id_tokens, record_store, token_store
from core.chargers.record_models import IdToken
from core.chargers.token_formats import (
    KEY_CODE,
    NAME_DIGITS,
    NAME_PREFIX,
    is_name,
    is_stored,
)
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import not_found


def name_of(vault: Vault, code: str) -> str:
    """Return the name of a key code, whatever its case; any text has one."""
    key = code.upper().encode(errors="surrogatepass")
    return NAME_PREFIX + vault.hasher.fingerprint(key)[:NAME_DIGITS].upper()


async def known_as(tx: Tx, vault: Vault, text: str) -> str:
    """Return the name of *text* if it is a key code on the list, else *text* in upper case.

    A name stays what it is: so operators speak of a key code without writing it.
    """
    if is_name(text.upper()):
        return text.upper()
    plain, name = text.upper(), name_of(vault, text)
    await record_store.read_tokens(tx, [name, plain] if is_stored(plain) else [name])
    return plain if await record_store.token(tx, name) is None else name


async def put(
    tx: Tx, vault: Vault, actor: Actor, token: str, *, kind: str = "ISO14443", **values: Any
) -> IdToken:
    """Create or replace a token of any kind, as ``id_tokens.put``; a key code under its name.

    A text is one token: what it was before as a token of another kind is forgotten. A key code on
    the list can be given by its name.

    Raises:
        PlatformError: ``invalid_parameter``; ``not_found``: no key code of that name.
    """
    plain, name = token.upper(), name_of(vault, token)
    if is_name(plain):
        if await record_store.token(tx, plain) is None:
            raise not_found("key code")
        return await id_tokens.put(tx, actor, plain, kind=kind, **values)
    kept, other = (name, plain) if kind == KEY_CODE else (plain, name)
    id_tokens.check_text("token", plain)
    if await record_store.delete_token(tx, other) is not None:
        await token_store.note_change(tx, other)
    return await id_tokens.put(tx, actor, kept, kind=kind, **values)
