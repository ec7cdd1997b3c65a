"""Passwords of chargers: the forms in which one key is shown, typed and sent (S5)."""

import re
import secrets
from typing import Final

from core.kernel.crypto import SecretHasher
from core.kernel.errors import PlatformError

KEY_BYTES: Final = 20
MIN_CHARS: Final = 16
MAX_CHARS: Final = 40

_HEX_KEY: Final = re.compile(rb"(?:[0-9A-Fa-f]{2}){16,20}")


def generate() -> str:
    """Return a new key: 20 random bytes, shown as 40 hex characters."""
    return secrets.token_bytes(KEY_BYTES).hex()


def checked(password: str) -> str:
    """Return a password that an operator chose.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    fits = MIN_CHARS <= len(password) <= MAX_CHARS
    if not (fits and password.isascii() and password.isprintable()):
        raise PlatformError(
            "invalid_parameter",
            f"A charger's password has {MIN_CHARS} to {MAX_CHARS} printable ASCII characters.",
            errors=[{"pointer": "/password", "detail": "is too short, too long or not printable"}],
        )
    return password


def canonical(password: bytes) -> bytes:
    """Return the bytes that all forms of a password share.

    OCPP 1.6 writes a key of 16 to 20 bytes in hex when it sets it, and chargers send it as those
    characters, in either case, or as the bytes themselves. Any other text is itself.
    """
    if _HEX_KEY.fullmatch(password):
        return bytes.fromhex(password.decode("ascii"))
    return password


def hashed(hasher: SecretHasher, password: bytes) -> str:
    """Return what is stored of a password."""
    return hasher.hash(canonical(password))


def matches(hasher: SecretHasher, password: bytes | None, stored: str | None) -> bool:
    """Tell whether *password* is the stored one, in the same time whether or not there is one."""
    same = hasher.matches(canonical(password or b""), stored)
    return same and password is not None
