"""How the platform trusts the servers that it calls over TLS."""

import ssl
from functools import cache

import httpx2


def verifying_context() -> ssl.SSLContext:
    """Return TLS 1.2 or later with the certificates of the system; the environment is ignored."""
    context = httpx2.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@cache
def shared_context() -> ssl.SSLContext:
    """Return one such context for the whole process: to read the certificates takes 0.1 s."""
    return verifying_context()
