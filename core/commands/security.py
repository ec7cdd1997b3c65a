"""What we ask chargers about keys and certificates."""

from core.commands.commands import Command, command


@command("set_password")
class SetPassword(Command):
    """Use *password* for Basic authentication from the next connection on (A01)."""

    password: str = ""
    sealed: str | None = None


@command("send_certificate")
class SendCertificate(Command):
    """Take the certificate that was signed for it; *chain* is PEM, its own first (A02)."""

    use: str
    chain: str


@command("install_certificate")
class InstallCertificate(Command):
    """Trust *certificate* (PEM) for *use* (M05)."""

    use: str
    certificate: str


@command("delete_certificate")
class DeleteCertificate(Command):
    """Remove a certificate (M04); the members are those of OCPP's CertificateHashDataType."""

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


@command("report_certificates")
class ReportCertificates(Command):
    """Tell which certificates of *use* are installed (M03); ``None``: of each use."""

    use: str | None = None


@command("request_certificate")
class RequestCertificate(Command):
    """Send a new signing request for its own certificate (A02, A03)."""

    use: str
