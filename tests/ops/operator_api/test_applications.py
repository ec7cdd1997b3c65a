"""ON-2: operators look through applications, ask, note, decide; nobody else does."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.operators.models import Role
from partner_api.app import create_app
from tests.ops.conftest import Login
from tests.ops.operator_api.making import Answer, get, post
from tests.partner_api.joining import PDF, apply, by, company, contact, state_of, upload
from tests.partner_api.joining import path as own_path
from tests.partner_api.scenes import client_of


@pytest.fixture
async def somebody(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the partner API without a key."""
    async with client_of(create_app(db, settings, vault, clock)) as client:
        yield client


@pytest.fixture
async def made(somebody: httpx2.AsyncClient) -> Answer:
    return await apply(somebody)


def path(made: Answer, rest: str = "") -> str:
    return f"/partner_applications/{made['id']}{rest}"


async def test_the_queue_has_those_that_wait(
    operator: httpx2.AsyncClient, somebody: httpx2.AsyncClient, made: Answer
) -> None:
    other = await apply(somebody, contact=contact(email="bo@example.org"))
    await post(operator, path(made, "/approve"), unproven=True)
    waiting = await get(operator, "/partner_applications", status="submitted")
    assert [one["id"] for one in waiting["data"]] == [other["id"]]
    everything = await get(operator, "/partner_applications", limit=1)
    assert everything["has_more"] is True


async def test_an_application_is_shown_with_all_that_is_known(
    operator: httpx2.AsyncClient, somebody: httpx2.AsyncClient, made: Answer
) -> None:
    twin = await apply(somebody, contact=contact(email="bo@example.org"))
    stranger = company(country="CN", registration_number="91110000600037341L")
    await apply(somebody, company=stranger, contact=contact(email="eve@example.org"))
    await post(operator, path(made, "/notes"), text="Called Ana.")
    shown = await get(operator, path(made))
    assert shown["address"] == "127.0.0.1"
    assert [note["text"] for note in shown["notes"]] == ["Called Ana."]
    assert [(one["kind"], one["subject"]) for one in shown["errands"]] == [("mail", "proof")]
    assert [one["id"] for one in shown["alike"]] == [twin["id"]]
    assert "token" not in str(shown)
    assert "Called Ana." not in str(await state_of(somebody, made))


async def test_an_approval_needs_a_proven_address_unless_the_operator_says_otherwise(
    operator: httpx2.AsyncClient, somebody: httpx2.AsyncClient, made: Answer
) -> None:
    refused = await operator.post(f"/operator/v1{path(made, '/approve')}")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    mails = (await get(operator, path(made, "/unsent_mails")))["data"]
    token = mails[0]["text"].partition(f"/join/{made['id']}/")[2].split()[0]
    proven = await somebody.post(own_path(made, "/prove_email"), json={"token": token})
    assert proven.status_code == 200
    approved = await post(operator, path(made, "/approve"))
    assert (approved["status"], approved["decided_by"][:9]) == ("approved", "operator:")
    claimed = await somebody.post(own_path(made, "/live_key"), headers=by(made))
    assert claimed.json()["secret"].startswith("vg_live_")


async def test_a_decision_is_final(operator: httpx2.AsyncClient, made: Answer) -> None:
    await post(operator, path(made, "/reject"), reasons=["No such company."])
    for rest, body in (
        ("/approve", {"unproven": True}),
        ("/reject", {"reasons": ["Again."]}),
        ("/ask", {"message": "Really?"}),
    ):
        answer = await operator.post(f"/operator/v1{path(made, rest)}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict"), rest


async def test_the_applicant_is_asked_and_answers(
    operator: httpx2.AsyncClient, somebody: httpx2.AsyncClient, made: Answer
) -> None:
    asked = await post(operator, path(made, "/ask"), message="Who?", fields=["/contact/name"])
    assert asked["status"] == "more_requested"
    assert asked["requested"]["fields"] == ["/contact/name"]
    again = await operator.post(f"/operator/v1{path(made, '/ask')}", json={"message": "Who?"})
    assert again.status_code == 409
    answered = await somebody.patch(own_path(made), headers=by(made), json={})
    assert answered.json()["status"] == "submitted"
    mails = (await get(operator, path(made, "/unsent_mails")))["data"]
    assert len(mails) == 2


