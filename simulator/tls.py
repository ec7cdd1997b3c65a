"""TLS as the charger speaks it: its CAs, its own certificate, its protocol versions."""

import ssl
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.certificates import CSMS_ROOT

if TYPE_CHECKING:
    from simulator.certificates import Identity
    from simulator.station import Station

CLIENT_CERTIFICATE_PROFILE = 3
_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_OLD = frozenset({"1.0", "1.1"})


def tls_context(station: "Station") -> ssl.SSLContext:
    """Return how the next connection is secured.

    The central system is verified against the installed CSMS roots, else those of the system. The
    certificate of the charger is presented with security profile 3 (OCPP 2.0.1 A00). Raises
    ``OSError`` (``ssl.SSLError``) if certificate and key do not fit.
    """
    config = station.config
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are a wish here
        context.minimum_version = _VERSIONS[config.tls_min]
        context.maximum_version = _VERSIONS[config.tls_max]
    if config.tls_max in _OLD:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # OpenSSL 3 has them at no other level
    roots = station.certificates.of(CSMS_ROOT)
    if roots:
        context.load_verify_locations(cadata="\n".join(root.pem for root in roots))
    else:
        context.load_default_certs()
    identity = station.certificates.identity
    if identity is not None and config.security_profile >= CLIENT_CERTIFICATE_PROFILE:
        _present(context, identity)
    return context


def _present(context: ssl.SSLContext, identity: "Identity") -> None:
    """Load certificate and key; the ssl module takes them from files only."""
    with tempfile.TemporaryDirectory() as name:
        chain, key = Path(name, "chain.pem"), Path(name, "key.pem")
        key.touch(mode=0o600)
        chain.write_text(identity.chain_pem, encoding="ascii")
        key.write_text(identity.key_pem, encoding="ascii")
        context.load_cert_chain(chain, key)
