"""RFC 9421 and RFC 9530, by their own examples and against every change of a request."""

import base64
import hashlib
import hmac
from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from core.kernel.errors import PlatformError
from partner_api.security.message_signatures import (
    Message,
    address_of,
    base,
    check_digest,
    read,
    require_covered,
)

BODY = b'{"hello": "world"}'
DIGEST = (
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJw"
    "ew==:"
)
REQUEST = Message(
    method="POST",
    scheme="http",
    authority="example.com",
    path="/foo",
    query="param=Value&Pet=dog",
    fields={
        "host": ["example.com"],
        "date": ["Tue, 20 Apr 2021 02:07:55 GMT"],
        "content-type": ["application/json"],
        "content-digest": [DIGEST],
        "content-length": ["18"],
    },
    body=BODY,
)
"""``test-request`` of RFC 9421 B.2."""
SHARED_SECRET = base64.b64decode(
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)
ED25519 = b"""\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
"""
B25 = {
    "signature-input": [
        'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
    ],
    "signature": ["sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:"],
}
B26 = {
    "signature-input": [
        (
            'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
            ';created=1618884473;keyid="test-key-ed25519"'
        )
    ],
    "signature": [
        (
            "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WP"
            "pBKRCw==:"
        )
    ],
}


def verifies_b26(message: Message) -> bool:
    (signature,) = read(B26)
    key = load_pem_public_key(ED25519)
    assert isinstance(key, Ed25519PublicKey)
    try:
        key.verify(signature.value, base(message, signature).encode())
    except (InvalidSignature, PlatformError):
        return False
    return True


def test_rfc9421_b25_hmac_sha256() -> None:
    (signature,) = read(B25)
    content = base(REQUEST, signature)
    assert content == (
        '"date": Tue, 20 Apr 2021 02:07:55 GMT\n'
        '"@authority": example.com\n'
        '"content-type": application/json\n'
        '"@signature-params": ("date" "@authority" "content-type");created=1618884473'
        ';keyid="test-shared-secret"'
    )
    assert hmac.digest(SHARED_SECRET, content.encode(), hashlib.sha256) == signature.value


def test_rfc9421_b26_ed25519() -> None:
    assert verifies_b26(REQUEST)
    assert not verifies_b26(replace(REQUEST, method="PUT"))
    assert not verifies_b26(replace(REQUEST, path="/bar"))
    assert not verifies_b26(replace(REQUEST, authority="example.org"))
    for name in ("date", "content-type", "content-length"):
        for lines in ([], ["x"], [*REQUEST.fields[name], "x"]):
            fields = {**REQUEST.fields, name: lines}
            assert not verifies_b26(replace(REQUEST, fields=fields)), (name, lines)
    assert verifies_b26(replace(REQUEST, query="", scheme="https")), "not covered there"


def test_rfc9421_b26_by_an_independent_library() -> None:
    """The signature base equals the one that another implementation makes of the same request."""
    from http_message_signatures import HTTPMessageSigner, algorithms  # noqa: PLC0415

    class Sent:
        method = "POST"
        url = "http://example.com/foo?param=Value&Pet=dog"
        headers = {name: lines[0] for name, lines in REQUEST.fields.items()}  # noqa: RUF012

    class Keys:
        def resolve_private_key(self, key_id: str) -> bytes:
            return SHARED_SECRET

        def resolve_public_key(self, key_id: str) -> bytes:
            return SHARED_SECRET

    sent = Sent()
    HTTPMessageSigner(
        signature_algorithm=algorithms.HMAC_SHA256,
        key_resolver=Keys(),  # type: ignore[arg-type]
    ).sign(
        sent,
        key_id="k",
        nonce="n-1234567",
        tag="voltgate",
        use_existing_digest=True,
        covered_component_ids=(
            "@method",
            "@target-uri",
            "@authority",
            "@scheme",
            "@request-target",
            "@path",
            "@query",
            "content-digest",
            "date",
        ),
    )
    fields = {name.lower(): [value] for name, value in sent.headers.items()}
    (signature,) = read(fields)
    content = base(replace(REQUEST, fields=fields), signature)
    assert hmac.digest(SHARED_SECRET, content.encode(), hashlib.sha256) == signature.value


