"""The local list: full and differential, versions, drift (OCPP 1.6 5.15; 2.0.1 D01, D02)."""

from datetime import timedelta

import pytest

from core.audit.service import CLI
from core.chargers import id_tokens, inventory, local_lists
from core.chargers.facts import Characteristics, VariableReported
from core.commands import service as commands
from core.commands.local_list import AskLocalListVersion
from core.desired import local_list
from core.desired import service as desired
from core.desired.states import DesiredStatus
from core.kernel.errors import PlatformError
from tests.conformance.listkeeper import keeping, settled, wished
from tests.conformance.support import QUIET, allow, ask, booted, charger_of, done
from tests.csms.live import Running, charger
from tests.eventually import eventually

pytestmark = [
    pytest.mark.ocpp("1.6", "GetLocalListVersion"),
    pytest.mark.ocpp("2.0.1", "GetLocalListVersion"),
]
ITEMS = {"1.6": ("", "SendLocalListMaxLength"), "2.0.1": ("LocalAuthListCtrlr", "ItemsPerMessage")}


async def want(server: Running, source: str = "all", tokens: list[str] | None = None) -> None:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        await local_list.wish(tx, CLI, row, source=source, tokens=tokens)


async def bears(server: Running, version: str, *, items: int) -> None:
    component, variable = ITEMS[version]
    await tell(server, component, variable, str(items))


async def tell(
    server: Running, component: str, variable: str, value: str, *, max_limit: float | None = None
) -> None:
    row = await charger_of(server)
    fact = VariableReported(
        component=component,
        variable=variable,
        attribute="Actual",
        value=value,
        readonly=True,
        characteristics=None
        if max_limit is None
        else Characteristics(
            data_type="integer",
            unit=None,
            min_limit=None,
            max_limit=max_limit,
            values_list=None,
            supports_monitoring=False,
        ),
    )
    async with server.db.transaction() as tx:
        await inventory.store_variables(tx, row.id, [fact])


async def look(server: Running) -> int:
    async with server.db.transaction() as tx:
        moved = await local_list.look_for_changes(tx)
    async with server.db.transaction() as tx:
        await desired.sweep(tx)
    return moved


@pytest.mark.ocpp("1.6", "SendLocalList")
@pytest.mark.ocpp("2.0.1", "SendLocalList")
async def test_a_first_list_is_sent_in_full_and_its_facts_go_along(
    server: Running, version: str
) -> None:
    async with booted(server, version) as cp, keeping(cp) as keeper:
        await allow(server, "0A0B0C0D", group_token="FLEET")
        await allow(server, "0A0B0C0E", blocked=True)
        await want(server)
        assert (await settled(server)).status is DesiredStatus.ACCEPTED
        assert keeper.kinds == ["Full"]
        group = (
            {"parentIdTag": "FLEET"}
            if version == "1.6"
            else {"groupIdToken": {"idToken": "FLEET", "type": "Central"}}
        )
        assert keeper.tokens == {
            "0A0B0C0D": {"status": "Accepted"} | group,
            "0A0B0C0E": {"status": "Blocked"},
        }


@pytest.mark.ocpp("1.6", "SendLocalList")
@pytest.mark.ocpp("2.0.1", "SendLocalList")
async def test_a_long_list_goes_in_messages_that_the_charger_bears_and_versions_grow(
    server: Running, version: str
) -> None:
    async with booted(server, version) as cp, keeping(cp) as keeper:
        await bears(server, version, items=3)
        await allow(server, *(f"T{index:03}" for index in range(10)))
        await want(server)
        await settled(server)
        assert keeper.kinds == ["Full", *["Differential"] * 3]
        member = "listVersion" if version == "1.6" else "versionNumber"
        assert [update[member] for update in keeper.updates] == [1, 2, 3, 4]
        assert len(keeper.tokens) == 10
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            assert await local_lists.counts(tx, row) == (10, 10)


