"""S16: which URLs and addresses a webhook may go to."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.webhooks.addresses import (
    CheckedUrl,
    ForbiddenAddress,
    check_addresses,
    check_url,
    is_public,
)
from core.webhooks.networks import IPAddress, why_not_public
from tests.core.webhooks.hostile_addresses import NOT_PUBLIC, PUBLIC
from tests.core.webhooks.hostile_urls import HOSTILE

ACCEPTED = [
    # url, host, port, target, Host header
    ("https://hooks.partner.example", "hooks.partner.example", 443, "/", None),
    ("https://hooks.partner.example:443/", "hooks.partner.example", 443, "/", None),
    ("HTTPS://Hooks.Partner.EXAMPLE/A", "hooks.partner.example", 443, "/A", None),
    ("https://a.example:8443/x", "a.example", 8443, "/x", "a.example:8443"),
    ("https://a.example:1024/", "a.example", 1024, "/", "a.example:1024"),
    ("https://a.example:65535/", "a.example", 65535, "/", "a.example:65535"),
    ("https://a.example?x=1&y=%20", "a.example", 443, "/?x=1&y=%20", None),
    ("https://a.example/@me/a:b;c?to=https://b.example/", "a.example", 443,
     "/@me/a:b;c?to=https://b.example/", None),
    ("https://a.example/../%2e%2e//x", "a.example", 443, "/../%2e%2e//x", None),
    ("https://b\xfccher.example/", "xn--bcher-kva.example", 443, "/", None),
    ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/", None),
    ("https://\u5145\u7535.example/", "xn--14qz98f.example", 443, "/", None),
    ("https://1and1.example/", "1and1.example", 443, "/", None),
    ("https://127.0.0.1.partner.example/", "127.0.0.1.partner.example", 443, "/", None),
    ("https://93.184.216.34/", "93.184.216.34", 443, "/", None),
    ("https://[2606:4700:4700:0::1111]:8443/", "2606:4700:4700::1111", 8443, "/",
     "[2606:4700:4700::1111]:8443"),
]  # fmt: skip
HOSTILE_URLS = [(reason, url) for reason, urls in HOSTILE for url in urls]


def test_s16_at_least_200_hostile_urls_are_tried() -> None:
    assert len({url for _, url in HOSTILE_URLS}) >= 200


@pytest.mark.parametrize(("reason", "urls"), HOSTILE, ids=[reason for reason, _ in HOSTILE])
def test_s16_hostile_urls_are_refused_for_the_right_reason(
    reason: str, urls: tuple[str, ...]
) -> None:
    for url in urls:
        with pytest.raises(ForbiddenAddress) as caught:
            check_url(url)
        assert reason in caught.value.reason, ascii(url[:100])


def test_s16_development_settings_open_only_what_they_say() -> None:
    """With plain http and loopback allowed, every other hostile URL is refused still."""
    opened = {
        url for _, url in HOSTILE_URLS if is_accepted(url, allow_insecure=True, allow_loopback=True)
    }
    assert opened == {
        "http://hooks.partner.example/",
        "HTTP://hooks.partner.example/",
        "https://localhost/",
        "https://LOCALHOST:8443/",
        "https://app.localhost/",
        "https://127.0.0.1:8443/hook",
        "https://127.255.255.254:8443/hook",
        "https://[::1]/",
        "https://[0:0:0:0:0:0:0:1]/",
    }


def is_accepted(url: str, *, allow_insecure: bool, allow_loopback: bool) -> bool:
    try:
        check_url(url, allow_insecure=allow_insecure, allow_loopback=allow_loopback)
    except ForbiddenAddress:
        return False
    return True


@pytest.mark.parametrize(("url", "host", "port", "target", "host_header"), ACCEPTED)
def test_public_https_urls_are_accepted(
    url: str, host: str, port: int, target: str, host_header: str | None
) -> None:
    checked = check_url(url)
    assert (checked.scheme, checked.host, checked.port) == ("https", host, port)
    assert checked.target == target
    assert checked.host_header == (host_header or host)


@pytest.mark.parametrize(("url", "host", "port", "target", "host_header"), ACCEPTED)
def test_a_checked_url_means_the_same_when_it_is_read_again(
    url: str, host: str, port: int, target: str, host_header: str | None
) -> None:
    checked = check_url(url)
    assert check_url(str(checked)) == checked


def test_plain_http_and_port_80_need_the_development_setting() -> None:
    checked = check_url("http://127.0.0.1/hook", allow_insecure=True, allow_loopback=True)
    assert checked == CheckedUrl(
        scheme="http", host="127.0.0.1", port=80, target="/hook", address=IPv4Address("127.0.0.1")
    )
    with pytest.raises(ForbiddenAddress, match="loopback"):
        check_url("http://127.0.0.1/hook", allow_insecure=True)
    with pytest.raises(ForbiddenAddress, match="https"):
        check_url("http://127.0.0.1/hook", allow_loopback=True)


@pytest.mark.parametrize(("address", "kind"), NOT_PUBLIC)
def test_s16_special_networks_are_not_public(address: str, kind: str) -> None:
    ip = ip_address(address)
    assert why_not_public(ip) == kind
    assert not is_public(ip)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", ["2606:4700:4700::1111%eth0", "fe80::1%eth0", "::1%lo"])
def test_s16_an_address_with_a_zone_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@given(st.ip_addresses())
def test_s16_nothing_that_the_standard_library_calls_special_is_public(ip: IPAddress) -> None:
    special = (
        ip.is_private, ip.is_loopback, ip.is_link_local, ip.is_multicast, ip.is_reserved,
        ip.is_unspecified, not ip.is_global,
    )  # fmt: skip
    embeds = isinstance(ip, IPv6Address) and bool(
        ip.ipv4_mapped or ip.sixtofour or ip.teredo or ip.is_site_local
    )
    assert not (is_public(ip) and (embeds or any(special)))


@given(st.ip_addresses(v=4).map(int), st.sampled_from(["::ffff:0:0", "::", "64:ff9b::"]))
def test_s16_an_ipv4_address_inside_ipv6_is_never_public(ipv4: int, prefix: str) -> None:
    assert not is_public(IPv6Address(int(IPv6Address(prefix)) + ipv4))


@given(st.text(max_size=60))
def test_any_text_is_refused_or_accepted_and_raises_nothing_else(text: str) -> None:
    for url in (text, f"https://{text}", f"https://hooks.partner.example/{text}"):
        is_accepted(url, allow_insecure=True, allow_loopback=True)


@given(st.from_regex(r"[0-9a-fx.:\[\]%]{1,30}", fullmatch=True))
def test_s16_whatever_number_is_accepted_is_a_public_address(host: str) -> None:
    try:
        checked = check_url(f"https://{host}/")
    except ForbiddenAddress:
        return
    if checked.address is not None:
        assert is_public(checked.address)
    else:
        with pytest.raises(OSError, match="illegal IP address"):
            socket.inet_aton(checked.host)  # the laxest reader of numbers takes it for a name


def test_s16_one_bad_address_among_good_ones_refuses_the_name() -> None:
    good, bad = ip_address("93.184.216.34"), ip_address("10.0.0.7")
    check_addresses([good])
    with pytest.raises(ForbiddenAddress, match="private") as caught:
        check_addresses([good, bad])
    assert "10.0.0.7" not in caught.value.reason, "the partner learns nothing about our network"


def test_loopback_is_allowed_only_where_it_was_opened() -> None:
    loopback = [ip_address("127.0.0.1"), ip_address("::1")]
    check_addresses(loopback, allow_loopback=True)
    with pytest.raises(ForbiddenAddress, match="loopback"):
        check_addresses(loopback)
    with pytest.raises(ForbiddenAddress, match="IPv4-mapped"):
        check_addresses([ip_address("::ffff:127.0.0.1")], allow_loopback=True)
