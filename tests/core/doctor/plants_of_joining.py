"""What breaks the rules of applications, to be planted."""

from typing import Final

APPLICATION = """
    INSERT INTO partner_applications (id, status, partner_id, legal_name, country,
        registration_kind, registration_number, place, contact_name, email, phone, terms_version,
        token_hash, created_at, updated_at)
    VALUES ('app', '{status}', 'prt', 'P', 'DE', 'eu_vat', 'DE1', '{{}}', 'A', 'a@b.example', '+1',
        '1', '{token}', :long_ago, :long_ago)
"""
ERRAND = """
    INSERT INTO application_errands (id, application_id, kind, subject, status, attempts, due_at,
        sealed, created_at, updated_at)
    VALUES ('err', 'app', '{kind}', 'x', 'due', 0, :long_ago, '{sealed}', :long_ago, :long_ago)
"""
TEST_ONLY: Final = "UPDATE partners SET test_only = TRUE"
LIVE: Final = "UPDATE partners SET test_only = FALSE"
TEST_KEYS: Final = "UPDATE api_keys SET livemode = FALSE"


def application(status: str = "submitted", *, token: str = "v1$00$00") -> str:
    return APPLICATION.format(status=status, token=token)


def errand(kind: str = "webhook", *, sealed: str = "k0\\:c2VhbGVk") -> str:
    return ERRAND.format(kind=kind, sealed=sealed)


PLANTS_OF_JOINING: Final = (
    ("joining", "has no live key", TEST_ONLY),
    ("joining", "if, and only if", f"{TEST_ONLY}; {application('approved')}"),
    (
        "joining",
        "if, and only if",
        f"{LIVE}; {application('rejected')}",
    ),
    ("joining", "is challenged in time", errand()),
    ("I34", "tokens of applicants", application(token="vg_app_0")),
    ("I34", "tokens of applicants", errand("mail", sealed="plain text")),
)
SOUND_JOINING: Final = (
    f"{TEST_ONLY}; {TEST_KEYS}; {application()}",
    errand("mail"),
)
