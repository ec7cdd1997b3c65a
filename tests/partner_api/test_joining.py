"""ON-1, ON-2: a partner applies, proves, attaches, waits, and goes live once a person says so."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from core.audit.models import audit_entries
from core.audit.service import CLI
from core.doctor.service import examine
from core.joining import review
from core.joining.models import applications, counters
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database, metadata
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings
from core.partners import keys
from partner_api.app import PartnerApp, create_app
from tests.partner_api.joining import PDF, apply, by, company, contact, form, path, state_of, upload
from tests.partner_api.scenes import client_of


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def somebody(app: PartnerApp) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without a key."""
    async with client_of(app) as client:
        yield client


async def mail_of(db: Database, vault: Vault, application_id: str, subject: str) -> str:
    """Return the text of a mail that waits."""
    async with db.transaction() as tx:
        mails = await review.unsent_mails(tx, vault, CLI, application_id)
    (text,) = [mail["text"] for mail in mails if subject in mail["subject"]]
    return str(text)


async def email_token(db: Database, vault: Vault, made: dict[str, Any]) -> str:
    text = await mail_of(db, vault, made["id"], "confirm")
    found = re.search(rf"/join/{made['id']}/([\w-]+)", text)
    assert found
    return found[1]


async def approve(db: Database, vault: Vault, made: dict[str, Any]) -> None:
    async with db.transaction() as tx:
        await review.approve(tx, vault, CLI, made["id"], unproven=True)


async def test_an_application_gives_a_test_key_that_works_at_once(
    app: PartnerApp, somebody: httpx2.AsyncClient
) -> None:
    made = await apply(somebody)
    assert (made["status"], made["status_token"][:7]) == ("submitted", "vg_app_")
    assert made["company"]["registration_number"] == "DE136695976"
    assert made["contact"]["phone"] == "+49301234567"
    async with client_of(app, made["test_key"]["secret"]) as client:
        partner = (await client.get("/v1/partner")).json()
    assert (partner["id"], partner["livemode"]) == (made["partner_id"], False)
    shown = await state_of(somebody, made)
    assert "status_token" not in shown
    assert "test_key" not in shown


