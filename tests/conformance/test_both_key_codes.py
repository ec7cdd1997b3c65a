"""Codes typed in at a charger: good for charging, readable nowhere (I34)."""

import json
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from core.audit.service import CLI
from core.chargers import id_tokens, key_codes
from core.chargers.record_models import IdToken
from core.kernel.crypto import Vault
from core.kernel.db import Database, metadata
from core.kernel.errors import PlatformError
from core.kernel.page import Page
from tests.conformance.support import allow, ask_raw, booted, done, quarantined, the_session
from tests.csms.live import AT, RawCharger, Running

CODE = "73914ab62"
KEY_CODE = "KeyCode"
ON_BOTH = pytest.mark.parametrize("backend", ["sqlite", "postgresql"])


async def stored(server: Running) -> str:
    """Return all that the database holds, frames included, as one text in upper case."""
    await server.frame_log.flush()
    found = []
    async with server.db.transaction() as tx:
        for table in metadata.sorted_tables:
            found += [repr(tuple(row)) for row in await tx.all(select(table))]
    return "\n".join(found).upper()


async def the_token(server: Running) -> IdToken:
    async with server.db.transaction() as tx:
        (found,) = (await id_tokens.list_tokens(tx, Page())).rows
    return found


def token(version: str, code: str = CODE) -> dict[str, Any]:
    if version == "1.6":
        return {"idTag": code}
    return {"idToken": {"idToken": code, "type": KEY_CODE}}


def event(kind: str, seq: int, trigger: str, **more: Any) -> dict[str, Any]:
    return {
        "eventType": kind,
        "timestamp": AT,
        "triggerReason": trigger,
        "seqNo": seq,
        "transactionInfo": {"transactionId": "T1"},
        **token("2.0.1"),
        **more,
    }


async def charge(cp: RawCharger) -> list[str]:
    """Authorize, start (said twice) and stop with the code; return each verdict on it."""
    if cp.version == "1.6":
        asked = {"connectorId": 1, "meterStart": 0, "timestamp": AT, **token("1.6")}
        authorized = await cp.result("Authorize", token("1.6"))
        first = await cp.result("StartTransaction", asked)
        again = await cp.result("StartTransaction", asked)
        assert again == first
        stop = {"transactionId": first["transactionId"], "meterStop": 9, "timestamp": AT}
        ended = await cp.result("StopTransaction", {**stop, **token("1.6")})
        return [one["idTagInfo"]["status"] for one in (authorized, first, ended)]
    authorized = await cp.result("Authorize", token("2.0.1"))
    place = {"evse": {"id": 1, "connectorId": 1}}
    first = await cp.result("TransactionEvent", event("Started", 0, "Authorized", **place))
    ended = await cp.result("TransactionEvent", event("Ended", 1, "StopAuthorized"))
    return [one["idTokenInfo"]["status"] for one in (authorized, first, ended)]


@ON_BOTH
async def test_i34_a_key_code_charges_and_is_stored_nowhere(server: Running, version: str) -> None:
    with capture_logs() as logs:
        await allow(server, CODE, kind=KEY_CODE)
        async with booted(server, version) as cp:
            assert await charge(cp) == ["Accepted"] * 3
            session = await the_session(server)
    assert CODE.upper() not in await stored(server)
    assert CODE.upper() not in json.dumps(logs, default=str).upper()
    assert session.token == (await the_token(server)).token
    assert session.stop_reason == "driver"


async def test_i34_a_doubtful_message_is_kept_without_its_key_code(
    server: Running, version: str
) -> None:
    """It is quarantined, and an excerpt of it goes to the vendor."""
    await allow(server, CODE, kind=KEY_CODE)
    async with booted(server, version) as cp:
        if version == "1.6":
            asked = {"connectorId": 1, "meterStart": 2**40, "timestamp": "x", **token("1.6")}
            await cp.result("StartTransaction", asked)
        else:
            await cp.result("TransactionEvent", event("Started", 2**40, "Authorized"))
        assert len(await quarantined(server)) == 1
    assert CODE.upper() not in await stored(server)


