"""Each reason for which a handshake is refused, in plain words, and its exact fix."""

from dataclasses import dataclass
from typing import Final

from core.chargers.states import RefusalReason as Why


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is wrong, and what to do; ``IDENTITY`` in *fix* stands for the charger's."""

    problem: str
    fix: str

    @property
    def text(self) -> str:
        """Both in one text."""
        return f"{self.problem} {self.fix}"


EXPLAINED: Final = {
    Why.UNKNOWN_IDENTITY: Explanation(
        "Nobody registered a charger with this identity.",
        "voltgate charger register IDENTITY --station st_..., or correct the identity in the "
        "charger (the end of its URL).",
    ),
    Why.INVALID_IDENTITY: Explanation(
        "The end of the charger's URL is no identity: it has more than 48 characters, or : or / "
        "or a character that is not printable ASCII.",
        "Give the charger an identity of letters, digits, - and _, and register the same one.",
    ),
    Why.TOO_MANY_PENDING: Explanation(
        "Nobody registered this charger, and 1,000 unknown ones wait for approval already.",
        "voltgate charger list --registration pending; approve, reject or delete some, or "
        "voltgate charger register IDENTITY.",
    ),
    Why.MISSING_PASSWORD: Explanation(
        "The charger sent no password, and its security profile asks for one.",
        "Set security profile 1 (2 with TLS) in the charger, user name IDENTITY, and its "
        "password; voltgate charger set-password IDENTITY makes a new one.",
    ),
    Why.WRONG_PASSWORD: Explanation(
        "The charger sent another password than the stored one, or another user name than its "
        "identity.",
        "voltgate charger set-password IDENTITY, and enter the password it prints in the charger; "
        "the user name is IDENTITY.",
    ),
    Why.NO_CREDENTIAL: Explanation(
        "The charger's security profile asks for a password, and none is stored here.",
        "voltgate charger set-password IDENTITY, and enter the password it prints in the charger.",
    ),
    Why.INSECURE_PROFILE: Explanation(
        "The charger came without TLS (ws://), and its security profile is 2 or 3.",
        "Use wss:// and the TLS port in the charger's URL. If a proxy ends TLS, let it tell so "
        "(docs/operators/settings.md); never lower the profile for it.",
    ),
    Why.PROFILE_NOT_ALLOWED: Explanation(
        "The charger's security profile is lower than this server allows "
        "(VOLTGATE_SECURITY_PROFILE_MIN).",
        "Raise the charger's profile: a password (1), TLS (2) or a client certificate (3).",
    ),
    Why.MISSING_CERTIFICATE: Explanation(
        "The charger's security profile is 3, and it showed no client certificate.",
        "Install a certificate for IDENTITY in the charger; behind a proxy, let the proxy pass "
        "the certificate on.",
    ),
    Why.CERTIFICATE_UNREADABLE: Explanation(
        "The client certificate does not parse.",
        "Install another one; a proxy passes it on as escaped PEM or as RFC 9440 says.",
    ),
    Why.CERTIFICATE_UNTRUSTED: Explanation(
        "The client certificate was signed by nobody who is known here.",
        "Add its authority to VOLTGATE_TLS_CLIENT_CA, or have the charger ask for a certificate "
        "of this server (SignCertificate).",
    ),
    Why.CERTIFICATE_EXPIRED: Explanation(
        "The client certificate, or that of its authority, is no longer valid.",
        "Install a new certificate in the charger; look at the charger's clock, too.",
    ),
    Why.CERTIFICATE_NOT_YET_VALID: Explanation(
        "The client certificate is not valid yet.",
        "Wait until it is, or correct the clock of whoever signed it.",
    ),
    Why.CERTIFICATE_REVOKED: Explanation(
        "The client certificate was revoked.",
        "Install a new certificate in the charger; withdraw the revocation if it was a mistake.",
    ),
    Why.CERTIFICATE_UNFIT: Explanation(
        "The client certificate is not made for TLS clients, or its key is too weak.",
        "Install one with the extended key usage client authentication, RSA 2048 or EC P-256.",
    ),
    Why.WRONG_CERTIFICATE_NAME: Explanation(
        "The CN of the client certificate is neither this charger's identity nor its serial "
        "number.",
        "Install the charger's own certificate (CN IDENTITY), or correct the identity at the end "
        "of its URL.",
    ),
    Why.WRONG_ORGANISATION: Explanation(
        "The O of the client certificate is another organisation than VOLTGATE_ORGANISATION.",
        "Install a certificate with your organisation's name.",
    ),
    Why.TOO_MANY_CONNECTIONS: Explanation(
        "Too many connections came from this address within a minute.",
        "Look for a charger that dials in a loop. If many chargers share the address, raise "
        "VOLTGATE_CONNECTIONS_PER_ADDRESS.",
    ),
    Why.DISABLED: Explanation(
        "An operator disabled this charger.", "voltgate charger enable IDENTITY."
    ),
    Why.REJECTED: Explanation(
        "An operator rejected this charger.", "voltgate charger approve IDENTITY."
    ),
    Why.TOO_MANY_FAILURES: Explanation(
        "Too many logins of this identity, or from this address, failed within a minute; so "
        "further ones were not even looked at.",
        "Correct what the other reasons name; then wait a minute. Many chargers behind one "
        "address: VOLTGATE_LOGIN_FAILURES_PER_ADDRESS.",
    ),
    Why.NO_COMMON_SUBPROTOCOL: Explanation(
        "The charger asked for no version of OCPP that is spoken here, or for none at all.",
        "Choose OCPP 1.6 JSON (ocpp1.6) or OCPP 2.0.1 (ocpp2.0.1) in the charger. If it speaks "
        "1.6 and cannot say so: voltgate charger profile IDENTITY "
        '--rules \'{"missing_subprotocol": "1.6"}\'.',
    ),
    Why.SOCKET_IN_USE: Explanation(
        "Another charger of this identity is connected and answers, and without a password "
        "nobody can tell which is the real one.",
        "Give the charger a password: voltgate charger set-password IDENTITY. Two chargers must "
        "not share an identity.",
    ),
    Why.WRONG_PATH: Explanation(
        "The charger reached the server and asked for another path than /ocpp/IDENTITY.",
        "Set the URL to ws(s)://HOST:PORT/ocpp/IDENTITY; chargers that add their identity "
        "themselves need ws(s)://HOST:PORT/ocpp.",
    ),
}
"""One for every reason: a test fails when one has none."""
