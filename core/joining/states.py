"""The life of an application and of what is done for it outside: the tables are the machines."""

from enum import StrEnum
from typing import Final

from core.kernel.machine import Machine


class ApplicationStatus(StrEnum):
    SUBMITTED = "submitted"
    MORE_REQUESTED = "more_requested"
    """The applicant is to answer; ``PATCH`` hands it in again."""
    APPROVED = "approved"
    REJECTED = "rejected"


class ErrandKind(StrEnum):
    MAIL = "mail"
    WEBHOOK = "webhook"
    REGISTRY = "registry"


class ErrandStatus(StrEnum):
    DUE = "due"
    DONE = "done"
    FAILED = "failed"
    """Given up after its last attempt."""
    DROPPED = "dropped"
    """Nobody needs it any more: a newer one took its place, or its time is over."""


class DocumentKind(StrEnum):
    REGISTRATION = "registration"
    TAX = "tax"
    AUTHORITY = "authority"
    """Who may sign for the company."""
    OTHER = "other"


MACHINE: Final = Machine(
    {
        ApplicationStatus.SUBMITTED: frozenset(
            {
                ApplicationStatus.MORE_REQUESTED,
                ApplicationStatus.APPROVED,
                ApplicationStatus.REJECTED,
            }
        ),
        ApplicationStatus.MORE_REQUESTED: frozenset(
            {
                ApplicationStatus.SUBMITTED,
                ApplicationStatus.APPROVED,
                ApplicationStatus.REJECTED,
            }
        ),
        ApplicationStatus.APPROVED: frozenset(),
        ApplicationStatus.REJECTED: frozenset(),
    }
)

ERRANDS: Final = Machine(
    {
        ErrandStatus.DUE: frozenset({ErrandStatus.DONE, ErrandStatus.FAILED, ErrandStatus.DROPPED}),
        ErrandStatus.DONE: frozenset(),
        ErrandStatus.FAILED: frozenset(),
        ErrandStatus.DROPPED: frozenset(),
    }
)