async def test_i34_a_key_code_that_we_send_is_not_in_the_frame_log(
    server: Running, version: str
) -> None:
    await allow(server, CODE, kind=KEY_CODE)
    action, payload = "RemoteStartTransaction", token("1.6")
    if version != "1.6":
        action, payload = "RequestStartTransaction", {**token("2.0.1"), "remoteStartId": 1}
    async with booted(server, version, replies={action: {"status": "Rejected"}}) as cp:
        row = await ask_raw(server, action, payload)
        await done(server, row)
        _, _, _, said = await cp.called(action)
    assert said == payload
    await server.frame_log.flush()
    async with server.db.transaction() as tx:
        frames = metadata.tables["frames"]
        texts = await tx.scalars(select(frames.c.text).where(frames.c.action == action))
    assert texts
    assert CODE not in "".join(texts)


async def test_a_key_code_is_found_by_its_value_and_by_its_name(server: Running) -> None:
    await allow(server, CODE, kind=KEY_CODE, note="gate")
    kept = await the_token(server)
    async with server.db.transaction() as tx:
        for text in (CODE, CODE.upper(), kept.token, kept.token.lower()):
            known = await key_codes.known_as(tx, server.vault, text)
            assert (await id_tokens.get(tx, known)).note == "gate"
        changed = await key_codes.put(
            tx, server.vault, CLI, kept.token, kind=KEY_CODE, blocked=True
        )
        assert (changed.token, changed.blocked) == (kept.token, True)
        with pytest.raises(PlatformError) as refused:
            await key_codes.put(tx, server.vault, CLI, "KEYCODE:" + "0" * 40, kind=KEY_CODE)
        assert refused.value.code == "not_found"
        assert await key_codes.known_as(tx, server.vault, "other") == "OTHER"


@ON_BOTH
async def test_a_text_is_one_token_whatever_its_kind(db: Database, vault: Vault) -> None:
    """A code that was stored as a card by mistake is gone when it becomes a key code, and back."""
    async with db.transaction() as tx:
        await key_codes.put(tx, vault, CLI, CODE)
        hidden = await key_codes.put(tx, vault, CLI, CODE, kind=KEY_CODE)
        assert [one.token for one in (await id_tokens.list_tokens(tx, Page())).rows] == [
            hidden.token
        ]
        shown = await key_codes.put(tx, vault, CLI, CODE)
        assert [one.token for one in (await id_tokens.list_tokens(tx, Page())).rows] == [
            shown.token
        ]
        assert shown.token == CODE.upper()


async def test_nobody_charges_with_the_name_of_a_key_code(server: Running, version: str) -> None:
    """Who reads the database or the operator's pages has no code."""
    await allow(server, CODE, kind=KEY_CODE)
    name = (await the_token(server)).token
    async with booted(server, version) as cp:
        for kind in ("Central", KEY_CODE):
            if version == "1.6":
                asked = {"connectorId": 1, "meterStart": 0, "timestamp": AT, "idTag": name}
                answer = await cp.call("StartTransaction", asked)
            else:
                shown = {"idToken": {"idToken": name, "type": kind}}
                answer = await cp.call(
                    "TransactionEvent", event("Started", 0, "Authorized", **shown)
                )
            assert '"Accepted"' not in json.dumps(answer)


async def test_a_secret_is_no_group_and_no_additional_id(db: Database) -> None:
    bad: list[dict[str, Any]] = [
        {"group_token": "1234", "group_kind": KEY_CODE},
        {"additional_info": [{"additionalIdToken": "1234", "type": KEY_CODE}]},
        {"master_pass": True},
    ]
    for values in bad:
        async with db.transaction() as tx:
            with pytest.raises(PlatformError) as refused:
                await id_tokens.put(tx, CLI, "CARD", **values)
        assert refused.value.code == "invalid_parameter"


async def test_a_key_code_is_put_by_its_name_only(db: Database) -> None:
    async with db.transaction() as tx:
        with pytest.raises(ValueError, match="under its name"):
            await id_tokens.put(tx, CLI, CODE, kind=KEY_CODE)
