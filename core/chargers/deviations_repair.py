"""What a charger cut off, found again."""

from core.chargers import compliance_store, id_tokens
from core.kernel.db import Tx


async def whole_tag(tx: Tx, tag: str) -> str:
    """Return the one id token that begins with *tag*, in upper case; else *tag* itself.

    A token that is exactly *tag* is meant; where several begin with it, nobody can say which.
    """
    cut = tag.upper()
    found = await compliance_store.tokens_beginning_with(tx, cut, limit=2)
    if len(found) != 1 or len(found[0].token) > id_tokens.MAX_CHARS:
        return cut
    return found[0].token
