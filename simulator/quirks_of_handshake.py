"""Quirks of the handshake: URL, user name, password, subprotocol."""

from base64 import b64decode, b64encode

from simulator.quirk_hooks import QUIRKS, Dial, Quirk


def _credentials(options: Dial) -> tuple[str, bytes]:
    user, _, password = b64decode(options.headers["Authorization"].split()[1]).partition(b":")
    return user.decode(), password


def _authorize(options: Dial, user: str, password: bytes) -> None:
    encoded = b64encode(user.encode() + b":" + password).decode()
    options.headers["Authorization"] = f"Basic {encoded}"


@QUIRKS.add
class NoSubprotocol(Quirk):
    name = "no_subprotocol"
    summary = "asks for no WebSocket subprotocol"

    def handshake(self, options: Dial) -> Dial:
        options.subprotocols = []
        return options


@QUIRKS.add
class LowerIdentity(Quirk):
    name = "lower_identity"
    summary = "writes its identity in lower case"

    def handshake(self, options: Dial) -> Dial:
        base, _, identity = options.url.rpartition("/")
        options.url = f"{base}/{identity.lower()}"
        user, password = _credentials(options)
        _authorize(options, user.lower(), password)
        return options


@QUIRKS.add
class EncodedIdentity(Quirk):
    name = "encoded_identity"
    summary = "percent-encodes every character of its identity in the URL"

    def handshake(self, options: Dial) -> Dial:
        base, _, identity = options.url.rpartition("/")
        options.url = f"{base}/{''.join(f'%{ord(char):02X}' for char in identity)}"
        return options


@QUIRKS.add
class EncodedUser(EncodedIdentity):
    name = "encoded_user"
    summary = "sends the percent-encoded identity as user name, too"

    def handshake(self, options: Dial) -> Dial:
        options = super().handshake(options)
        _, password = _credentials(options)
        _authorize(options, options.url.rpartition("/")[2], password)
        return options


@QUIRKS.add
class HexKey(Quirk):
    name = "hex_key"
    summary = "sends the hex digits of its password"

    def handshake(self, options: Dial) -> Dial:
        user, password = _credentials(options)
        _authorize(options, user, password.hex().encode())
        return options


@QUIRKS.add
class RawKey(Quirk):
    name = "raw_key"
    summary = "sends the bytes that the hex digits of its key stand for"

    def handshake(self, options: Dial) -> Dial:
        user, password = _credentials(options)
        _authorize(options, user, bytes.fromhex(password.decode()))
        return options