def test_rfc9530_digests() -> None:
    check_digest(REQUEST)
    sha256 = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
    check_digest(replace(REQUEST, fields={"content-digest": [sha256]}))
    both = {"content-digest": [sha256, *REQUEST.fields["content-digest"], "md5=:AAAA:"]}
    check_digest(replace(REQUEST, fields=both))
    for lines in (
        [],
        [""],
        ["md5=:AAAA:"],
        ["sha-256=X48E"],
        ["sha-256=:AAAA:"],
        ["sha-256"],
        ["sha-256=(1)"],
        [sha256, "sha-512=:AAAA:"],
        ["sha-256=:AAAA:", sha256],
    ):
        with pytest.raises(PlatformError, match="Content-Digest"):
            check_digest(replace(REQUEST, fields={"content-digest": lines}))
    with pytest.raises(PlatformError, match="Content-Digest is not of the body"):
        check_digest(replace(REQUEST, body=BODY + b"\n"))


@pytest.mark.parametrize(
    ("covered", "missing"),
    [
        ('"@method" "@target-uri" "content-digest"', []),
        ('"@method" "@authority" "@path" "@query" "content-digest"', []),
        ('"@method" "@authority" "@path" "content-digest"', ["@query"]),
        ('"@method" "@path" "@query"', ["@authority", "content-digest"]),
        ('"@method" "@request-target" "content-digest"', ["@target-uri"]),
        ('"@target-uri" "content-digest"', ["@method"]),
        ("", ["@method", "@target-uri", "content-digest"]),
    ],
)
def test_what_must_be_covered(covered: str, missing: list[str]) -> None:
    fields = {"signature-input": [f"a=({covered})"], "signature": ["a=:AAAA:"]}
    (signature,) = read(fields)
    if not missing:
        require_covered(REQUEST, signature)
        with_key = {**REQUEST.fields, "idempotency-key": ["r-1"]}
        missing, message = ["idempotency-key"], replace(REQUEST, fields=with_key)
    else:
        message = REQUEST
    with pytest.raises(PlatformError) as caught:
        require_covered(message, signature)
    assert caught.value.facts == {"missing_components": missing}
    require_covered(replace(REQUEST, body=b"", query=""), read(BARE)[0])


BARE = {"signature-input": ['a=("@method" "@authority" "@path")'], "signature": ["a=:AAAA:"]}


def test_signatures_are_read_in_their_order_and_spelt_anew() -> None:
    first, second = read(
        {
            "signature-input": ['a=(  "@method"   "date" );nonce="x";created=1', "b=()"],
            "signature": ["b=:AAAA:, a=:AQID:"],
        }
    )
    assert (first.label, first.components, first.value) == (
        "a",
        ("@method", "date"),
        b"\x01\x02\x03",
    )
    assert first.input == '("@method" "date");nonce="x";created=1'
    assert (second.label, second.components, second.input) == ("b", (), "()")


def test_what_others_sign_is_not_looked_at() -> None:
    """A gateway may use what we do not support."""
    fields = {
        "signature-input": ['gw=("@status";req "x";sf);keyid="g", a=("@method");tag="voltgate"'],
        "signature": ["a=:AAAA:, gw=:AAAA:"],
    }
    (found,) = read(fields, wanted=lambda parameters: parameters.get("tag") == "voltgate")
    assert found.label == "a"
    assert read(fields, wanted=lambda parameters: False) == []


