"""Every state machine: reachable, with final states that are final."""

from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.alerts.states import MACHINE as ALERTS
from core.alerts.states import NOTIFICATIONS, AlertStatus, NotificationStatus
from core.commands.states import MACHINE as COMMANDS
from core.commands.states import CommandStatus
from core.conduct.models import INCIDENTS, IncidentStatus
from core.desired.states import MACHINE as DESIRED
from core.desired.states import DesiredStatus
from core.fleet.states import FLEET, TARGET, FleetStatus, TargetStatus
from core.joining.states import ERRANDS, ApplicationStatus, ErrandStatus
from core.joining.states import MACHINE as APPLICATIONS
from core.kernel.machine import Machine
from core.operations.hold_models import MACHINE as HOLDS
from core.operations.hold_models import HoldStatus
from core.operations.states import MACHINE as OPERATIONS
from core.operations.states import RESERVATION_MACHINE, OperationStatus, ReservationStatus
from core.partners.states import LADDER, Step
from core.sandbox.states import MACHINE as ACTS
from core.sandbox.states import ActStatus
from core.sessions.states import MACHINE as SESSIONS
from core.sessions.states import OPEN, SessionStatus
from core.upkeep.states import REPORT_MACHINE, TRANSFER_MACHINE, ReportStatus, TransferStatus
from core.webhooks.states import MACHINE as DELIVERIES
from core.webhooks.states import DeliveryStatus

MACHINES: list[tuple[Machine[Any], type[StrEnum], StrEnum]] = [
    (ALERTS, AlertStatus, AlertStatus.OPEN),
    (NOTIFICATIONS, NotificationStatus, NotificationStatus.DUE),
    (COMMANDS, CommandStatus, CommandStatus.QUEUED),
    (DESIRED, DesiredStatus, DesiredStatus.PENDING),
    (FLEET, FleetStatus, FleetStatus.RUNNING),
    (TARGET, TargetStatus, TargetStatus.PENDING),
    (OPERATIONS, OperationStatus, OperationStatus.ACCEPTED),
    (RESERVATION_MACHINE, ReservationStatus, ReservationStatus.PENDING),
    (HOLDS, HoldStatus, HoldStatus.PENDING),
    (APPLICATIONS, ApplicationStatus, ApplicationStatus.SUBMITTED),
    (ERRANDS, ErrandStatus, ErrandStatus.DUE),
    (INCIDENTS, IncidentStatus, IncidentStatus.OPEN),
    (LADDER, Step, Step.GOOD),
    (SESSIONS, SessionStatus, SessionStatus.PENDING),
    (ACTS, ActStatus, ActStatus.WAITING),
    (DELIVERIES, DeliveryStatus, DeliveryStatus.DUE),
    (TRANSFER_MACHINE, TransferStatus, TransferStatus.REQUESTED),
    (REPORT_MACHINE, ReportStatus, ReportStatus.REQUESTED),
]


@pytest.mark.parametrize(("machine", "states", "first"), MACHINES)
def test_every_state_is_reachable(
    machine: Machine[Any], states: type[StrEnum], first: StrEnum
) -> None:
    seen, waiting = {first}, [first]
    while waiting:
        for following in machine.transitions[waiting.pop()] - seen:
            seen.add(following)
            waiting.append(following)

    assert seen == set(states) == set(machine.transitions)


@given(path=st.lists(st.sampled_from(OperationStatus), max_size=8))
def test_i04_no_path_leaves_a_final_state(path: list[OperationStatus]) -> None:
    state = OperationStatus.ACCEPTED
    finals = 0
    for wanted in path:
        if state in OPERATIONS.sources(wanted):
            state = wanted
            finals += state in OPERATIONS.final

    assert finals <= 1
    assert (finals == 1) == (state in OPERATIONS.final)


def test_i24_an_ended_session_never_reopens() -> None:
    assert SESSIONS.transitions[SessionStatus.ENDED] == frozenset()
    assert not SESSIONS.transitions[SessionStatus.INVALID] & OPEN
