"""Signing keys: bodies and answers."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from core.partners import public_keys
from core.partners.signing_models import Algorithm
from partner_api.fields import In, ObjectId, Out, Whole

PublicKey = Annotated[
    Annotated[str, Field(min_length=1, max_length=public_keys.MAX_CHARS)] | dict[str, Any],
    Field(
        description="Of `ed25519`: PEM, a JWK, or base64 of the 32 bytes. Never the private key.",
        examples=["MCowBQYDK2VwAyEA...", {"kty": "OKP", "crv": "Ed25519", "x": "..."}],
    ),
]


class CreateSigningKey(In):
    api_key_id: ObjectId
    algorithm: Annotated[
        Algorithm,
        Field(strict=False, description="With `hmac-sha256` we make the secret."),
    ]
    public_key: PublicKey | None = None


class RotateSigningKey(In):
    overlap_hours: Annotated[
        Whole,
        Field(
            description="How long the old one works too; 0: not at all.",
            json_schema_extra={"minimum": 0, "maximum": 168},
        ),
    ] = 24
    public_key: PublicKey | None = None


class SigningKey(Out):
    """What requests are signed with, beside an API key."""

    id: Annotated[
        str,
        Field(description="`keyid` of the signature.", examples=["sgk_01jd7zk3v5q8m2n4r6t8w0y2a4"]),
    ]
    object: Literal["signing_key"]
    livemode: bool
    api_key_id: Annotated[
        str, Field(description="It was made for; keys that this one is rotated into have it, too.")
    ]
    algorithm: Algorithm
    public_key: Annotated[str | None, Field(description="Of `ed25519`: base64 of its 32 bytes.")]
    expires_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    last_used_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class SigningKeyWithSecret(SigningKey):
    secret: Annotated[
        str | None,
        Field(
            description="Of `hmac-sha256`; nobody can read it again. The key is what its base64 "
            "after `sgsec_` stands for.",
            examples=["sgsec_..."],
        ),
    ]
