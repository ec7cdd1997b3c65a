"""docs/ocpp-support.md says what the code does and the tests show."""

import pytest

from csms.actions import ACTIONS
from csms.codes import Version
from csms.ocpp16 import OCPP16
from csms.ocpp201 import OCPP201
from tests.conformance import matrix
from tests.conformance.matrix import Marked
from tests.conformance.specification import PLACES

pytestmark = pytest.mark.timeout(300)  # collecting every conversation, on a busy machine

VERSIONS: tuple[Version, ...] = ("1.6", "2.0.1")


@pytest.fixture(scope="module")
def tests() -> list[Marked]:
    return matrix.collected()


def test_the_page_is_what_make_docs_writes(tests: list[Marked]) -> None:
    assert matrix.PAGE.read_text() == matrix.page(tests), "run make docs"


def test_no_cell_is_empty(tests: list[Marked]) -> None:
    for adapter in (OCPP16, OCPP201):
        for row in matrix.rows(adapter, tests):
            assert all(cell.strip() for cell in row), row


@pytest.mark.parametrize("version", VERSIONS)
def test_each_action_has_its_place_in_the_specification(version: Version) -> None:
    assert PLACES[version].keys() == ACTIONS[version]


def test_all_28_actions_of_16_its_security_extension_and_all_64_of_201_are_there() -> None:
    security = {
        action for action, (block, _) in PLACES["1.6"].items() if block == "Security extension"
    }
    assert len(PLACES["1.6"].keys() - security) == 28
    assert len(security) == 11
    assert len(PLACES["2.0.1"]) == 64
