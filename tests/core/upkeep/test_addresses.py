import pytest

from core.kernel.errors import PlatformError
from core.upkeep.addresses import check_address


@pytest.mark.parametrize(
    "text",
    [
        "https://files.example.org/a.bin",
        "http://10.0.0.1:8080/a",
        "ftp://host/dir/",
        "ftps://[2001:db8::1]:990/a",
        "sftp://a_b.example/x%20y",
        "HTTPS://Example.org",
    ],
)
def test_an_address_without_secrets_is_stored_as_it_is(text: str) -> None:
    address = check_address(text, name="location")
    assert address.full == text
    assert not address.is_secret or text.startswith("HTTPS")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ftp://joe:s3cret@host/a", "ftp://***@host/a"),
        ("ftp://joe@host/a", "ftp://***@host/a"),
        ("ftp://@host/a", "ftp://***@host/a"),
        ("ftp://a@b@host/a", "ftp://***@host/a"),
        ("https://host/a?sig=s3cret", "https://host/a?***"),
    ],
)
def test_credentials_and_queries_are_secret(text: str, shown: str) -> None:
    address = check_address(text, name="location")
    assert (address.full, address.shown, address.is_secret) == (text, shown, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "files.example.org/a",
        "//host/a",
        "file:///etc/passwd",
        "gopher://host/",
        "javascript:alert(1)",
        "data:,x",
        "https:host/a",
        "https:/host/a",
        "https://",
        "https:///a",
        "https://:443/a",
        "https://user:pw@/a",
        "https://host:0/a",
        "https://host:99999/a",
        "https://host:x/a",
        "https://ho st/a",
        "https://host/a b",
        "https://host/\n",
        "https://host/\x00",
        "https://h\u00f6st/",
        "https://host\\@evil/",
        "https://host/a#b",
        "https://[::1/a",
        "https://-/<script>",
        "https://host/" + "a" * 500,
    ],
)
def test_what_no_charger_could_fetch_is_refused(text: str) -> None:
    with pytest.raises(PlatformError, match="location") as refused:
        check_address(text, name="location")
    assert refused.value.code == "invalid_parameter"