async def test_a_document_is_downloaded_by_support_never_shown_in_place_and_that_is_audited(
    operator: httpx2.AsyncClient, login: Login, somebody: httpx2.AsyncClient, made: Answer
) -> None:
    document = (await upload(somebody, made, PDF, name='Extract "2026".html')).json()
    url = f"/operator/v1{path(made)}/documents/{document['id']}"
    assert (await (await login(Role.VIEWER)).get(url)).status_code == 403
    answer = await (await login(Role.SUPPORT)).get(url)
    assert answer.content == PDF
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    wanted = "attachment; filename*=UTF-8''Extract%202026.pdf"
    assert answer.headers["Content-Disposition"] == wanted
    entries = (await get(operator, "/audit", object_id=made["id"]))["data"]
    assert entries[0]["action"] == "application.document_read"
    other = await apply(somebody, contact=contact(email="bo@example.org"))
    foreign = f"/operator/v1{path(other)}/documents/{document['id']}"
    assert (await operator.get(foreign)).status_code == 404


async def test_a_document_that_was_altered_on_disk_is_not_handed_out(
    operator: httpx2.AsyncClient, somebody: httpx2.AsyncClient, made: Answer, settings: Settings
) -> None:
    document = (await upload(somebody, made, PDF)).json()
    (file,) = settings.document_directory.iterdir()
    for break_it in (lambda: file.write_bytes(b"other"), file.unlink):
        break_it()
        answer = await operator.get(f"/operator/v1{path(made)}/documents/{document['id']}")
        assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")


@pytest.mark.parametrize(
    ("rest", "body", "least"),
    [
        ("/approve", {"unproven": True}, Role.ADMIN),
        ("/reject", {"reasons": ["No."]}, Role.ADMIN),
        ("/ask", {"message": "Who?"}, Role.SUPPORT),
        ("/notes", {"text": "Hm."}, Role.SUPPORT),
    ],
)
async def test_who_may_do_what(
    login: Login, made: Answer, rest: str, body: dict[str, Any], least: Role
) -> None:
    allowed = {Role.ADMIN: {Role.ADMIN}, Role.SUPPORT: {Role.SUPPORT, Role.ADMIN}}[least]
    for role in (Role.VIEWER, Role.FINANCE, Role.SUPPORT, Role.ADMIN):
        client = await login(role)
        answer = await client.post(f"/operator/v1{path(made, rest)}", json=body)
        assert (answer.status_code == 403) == (role not in allowed), role


@pytest.mark.parametrize(
    ("rest", "body"),
    [
        ("/reject", {"reasons": []}),
        ("/reject", {"reasons": [""]}),
        ("/reject", {}),
        ("/ask", {"message": "   "}),
        ("/ask", {"message": "Who?", "fields": ["contact"]}),
        ("/notes", {"text": ""}),
        ("/approve", {"unproven": "yes"}),
        ("/approve", {"live": True}),
    ],
)
async def test_bad_bodies_change_nothing(
    operator: httpx2.AsyncClient, made: Answer, rest: str, body: dict[str, Any]
) -> None:
    answer = await operator.post(f"/operator/v1{path(made, rest)}", json=body)
    assert answer.status_code == 400
    assert (await get(operator, path(made)))["status"] == "submitted"


async def test_there_is_no_look_up_without_a_registry_and_no_unknown_application(
    operator: httpx2.AsyncClient, made: Answer
) -> None:
    answer = await operator.post(f"/operator/v1{path(made, '/look_up')}")
    assert (answer.status_code, answer.json()["code"]) == (501, "not_implemented")
    for rest in ("", "/unsent_mails", "/documents/doc_00000000000000000000000000"):
        missing = f"/operator/v1/partner_applications/app_00000000000000000000000000{rest}"
        assert (await operator.get(missing)).status_code == 404
