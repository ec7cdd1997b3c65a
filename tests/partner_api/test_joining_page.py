"""``/join``: how an application stands, shown to people."""

import httpx2
import pytest

from core.audit.service import CLI
from core.joining import review
from core.kernel.crypto import Vault
from core.kernel.db import Database
from tests.partner_api.joining import apply
from tests.partner_api.test_joining import approve, somebody

__all__ = ["somebody"]


async def test_the_status_page_shows_people_how_their_application_stands(
    somebody: httpx2.AsyncClient, db: Database, vault: Vault
) -> None:
    made = await apply(somebody)
    assert 'action="/join"' in (await somebody.get("/join")).text
    right = {"application": made["id"], "token": f" {made['status_token']} "}
    assert "<h1>In review</h1>" in (await somebody.post("/join", data=right)).text
    async with db.transaction() as tx:
        await review.ask(
            tx, vault, CLI, made["id"], message="<b>Which?</b>\nThis year's.", fields=["/company"]
        )
    asked = await somebody.post("/join", data=right)
    assert "&lt;b&gt;Which?&lt;/b&gt;<br>This year&#x27;s." in asked.text
    assert "<li>/company</li>" in asked.text
    await approve(db, vault, made)
    approved = await somebody.post("/join", data=right)
    assert f"POST /v1/partner_applications/{made['id']}/live_key" in approved.text
    assert made["status_token"] not in approved.text
    assert "script-src" not in approved.headers["Content-Security-Policy"]
    assert "default-src 'none'" in approved.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"application=%00&token=%ff",
        "application=\u00e4&token=x".encode(),
        b"&".join(b"a=1" for _ in range(100)),
        b"application=app_00000000000000000000000000&token=vg_app_" + b"x" * 43,
    ],
)
async def test_the_status_page_tells_nothing_without_the_right_token(
    somebody: httpx2.AsyncClient, form: bytes
) -> None:
    answer = await somebody.post("/join", content=form)
    assert answer.status_code == 401
    assert "The status token is missing or wrong" in answer.text