@pytest.mark.ocpp("1.6", "SendLocalList")
@pytest.mark.ocpp("2.0.1", "SendLocalList")
async def test_tokens_that_change_are_sent_as_a_difference_and_others_are_not(
    server: Running, version: str
) -> None:
    async with booted(server, version) as cp, keeping(cp) as keeper:
        await allow(server, "KEEP", "CHANGE", "GO")
        await want(server)
        await settled(server)
        assert await look(server) == 0
        await allow(server, "KEEP", note="a note is nothing to a charger")
        assert await look(server) == 0
        await allow(server, "CHANGE", blocked=True)
        await allow(server, "NEW")
        async with server.db.transaction() as tx:
            await id_tokens.delete(tx, CLI, "GO")
        assert await look(server) == 1

        async def is_told() -> bool:
            return len(keeper.updates) == 2 and keeper.tokens.keys() == {"KEEP", "CHANGE", "NEW"}

        await eventually(is_told)
        assert keeper.kinds == ["Full", "Differential"]
        assert len(keeper.updates[1]["localAuthorizationList"]) == 3
        assert keeper.tokens["CHANGE"] == {"status": "Blocked"}


@pytest.mark.ocpp("1.6", "SendLocalList")
@pytest.mark.ocpp("2.0.1", "SendLocalList")
@pytest.mark.parametrize("refusal", ["VersionMismatch", "Failed"])
async def test_a_refused_difference_is_followed_by_a_full_list(
    server: Running, version: str, refusal: str
) -> None:
    async with booted(server, version) as cp, keeping(cp) as keeper:
        await allow(server, "ONE")
        await want(server)
        await settled(server)
        keeper.refusals = [refusal]
        await allow(server, "TWO")
        await want(server)

        async def has_both() -> bool:
            return keeper.tokens.keys() == {"ONE", "TWO"}

        await eventually(has_both)
        assert keeper.kinds == ["Full", "Differential", "Full"]
        assert (await settled(server)).status is DesiredStatus.ACCEPTED


@pytest.mark.ocpp("1.6", "SendLocalList")
@pytest.mark.ocpp("2.0.1", "SendLocalList")
async def test_a_charger_that_refuses_every_list_is_left_alone_with_its_reason(
    server: Running, version: str
) -> None:
    async with booted(server, version) as cp, keeping(cp, refusals=["Failed"] * 9) as keeper:
        await allow(server, "ONE")
        await want(server)
        found = await settled(server)
        assert (found.status, found.reason) == (DesiredStatus.REJECTED, "Failed")
        assert len(keeper.updates) <= 3


@pytest.mark.ocpp("1.6", "SendLocalList")
@pytest.mark.ocpp("2.0.1", "SendLocalList")
async def test_a_list_that_the_charger_has_lost_is_sent_anew(server: Running, version: str) -> None:
    async with booted(server, version) as cp, keeping(cp) as keeper:
        await allow(server, "ONE", "TWO")
        await want(server)
        await settled(server)
        keeper.number, keeper.tokens = 0, {}
        row = await ask(server, AskLocalListVersion())  # an operator looks
        await done(server, row)

        async def has_drifted() -> bool:
            found = await wished(server)
            return found is not None and found.status is DesiredStatus.DRIFTED

        await eventually(has_drifted)
        server.db.clock.advance(60)  # type: ignore[attr-defined]
        await look(server)

        async def has_both() -> bool:
            return keeper.tokens.keys() == {"ONE", "TWO"}

        await eventually(has_both)
        assert keeper.kinds == ["Full", "Full"]


@pytest.mark.ocpp("1.6", "SendLocalList")
@pytest.mark.ocpp("2.0.1", "SendLocalList")
async def test_an_unwanted_list_is_emptied(server: Running, version: str) -> None:
    async with booted(server, version) as cp, keeping(cp) as keeper:
        await allow(server, "ONE")
        await want(server)
        await settled(server)
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            await local_list.wish_empty(tx, CLI, row)

        async def is_gone() -> bool:
            return await wished(server) is None

        await eventually(is_gone)
        assert keeper.tokens == {}
        assert "localAuthorizationList" not in keeper.updates[-1]


