"""Applications: bodies and answers."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from core.joining.states import ApplicationStatus, DocumentKind
from partner_api.fields import In, Out
from partner_api.partner.schemas import ApiKeyWithSecret

Line = Annotated[str, Field(min_length=1, max_length=200)]
Website = Annotated[str, Field(min_length=4, max_length=2048, examples=["https://example.com"])]
Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2048,
        description="Where your webhooks shall go; it is sent a challenge.",
        examples=["https://example.com/voltgate"],
    ),
]
Purpose = Annotated[str, Field(max_length=2000, description="What you want to do with it.")]


class PostalAddress(In):
    line1: Line
    line2: Line | None = None
    postal_code: Annotated[str, Field(min_length=1, max_length=20)] | None = None
    city: Annotated[str, Field(min_length=1, max_length=100)]


class CompanyIn(In):
    legal_name: Annotated[str, Field(min_length=2, max_length=200, examples=["Example GmbH"])]
    country: Annotated[
        str, Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2.", examples=["DE"])
    ]
    registration_number: Annotated[
        str,
        Field(
            min_length=3,
            max_length=64,
            description="China: the unified social credit code. EU: the VAT identification number. "
            "Elsewhere: the number in your company register.",
            examples=["DE136695976"],
        ),
    ]
    address: PostalAddress
    website: Website | None = None


class ContactIn(In):
    name: Annotated[str, Field(min_length=2, max_length=100, examples=["Ana Example"])]
    email: Annotated[str, Field(min_length=6, max_length=254, examples=["ana@example.com"])]
    phone: Annotated[
        str,
        Field(
            min_length=8,
            max_length=32,
            description="The international form.",
            examples=["+49 30 1234567"],
        ),
    ]


class NewApplication(In):
    company: CompanyIn
    contact: ContactIn
    terms_version: Annotated[
        str,
        Field(min_length=1, max_length=32, description="You accept it; see `GET /v1/terms`."),
    ]
    purpose: Purpose | None = None
    webhook_url: Url | None = None


def _not_given() -> Any:
    return None


class ChangeApplication(In):
    """What is not named stays as it is; a section is replaced as a whole."""

    company: CompanyIn = Field(default_factory=_not_given)
    contact: ContactIn = Field(default_factory=_not_given)
    purpose: Purpose | None = None
    webhook_url: Url | None = None


class ProveEmail(In):
    token: Annotated[str, Field(min_length=1, max_length=100, description="As the mail tells it.")]


class Company(Out):
    legal_name: str
    country: str
    registration_kind: Annotated[str, Field(description="`uscc`, `eu_vat` or `free`.")]
    registration_number: str
    address: dict[str, str | None]
    website: str | None


class Contact(Out):
    name: str
    email: str
    phone: str


class Document(Out):
    id: Annotated[str, Field(examples=["doc_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["application_document"]
    kind: DocumentKind
    name: str
    media_type: Annotated[str, Field(description="What it really is, whatever was announced.")]
    size_bytes: int
    sha256: str
    created_at: AwareDatetime
    deleted_at: AwareDatetime | None


class Requested(Out):
    """What an operator asks for."""

    message: str
    fields: Annotated[list[str], Field(description="JSON pointers of what to change.")]
    at: AwareDatetime


class Application(Out):
    """An application as its applicant sees it."""

    id: Annotated[str, Field(examples=["app_01jd7zk3v5q8m2n4r6t8w0y2a4"])]
    object: Literal["partner_application"]
    status: ApplicationStatus
    partner_id: Annotated[str, Field(description="Your partner, in test mode from the first day.")]
    company: Company
    contact: Contact
    purpose: str | None
    webhook_url: str | None
    email_proven_at: AwareDatetime | None
    webhook_proven_at: AwareDatetime | None
    documents: list[Document]
    requested: Annotated[
        Requested | None, Field(description="`more_requested`: answer it with PATCH.")
    ]
    reasons: Annotated[list[str] | None, Field(description="Why it was rejected.")]
    live_key_available: Annotated[
        bool, Field(description="Approved, and the first live key is not claimed yet.")
    ]
    terms_version: str
    created_at: AwareDatetime
    updated_at: AwareDatetime


class SubmittedApplication(Application):
    status_token: Annotated[
        str,
        Field(description="Shown once: who has it sees this application.", examples=["vg_app_..."]),
    ]
    test_key: Annotated[ApiKeyWithSecret, Field(description="Works at once; shown once.")]


class EmailProof(Out):
    object: Literal["email_proof"]
    email_proven_at: AwareDatetime


class Terms(Out):
    object: Literal["terms"]
    version: str
    url: Annotated[str | None, Field(description="Where to read them.")]
