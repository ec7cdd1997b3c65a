"""What a charger can be asked about firmware."""

from core.commands.commands import Command, command


@command("update_firmware")
class UpdateFirmware(Command):
    """Fetch firmware from *location* at *retrieve_at* and install it at *install_at* (RFC 3339).

    With *certificate* (PEM) and *signature* (base64) the charger verifies it first. *retry_s* is
    the pause between its *retries*. ``sealed`` holds a *location* with credentials.
    """

    request: int
    location: str
    retrieve_at: str
    install_at: str | None = None
    certificate: str | None = None
    signature: str | None = None
    retries: int | None = None
    retry_s: int | None = None
    sealed: str | None = None


@command("publish_firmware")
class PublishFirmware(Command):
    """Fetch firmware and offer it on the local network; *checksum* is its MD5 in hex (2.0.1)."""

    request: int
    location: str
    checksum: str
    retries: int | None = None
    retry_s: int | None = None
    sealed: str | None = None


@command("unpublish_firmware")
class UnpublishFirmware(Command):
    """Offer the firmware with this MD5 no more."""

    checksum: str