@pytest.mark.parametrize(
    ("signature_input", "signature"),
    [
        ("", ""),
        ("a", "a=:AAAA:"),
        ("a=1", "a=:AAAA:"),
        ('a="@method"', "a=:AAAA:"),
        ("a=(@method)", "a=:AAAA:"),
        ("a=(method)", "a=:AAAA:"),
        ("a=(1)", "a=:AAAA:"),
        ('a=("@method" "@method")', "a=:AAAA:"),
        ('a=("@method";req)', "a=:AAAA:"),
        ('a=("date";sf)', "a=:AAAA:"),
        ('a=("@method"', "a=:AAAA:"),
        ('a=("@method");created=1;created=2', "a=:AAAA:"),
        ('a=("@method"), a=("@path")', "a=:AAAA:"),
        ('a=("@method")', "b=:AAAA:"),
        ('a=("@method")', 'a="AAAA"'),
        ('a=("@method")', "a=AAAA"),
        ('a=("@method")', "a=:A*A:"),
        ('a=("@method")', "a=(:AAAA:)"),
        ('a=("@method")', ""),
        ("a=(" + " ".join(f'"x{n}"' for n in range(51)) + ")", "a=:AAAA:"),
        ('a=("' + "x" * 9000 + '")', "a=:AAAA:"),
    ],
)
def test_what_is_no_signature_is_refused(signature_input: str, signature: str) -> None:
    with pytest.raises(PlatformError, match="invalid_signature"):
        read({"signature-input": [signature_input], "signature": [signature]})


@pytest.mark.parametrize(
    "name",
    ["@status", "@query-param", "@signature-params", "x-none", "Date", "signature", "@x", ""],
)
def test_what_cannot_be_covered_is_named(name: str) -> None:
    fields = {"signature-input": [f'a=("{name}")'], "signature": ["a=:AAAA:"]}
    (signature,) = read(fields)
    with pytest.raises(PlatformError) as caught:
        base(replace(REQUEST, fields={**REQUEST.fields, **fields}), signature)
    assert caught.value.facts == {"component": name}


GARBAGE = st.text(st.characters(max_codepoint=255), max_size=60) | st.from_regex(
    r'a=\(("[@a-z]{0,9}"(;[a-z]{1,3}(="?[0-9a-z]{1,3}"?)?)? ?){0,3}\)(;[a-z]{1,7}=.{0,6}){0,3}'
)


@given(signature_input=GARBAGE, signature=GARBAGE | st.just("a=:AAAA:"))
def test_garbage_is_refused_and_never_a_bug(signature_input: str, signature: str) -> None:
    fields = {"signature-input": [signature_input], "signature": [signature]}
    with suppress(PlatformError):
        for found in read(fields):
            found.text("keyid")
            found.instant("created")
            base(REQUEST, found)


@given(
    method=st.sampled_from(["GET", "POST", "PATCH"]),
    path=st.text("/abc%20", max_size=8).map("/v1/".__add__),
    query=st.text("abc=&%?", max_size=8),
    body=st.binary(max_size=8),
    authority=st.sampled_from(["a.test", "b.test:8080"]),
    scheme=st.sampled_from(["http", "https"]),
    other=st.data(),
)
def test_two_requests_have_one_base_only_if_they_are_alike(
    method: str,
    path: str,
    query: str,
    body: bytes,
    authority: str,
    scheme: str,
    other: st.DataObject,
) -> None:
    """Whatever part of a request is changed, the base changes, or the digest does not hold."""

    def of(message: Message) -> str:
        found = base64.b64encode(hashlib.sha256(message.body).digest()).decode()
        fields = {"content-digest": [f"sha-256=:{found}:"]}
        (signature,) = read(
            {
                "signature-input": ['a=("@method" "@target-uri" "content-digest")'],
                "signature": ["a=:AAAA:"],
            }
        )
        whole = replace(message, fields=fields)
        require_covered(whole, signature)
        check_digest(whole)
        return base(whole, signature)

    message = replace(
        REQUEST,
        method=method,
        path=path,
        query=query,
        body=body,
        authority=authority,
        scheme=scheme,
    )
    name = other.draw(st.sampled_from(["method", "path", "query", "body", "authority", "scheme"]))
    before = getattr(message, name)
    changed = replace(message, **{name: before + type(before)(b"1" if name == "body" else "1")})
    assert of(changed) != of(message)


def test_the_address_is_that_of_the_settings_without_default_ports() -> None:
    assert address_of("https://API.example.com") == ("https", "api.example.com", "")
    assert address_of("https://api.example.com:443/") == ("https", "api.example.com", "")
    assert address_of("http://api.example.com:80") == ("http", "api.example.com", "")
    assert address_of("https://example.com:8443/volt/") == ("https", "example.com:8443", "/volt")
    assert address_of("http://[::1]:8080") == ("http", "[::1]:8080", "")
