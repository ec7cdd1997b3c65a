"""What an address to listen on tells."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach *host*."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
