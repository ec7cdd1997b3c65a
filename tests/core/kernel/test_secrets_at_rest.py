"""Settings that refuse weak secrets, hashes that are only compared, a key ring that rotates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from core.kernel.crypto import KeyRing, SecretHasher, Undecryptable, Vault
from core.kernel.settings import DEVELOPMENT_SECRET, Environment, FixedSettings, Settings

STRONG = SecretStr("s" * 48)


def test_settings_need_no_configuration() -> None:
    assert FixedSettings().database_url.startswith("sqlite")


@pytest.mark.parametrize(
    "weak",
    [
        {"secret_key": SecretStr(DEVELOPMENT_SECRET)},
        {"secret_key": SecretStr("short")},
        {"secret_key": STRONG, "encryption_keys": (SecretStr("k1:short"),)},
        {"secret_key": STRONG, "webhook_allow_insecure": True},
    ],
)
def test_s21_production_refuses_what_is_weak(weak: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refused:
        FixedSettings(environment=Environment.PRODUCTION, **weak)  # type: ignore[arg-type]

    assert "production" in str(refused.value)
    assert "short" not in str(refused.value).replace("shorter", "")


def test_production_takes_strong_secrets() -> None:
    settings = FixedSettings(environment=Environment.PRODUCTION, secret_key=STRONG)

    assert settings.environment is Environment.PRODUCTION


def test_lists_come_from_the_environment_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOLTGATE_TRUSTED_PROXIES", "10.0.0.0/8, 192.168.0.0/16")
    monkeypatch.setenv("VOLTGATE_CONFIRM_WITHIN", "PT45S")

    settings = Settings()

    assert settings.trusted_proxies == ("10.0.0.0/8", "192.168.0.0/16")
    assert settings.confirm_within.total_seconds() == 45


@given(secret=st.binary(min_size=1, max_size=64), other=st.binary(min_size=1, max_size=64))
def test_s14_a_hash_matches_its_secret_and_nothing_else(secret: bytes, other: bytes) -> None:
    hasher = SecretHasher(b"pepper")
    stored = hasher.hash(secret)

    assert hasher.matches(secret, stored)
    assert hasher.matches(other, stored) == (other == secret)
    assert not hasher.matches(secret, None)
    assert not SecretHasher(b"another pepper").matches(secret, stored)


@given(text=st.text(max_size=100))
def test_s22_the_ring_gives_back_what_it_got(text: str) -> None:
    ring = KeyRing([("k1", b"one")])

    assert ring.decrypt(ring.encrypt(text, context="row:1"), context="row:1") == text


def test_s22_keys_rotate_without_losing_what_is_stored() -> None:
    stored = KeyRing([("k1", b"one")]).encrypt("secret", context="row:1")

    rotated = KeyRing([("k2", b"two"), ("k1", b"one")])

    assert rotated.decrypt(stored, context="row:1") == "secret"
    assert rotated.needs_rotation(stored)
    assert not rotated.needs_rotation(rotated.encrypt("secret", context="row:1"))


@pytest.mark.parametrize("context", ["row:2", ""])
def test_s22_a_value_opens_only_where_it_belongs(context: str) -> None:
    ring = KeyRing([("k1", b"one")])
    stored = ring.encrypt("secret", context="row:1")

    with pytest.raises(Undecryptable):
        ring.decrypt(stored, context=context)
    with pytest.raises(Undecryptable):
        KeyRing([("k2", b"two")]).decrypt(stored, context="row:1")


def test_a_key_of_the_ring_needs_a_name() -> None:
    with pytest.raises(ValueError, match="id:secret"):
        Vault(FixedSettings(encryption_keys=(SecretStr("nameless"),)))
