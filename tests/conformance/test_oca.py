"""The conversations of the OCA's test-case documents with the CSMS as system under test.

One file each in ``oca/``, named for its case; conversation.py says how they are written. Titles and
steps follow "OCPP 1.6 Compliancy Testing Tool, test case document" and "OCPP 2.0.1, part 6, test
cases".
"""

from collections.abc import Iterator

import pytest

from core.audit.service import CLI
from core.kernel.clock import ShiftedClock
from core.kernel.settings import Settings
from core.operators import service as operators
from core.operators.models import Role
from ops.operator_api.app import create_operator_app
from tests.conformance.conversation import FOLDER, Conversation, conversations, held
from tests.csms.live import Running
from tests.ops.conftest import client_of


def cases() -> Iterator[object]:
    for one in conversations():
        marks = [pytest.mark.ocpp(one.version, action) for action in sorted(one.actions)]
        yield pytest.param(one, id=f"{one.version}-{one.case}", marks=marks)


@pytest.fixture
def settings(settings: Settings, conversation: Conversation) -> Settings:
    """Those of the server that the conversation is held with."""
    return settings.model_copy(update=conversation.settings)


@pytest.mark.parametrize("conversation", list(cases()))
async def test_a_conversation_goes_as_the_document_says(
    conversation: Conversation, server: Running, clock: ShiftedClock
) -> None:
    async with server.db.transaction() as tx:
        _, token = await operators.create_token(tx, server.vault, CLI, name="oca", role=Role.ADMIN)
    app = create_operator_app(server.db, server.settings, server.vault, clock)
    async with client_of(app, token) as operator, held(conversation, server, operator) as talk:
        for step in conversation.steps:
            await talk.take(step)
        assert not talk.unheard()


def test_a_file_is_named_for_its_case() -> None:
    for one in conversations():
        assert one.path.name.startswith(f"{one.case.removesuffix('_CSMS')}_"), one.path


def test_each_case_has_one_file() -> None:
    found = [(one.version, one.case) for one in conversations()]
    assert len(found) == len(set(found)) == len(list(FOLDER.glob("*/*")))
