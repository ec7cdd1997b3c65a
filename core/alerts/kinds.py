"""Everything that operators are told of: what it means and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from core.alerts.states import Severity


class AlertKind(StrEnum):
    WEBHOOK_DEAD_LETTER = "webhook_dead_letter"
    WEBHOOK_ENDPOINT_FAILING = "webhook_endpoint_failing"
    WEBHOOK_ENDPOINT_DISABLED = "webhook_endpoint_disabled"
    PARTNER_APPLICATION_WAITING = "partner_application_waiting"
    PARTNER_CONDUCT = "partner_conduct"
    PARTNER_SUSPENDED = "partner_suspended"
    CHARGER_FLAPPING = "charger_flapping"
    CERTIFICATE_EXPIRING = "certificate_expiring"
    JOB_FAILING = "job_failing"
    AUDIT_CHAIN_BROKEN = "audit_chain_broken"
    MAIL_NOT_SENT = "mail_not_sent"
    ALERT_NOT_DELIVERED = "alert_not_delivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A kind in words.

    Attributes:
        means: One sentence: what has happened.
        advice: What to do about it.
        severity: That of its alerts, unless whoever raises one knows better.
        resolved_when: When the platform sees that the cause is gone; ``None``: it does not.
        ends_after: It resolves by itself when it was not raised for so long.

    An operator may resolve any.
    """

    means: str
    advice: str
    severity: Severity = Severity.WARNING
    resolved_when: str | None = None
    ends_after: timedelta | None = None


KINDS: Final[Mapping[AlertKind, Explained]] = MappingProxyType(
    {
        AlertKind.WEBHOOK_DEAD_LETTER: Explained(
            means="An event could not be delivered to a partner's endpoint and is tried no more.",
            advice="See why with `voltgate event show EVENT`; tell the partner, and send it again "
            "when the endpoint works: `voltgate replay dead-letters --endpoint ENDPOINT`.",
        ),
        AlertKind.WEBHOOK_ENDPOINT_FAILING: Explained(
            means="A partner's endpoint has failed for a good part of the time after which it is "
            "disabled.",
            advice="Tell the partner before the endpoint is disabled.",
            resolved_when="when the endpoint takes an event, or is disabled",
        ),
        AlertKind.WEBHOOK_ENDPOINT_DISABLED: Explained(
            means="A partner's endpoint was disabled: it failed for too long, or answered 410.",
            advice="Tell the partner; it enables the endpoint again, then recovers what it missed.",
            resolved_when="when it is enabled again, or deleted",
        ),
        AlertKind.PARTNER_APPLICATION_WAITING: Explained(
            means="A company has applied, or has answered what you asked it.",
            advice="Review it: `voltgate application show APPLICATION`, then approve, reject or "
            "ask for more.",
            severity=Severity.INFO,
            resolved_when="when you decide, or ask for more",
        ),
        AlertKind.PARTNER_CONDUCT: Explained(
            means="A partner's use of the API looks abnormal.",
            advice="See the evidence with `voltgate partner conduct PARTNER`, and talk to the "
            "partner; `voltgate partner lift PARTNER` ends what was imposed.",
            resolved_when="when it stands well again: by a lift, or by behaving",
        ),
        AlertKind.PARTNER_SUSPENDED: Explained(
            means="A partner is suspended: it reads and stops its own sessions, nothing else.",
            advice="Settle the matter with the partner, then `voltgate partner reinstate PARTNER`.",
            resolved_when="when it is reinstated",
        ),
        AlertKind.CHARGER_FLAPPING: Explained(
            means="Sockets of one charger replace each other: two chargers share an identity, or "
            "its network is broken.",
            advice="Compare addresses and serial numbers in `voltgate charger why IDENTITY`; give "
            "the second charger an identity of its own, or see to the network.",
            ends_after=timedelta(hours=1),
        ),
        AlertKind.CERTIFICATE_EXPIRING: Explained(
            means="A charger's certificate ends soon, and the charger has not got a new one.",
            advice="See whether the charger is online and who signs; ask it again with "
            "`voltgate certificate renew CHARGER`.",
            resolved_when="when the charger has a newer one",
        ),
        AlertKind.JOB_FAILING: Explained(
            means="A periodic job of a worker has failed several times in a row.",
            advice="Read the traceback in the log (`job_failed`); restart the worker if the "
            "machine is in trouble, report a bug if it is not.",
            severity=Severity.CRITICAL,
            resolved_when="when the job succeeds",
        ),
        AlertKind.AUDIT_CHAIN_BROKEN: Explained(
            means="Entries of the audit trail were changed or removed outside of the platform.",
            advice="Keep the database as it is, find out who had access to it, and compare with "
            "a backup.",
            severity=Severity.CRITICAL,
        ),
        AlertKind.MAIL_NOT_SENT: Explained(
            means="A mail to an applicant could not be sent and is tried no more.",
            advice="Hand it over otherwise: `voltgate application mails APPLICATION` shows it; "
            "see to the mail server.",
            ends_after=timedelta(days=7),
        ),
        AlertKind.ALERT_NOT_DELIVERED: Explained(
            means="Alerts could not be sent over one of the channels and are tried no more.",
            advice="Try the channel with `voltgate alert test CHANNEL`, which tells what is wrong.",
            resolved_when="when the channel works again",
        ),
    }
)