async def test_nothing_but_the_status_token_shows_an_application(
    somebody: httpx2.AsyncClient, app: PartnerApp
) -> None:
    made = await apply(somebody)
    other = await apply(somebody, contact=contact(email="bo@example.org"))
    wrong = [
        {},
        by(other),
        {"Authorization": f"Bearer {made['test_key']['secret']}"},
        {"Authorization": f"Bearer {made['status_token']}x"},
        {"Authorization": f"Basic {made['status_token']}"},
    ]
    for headers in wrong:
        answer = await somebody.get(path(made), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


async def test_every_mistake_of_a_form_is_named_at_once(somebody: httpx2.AsyncClient) -> None:
    body = form(
        company=company(registration_number="DE136695977", website="nowhere"),
        contact={"name": "!!", "email": "a@b@localhost", "phone": "0301234567"},
    )
    answer = await somebody.post("/v1/partner_applications", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert [error["pointer"] for error in answer.json()["errors"]] == [
        "/company/website",
        "/company/registration_number",
        "/contact/name",
        "/contact/email",
        "/contact/phone",
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (form(terms_version="0"), "invalid_parameter"),
        (form(extra=1), "unknown_field"),
        (form(status="approved"), "unknown_field"),
        (form(partner_id="prt_1"), "unknown_field"),
        (form(company=company(country="XX")), "invalid_parameter"),
        (form(company=company(country="de")), "invalid_parameter"),
        (form(company=company(registration_kind="free")), "unknown_field"),
        (form(webhook_url="https://10.0.0.1/hook"), "webhook_url_forbidden"),
        (form(webhook_url=7), "invalid_parameter"),
        ({}, "invalid_parameter"),
    ],
)
async def test_a_wrong_form_leaves_nothing_behind(
    somebody: httpx2.AsyncClient, db: Database, body: dict[str, Any], code: str
) -> None:
    answer = await somebody.post("/v1/partner_applications", json=body)
    assert answer.json()["code"] == code, answer.text
    async with db.transaction() as tx:
        assert await tx.all(select(applications)) == []
        assert await tx.all(select(counters)) == []


async def test_an_email_address_is_proven_by_the_token_of_the_mail_once(
    somebody: httpx2.AsyncClient, db: Database, vault: Vault
) -> None:
    made = await apply(somebody)
    token = await email_token(db, vault, made)
    wrong = await somebody.post(path(made, "/prove_email"), json={"token": "x" * 43})
    assert wrong.status_code == 401
    proven = await somebody.post(path(made, "/prove_email"), json={"token": token})
    assert proven.status_code == 200
    assert (await state_of(somebody, made))["email_proven_at"] == proven.json()["email_proven_at"]
    again = await somebody.post(path(made, "/prove_email"), json={"token": token})
    assert again.status_code == 401


async def test_looking_at_the_link_of_the_mail_proves_nothing_but_its_button_does(
    somebody: httpx2.AsyncClient, db: Database, vault: Vault
) -> None:
    made = await apply(somebody)
    link = f"/join/{made['id']}/{await email_token(db, vault, made)}"
    looked = await somebody.get(link)
    assert "<form" in looked.text
    assert (await state_of(somebody, made))["email_proven_at"] is None
    pressed = await somebody.post(link, headers={"Content-Type": "text/plain"})
    assert "Thank you" in pressed.text
    assert (await state_of(somebody, made))["email_proven_at"] is not None
    assert (await somebody.post(link)).status_code == 401


async def test_a_token_of_a_mail_ends_after_seven_days_and_with_the_next_mail(
    somebody: httpx2.AsyncClient, db: Database, vault: Vault, clock: ShiftedClock
) -> None:
    made = await apply(somebody)
    first = await email_token(db, vault, made)
    sent = await somebody.post(path(made, "/send_email_proof"), headers=by(made))
    assert sent.status_code == 202
    second = await email_token(db, vault, made)
    assert second != first
    old = await somebody.post(path(made, "/prove_email"), json={"token": first})
    assert old.status_code == 401
    clock.advance(7 * 86_400)
    late = await somebody.post(path(made, "/prove_email"), json={"token": second})
    assert late.status_code == 401


async def test_mails_to_one_address_are_few_a_day(
    somebody: httpx2.AsyncClient, clock: ShiftedClock
) -> None:
    made = await apply(somebody)
    for _ in range(5):
        again = await somebody.post(path(made, "/send_email_proof"), headers=by(made))
        assert again.status_code == 202
    refused = await somebody.post(path(made, "/send_email_proof"), headers=by(made))
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")
    clock.advance(86_400)
    again = await somebody.post(path(made, "/send_email_proof"), headers=by(made))
    assert again.status_code == 202


async def test_applications_are_few_a_day_for_an_address_and_for_an_email(
    app: PartnerApp, somebody: httpx2.AsyncClient
) -> None:
    for _ in range(3):
        await apply(somebody)
    body = form(contact=contact(email="ANA@Example.com"))
    same_email = await somebody.post("/v1/partner_applications", json=body)
    assert (same_email.status_code, same_email.json()["code"]) == (429, "rate_limited")
    for number in range(7):
        await apply(somebody, contact=contact(email=f"ana{number}@example.com"))
    body = form(contact=contact(email="eve@example.com"))
    assert (await somebody.post("/v1/partner_applications", json=body)).status_code == 429
    async with client_of(app, address="203.0.113.9") as elsewhere:
        await apply(elsewhere, contact=contact(email="eve@example.com"))


async def test_limits_and_keys_hold_when_all_come_at_once(
    somebody: httpx2.AsyncClient, db: Database, vault: Vault
) -> None:
    posts = [somebody.post("/v1/partner_applications", json=form()) for _ in range(8)]
    answers = await asyncio.gather(*posts)
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [429] * 5
    made = next(answer.json() for answer in answers if answer.status_code == 201)
    await approve(db, vault, made)
    claims = [somebody.post(path(made, "/live_key"), headers=by(made)) for _ in range(5)]
    assert sorted(claim.status_code for claim in await asyncio.gather(*claims)) == [201] + [409] * 4


async def test_of_two_operators_one_decides(
    somebody: httpx2.AsyncClient, db: Database, vault: Vault
) -> None:
    made = await apply(somebody)

    async def reject() -> None:
        async with db.transaction() as tx:
            await review.reject(tx, vault, CLI, made["id"], reasons=["No."])

    results = await asyncio.gather(
        approve(db, vault, made), reject(), approve(db, vault, made), return_exceptions=True
    )
    assert [result for result in results if result is None] == [None]
    assert len([result for result in results if isinstance(result, PlatformError)]) == 2
    async with db.transaction() as tx:
        assert await examine(tx) == []


async def test_requests_without_a_key_are_held_back_by_address_before_anything_is_read(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    config = settings.model_copy(update={"applicant_requests_per_minute": 3})
    app = create_app(db, config, vault, clock)
    async with client_of(app, address="2001:db8::1") as one, client_of(app) as other:
        for _ in range(3):
            assert (await one.get("/v1/terms")).status_code == 200
        assert (await one.get("/v1/terms")).status_code == 429
        assert (await other.get("/v1/terms")).status_code == 200
        async with client_of(app, address="2001:db8::ffff:1") as neighbour:
            assert (await neighbour.get("/v1/terms")).status_code == 429
        clock.advance(21)
        assert (await one.get("/v1/terms")).status_code == 200


async def test_no_application_is_taken_where_none_is_wanted(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> None:
    app = create_app(db, settings.model_copy(update={"applications_per_day": 0}), vault, clock)
    async with client_of(app) as client:
        answer = await client.post("/v1/partner_applications", json=form())
    assert (answer.status_code, answer.json()["code"]) == (501, "not_implemented")


async def test_an_application_is_changed_only_when_more_was_asked_for(
    somebody: httpx2.AsyncClient, db: Database, vault: Vault
) -> None:
    made = await apply(somebody)
    early = await somebody.patch(path(made), headers=by(made), json={"purpose": "x"})
    assert (early.status_code, early.json()["code"]) == (409, "conflict")
    async with db.transaction() as tx:
        await review.ask(tx, vault, CLI, made["id"], message="Who signs?", fields=["/contact"])
    asked = await state_of(somebody, made)
    assert (asked["status"], asked["requested"]["message"]) == ("more_requested", "Who signs?")
    body = {"contact": contact(name="Bo Example"), "purpose": None}
    changed = await somebody.patch(path(made), headers=by(made), json=body)
    assert changed.status_code == 200, changed.text
    assert changed.json()["status"] == "submitted"
    assert changed.json()["contact"]["name"] == "Bo Example"
    assert changed.json()["company"] == made["company"]
    late = await somebody.patch(path(made), headers=by(made), json={})
    assert late.status_code == 409


async def test_a_new_email_address_is_to_be_proven_anew(
    somebody: httpx2.AsyncClient, db: Database, vault: Vault
) -> None:
    made = await apply(somebody)
    token = await email_token(db, vault, made)
    await somebody.post(path(made, "/prove_email"), json={"token": token})
    async with db.transaction() as tx:
        await review.ask(tx, vault, CLI, made["id"], message="Your own domain, please.")
    body = {"contact": contact(email="ana@example.org")}
    changed = await somebody.patch(path(made), headers=by(made), json=body)
    assert changed.json()["email_proven_at"] is None
    token = await email_token(db, vault, made)
    proven = await somebody.post(path(made, "/prove_email"), json={"token": token})
    assert proven.status_code == 200


async def test_live_keys_wait_for_a_person_and_the_first_is_claimed_once(
    app: PartnerApp, somebody: httpx2.AsyncClient, db: Database, vault: Vault
) -> None:
    made = await apply(somebody)
    assert (await somebody.post(path(made, "/live_key"), headers=by(made))).status_code == 409
    async with db.transaction() as tx:
        with pytest.raises(PlatformError, match="conflict"):
            await keys.create_key(
                tx,
                vault,
                CLI,
                partner_id=made["partner_id"],
                livemode=True,
                name="too early",
                scopes=["stations:read"],
            )
    await approve(db, vault, made)
    assert (await state_of(somebody, made))["live_key_available"] is True
    claimed = await somebody.post(path(made, "/live_key"), headers=by(made))
    assert claimed.status_code == 201
    assert (await somebody.post(path(made, "/live_key"), headers=by(made))).status_code == 409
    async with client_of(app, claimed.json()["secret"]) as client:
        assert (await client.get("/v1/partner")).json()["livemode"] is True
        more = await client.post("/v1/api_keys", json={"name": "x", "scopes": ["stations:read"]})
        assert more.status_code == 201
    assert (await state_of(somebody, made))["live_key_available"] is False


async def test_a_rejection_ends_the_test_keys_and_says_why(
    app: PartnerApp, somebody: httpx2.AsyncClient, db: Database, vault: Vault
) -> None:
    made = await apply(somebody)
    async with db.transaction() as tx:
        await review.reject(tx, vault, CLI, made["id"], reasons=["Dissolved in 2024."])
    state = await state_of(somebody, made)
    assert (state["status"], state["reasons"]) == ("rejected", ["Dissolved in 2024."])
    async with client_of(app, made["test_key"]["secret"]) as client:
        assert (await client.get("/v1/partner")).status_code == 401
    for call in (
        somebody.post(path(made, "/live_key"), headers=by(made)),
        somebody.patch(path(made), headers=by(made), json={}),
        upload(somebody, made, PDF),
    ):
        assert (await call).status_code == 409


async def test_every_step_is_in_the_audit_trail_and_no_secret_is_stored(
    somebody: httpx2.AsyncClient, db: Database, vault: Vault
) -> None:
    made = await apply(somebody)
    token = await email_token(db, vault, made)
    await somebody.post(path(made, "/prove_email"), json={"token": token})
    await upload(somebody, made, PDF)
    await approve(db, vault, made)
    claimed = await somebody.post(path(made, "/live_key"), headers=by(made))
    async with db.transaction() as tx:
        entries = await tx.all(select(audit_entries).order_by(audit_entries.c.number))
    about = [entry.action for entry in entries if entry.object_id == made["id"]]
    assert about == [
        "application.submitted",
        "application.mails_shown",
        "application.email_proven",
        "application.document_added",
        "application.approved",
        "application.live_key_claimed",
    ]
    text = ""
    async with db.transaction() as tx:
        for table in metadata.sorted_tables:
            text += repr([tuple(row) for row in await tx.all(select(table))])
    secrets = [made["status_token"], made["test_key"]["secret"], claimed.json()["secret"], token]
    assert [secret for secret in secrets if secret[-43:] in text] == []