@pytest.mark.ocpp("1.6", "SendLocalList")
@pytest.mark.ocpp("2.0.1", "SendLocalList")
async def test_only_chosen_tokens_or_those_of_the_place_are_in_the_list(
    server: Running, version: str
) -> None:
    async with booted(server, version) as cp, keeping(cp) as keeper:
        row = await charger_of(server)
        await allow(server, "ANYWHERE")
        await allow(server, "HERE", places=[row.id])
        await allow(server, "ELSEWHERE", places=["st_other"])
        await allow(server, "1234", kind="KeyCode")
        await want(server, "all")
        await settled(server)
        assert keeper.tokens.keys() == {"ANYWHERE", "HERE"}
        for source, tokens, expected in (
            ("station", None, {"HERE"}),
            ("chosen", ["anywhere"], {"ANYWHERE"}),
        ):
            await want(server, source, tokens)

            async def fits(expected: set[str] = expected) -> bool:
                return keeper.tokens.keys() == expected

            await eventually(fits)
        with pytest.raises(PlatformError) as refused:
            await want(server, "chosen", ["ANYWHERE", "NOBODY"])
        assert refused.value.facts["errors"] == [
            {"pointer": "/tokens/1", "detail": "is no id token here"}
        ]


@pytest.mark.ocpp("1.6", "SendLocalList")
@pytest.mark.ocpp("2.0.1", "SendLocalList")
async def test_more_tokens_than_the_charger_holds_are_refused_before_anything_is_sent(
    server: Running, version: str
) -> None:
    async with booted(server, version) as cp, keeping(cp) as keeper:
        if version == "1.6":
            await tell(server, "", "LocalAuthListMaxLength", "2")
        else:
            await tell(server, "LocalAuthListCtrlr", "Entries", "0", max_limit=2)
        await allow(server, "ONE", "TWO", "THREE")
        await want(server)
        found = await settled(server)
        assert found.status is DesiredStatus.REJECTED
        assert found.reason == "3 tokens belong there, the charger holds 2: choose fewer"
        assert keeper.updates == []
        async with server.db.transaction() as tx:
            await id_tokens.delete(tx, CLI, "ONE")
        assert await look(server) == 1  # less tokens: it is tried again
        assert (await settled(server, DesiredStatus.ACCEPTED)).reason is None


@pytest.mark.ocpp("1.6", "SendLocalList")
@pytest.mark.ocpp("2.0.1", "SendLocalList")
async def test_an_update_whose_answer_is_lost_is_not_sent_twice(
    server: Running, version: str
) -> None:
    async with booted(server, version) as cp, keeping(cp, silent=1) as keeper:
        await bears(server, version, items=1)
        await allow(server, "ONE", "TWO")
        await want(server)

        async def is_sent() -> bool:
            return len(keeper.updates) == 1

        await eventually(is_sent)
        found = await wished(server)
        assert found is not None
        assert found.command_id is not None
        async with server.db.transaction() as tx:
            await commands.record_timeout(tx, found.command_id)
            await desired.sweep(tx)
        server.db.clock.advance(timedelta(hours=1).total_seconds())  # type: ignore[attr-defined]
    async with charger(server, "CP-1", version, replies=QUIET) as cp, keeping(cp) as again:
        again.number, again.tokens = keeper.number, keeper.tokens
        await cp.boot()
        assert (await settled(server)).status is DesiredStatus.ACCEPTED
        assert again.kinds == ["Differential"]
        assert again.tokens.keys() == {"ONE", "TWO"}


@pytest.mark.parametrize("told", [-1, 2**31, 2**70])
async def test_a_charger_without_a_list_is_told_nothing(
    server: Running, version: str, told: int
) -> None:
    async with booted(server, version) as cp, keeping(cp, number=told) as keeper:
        await want(server)
        found = await settled(server)
        assert found.status is DesiredStatus.REJECTED
        assert keeper.updates == []


@pytest.mark.parametrize("written", [{}, {"source": "chosen"}, {"source": "all", "more": 1}])
async def test_a_fleet_is_told_one_source_and_no_tokens(
    server: Running, version: str, written: dict[str, object]
) -> None:
    parse = local_list.KIND.parse
    assert parse is not None
    assert parse({"source": "all"}) == (local_list.KEY, {"source": "all"})
    with pytest.raises(ValueError, match="one of all, station"):
        parse(written)
    async with booted(server, version) as cp, keeping(cp):
        await want(server)
        await settled(server)
