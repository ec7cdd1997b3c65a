"""The compliance report of one charger: what it does other than OCPP says, counted, with advice.

Made to be sent to the charger's vendor: facts, examples, sections of the specification; no secret,
no partner, no id token but what an example frame shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers import charger_profiles, compliance_store, store
from core.chargers.charger_profiles import STANDARD, Profile, Rules
from core.chargers.compliance_models import CheckedRow, DeviationRow
from core.chargers.deviations_catalogue import CATALOGUE
from core.chargers.deviations_kinds import CALL, FRAME, HANDSHAKE, Deviation
from core.chargers.models import Charger
from core.kernel.db import Tx
from core.kernel.errors import not_found
from core.kernel.times import rfc3339, rfc3339_or_none

_ONLY_16: Final = frozenset({"null_payload", "start_on_connector_zero", "stop_transaction_zero"})
_ONLY_2X: Final = frozenset({"sequence_gap", "transaction_id_empty"})
_FOR_HANDSHAKES: Final = "handshake"


class Verdict(StrEnum):
    """What a report comes to."""

    CLEAN = "clean"
    """Something was checked, and nothing deviated."""
    REMARKS = "remarks"
    DEVIATES = "deviates"
    NOT_SEEN = "not_seen"
    """The charger has said nothing yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is known of one charger; *checked* and *deviations* since *since*.

    Attributes:
        clean: Rows of the catalogue that were checked and never met.
        not_seen: Rows whose messages the charger has not sent yet.
        rules: The rules that its profile changes.
    """

    charger: Charger
    since: datetime
    until: datetime
    deviations: Sequence[tuple[Deviation, DeviationRow]]
    clean: Sequence[Deviation]
    not_seen: Sequence[Deviation]
    checked: Sequence[CheckedRow]
    profile: Profile | None
    rules: Mapping[str, Any]

    @property
    def verdict(self) -> Verdict:
        """Return what it comes to."""
        if any(not row.is_remark for row, _ in self.deviations):
            return Verdict.DEVIATES
        if self.deviations:
            return Verdict.REMARKS
        return Verdict.CLEAN if self.checked else Verdict.NOT_SEEN


async def report(tx: Tx, charger_id: str) -> Report:
    """Return the report of a charger.

    Raises:
        PlatformError: ``not_found``.
    """
    charger = await store.charger(tx, charger_id)
    if charger is None:
        raise not_found("charger")
    met = await compliance_store.deviations_of(tx, charger_id)
    checked = await compliance_store.checked_of(tx, charger_id)
    profile, rules = await charger_profiles.of_charger(tx, charger)
    counted = {row.code for row in met}
    others = [row for code, row in CATALOGUE.items() if code not in counted]
    others = [row for row in others if _concerns(row, charger.ocpp_version)]
    seen = _seen(checked)
    known = [(CATALOGUE[row.code], row) for row in met if row.code in CATALOGUE]
    known.sort(key=lambda pair: (pair[0].is_remark, -pair[1].count, pair[0].code))
    return Report(
        charger=charger,
        since=await compliance_store.period_of(tx, charger_id) or charger.created_at,
        until=tx.now,
        deviations=known,
        clean=[row for row in others if row.checked_on & seen],
        not_seen=[row for row in others if not row.checked_on & seen],
        checked=checked,
        profile=profile,
        rules=_changed(rules),
    )


async def restart(tx: Tx, actor: Actor, charger_id: str) -> None:
    """Begin a new period: after a firmware update, say. What was counted is forgotten.

    Raises:
        PlatformError: ``not_found``.
    """
    if await store.charger(tx, charger_id) is None:
        raise not_found("charger")
    met = await compliance_store.deviations_of(tx, charger_id)
    await compliance_store.restart(tx, charger_id)
    before = {row.code: row.count for row in met}
    await audit.record(tx, actor, "charger.compliance_restarted", charger_id, before=before)


def _concerns(row: Deviation, version: str | None) -> bool:
    return row.code not in (_ONLY_2X if version == "1.6" else _ONLY_16)


def _seen(checked: Sequence[CheckedRow]) -> frozenset[str]:
    actions = {row.action for row in checked}
    seen = set(actions)
    if actions:
        seen |= FRAME | HANDSHAKE
    if actions - {_FOR_HANDSHAKES}:
        seen |= CALL
    return frozenset(seen)


def _changed(rules: Rules) -> dict[str, Any]:
    names = Rules.__dataclass_fields__
    return {
        name: getattr(rules, name)
        for name in names
        if getattr(rules, name) != getattr(STANDARD, name)
    }


def report_view(report: Report) -> dict[str, Any]:
    """Return a report as JSON."""
    charger = report.charger
    return {
        "object": "compliance_report",
        "charger_id": charger.id,
        "identity": charger.identity,
        "vendor": charger.vendor,
        "model": charger.model,
        "serial_number": charger.serial_number,
        "firmware_version": charger.firmware_version,
        "ocpp_version": charger.ocpp_version,
        "security_profile": charger.security_profile,
        "since": rfc3339(report.since),
        "until": rfc3339(report.until),
        "verdict": report.verdict,
        "deviations": [_deviation_view(row, counted) for row, counted in report.deviations],
        "clean": [{"code": row.code, "rule": row.rule} for row in report.clean],
        "not_seen": [row.code for row in report.not_seen],
        "checked": [
            {"action": row.action, "count": row.count, "last_at": rfc3339(row.last_at)}
            for row in report.checked
        ],
        "profile_id": None if report.profile is None else report.profile.id,
        "profile_name": None if report.profile is None else report.profile.name,
        "rules": dict(report.rules),
    }


def _deviation_view(row: Deviation, counted: DeviationRow) -> dict[str, Any]:
    return {
        "code": row.code,
        "severity": "remark" if row.is_remark else "deviation",
        "title": row.title,
        "section": row.section,
        "rule": row.rule,
        "fix": row.fix,
        "count": counted.count,
        "first_at": rfc3339(counted.first_at),
        "last_at": rfc3339(counted.last_at),
        "example": {
            "action": counted.action,
            "message_id": counted.message_id,
            "frame": counted.excerpt,
        },
    }


_VERDICTS: Final = {
    Verdict.CLEAN: "No deviation was met.",
    Verdict.REMARKS: "No deviation was met; there are remarks.",
    Verdict.DEVIATES: "The charger deviates from OCPP.",
    Verdict.NOT_SEEN: "The charger has said nothing in this period: nothing was checked.",
}


def as_markdown(report: Report) -> str:
    """Return a report as Markdown that also reads as plain text."""
    charger = report.charger
    facts = {
        "Charger": charger.identity,
        "Vendor": charger.vendor,
        "Model": charger.model,
        "Serial number": charger.serial_number,
        "Firmware": charger.firmware_version,
        "OCPP": charger.ocpp_version,
        "Last connected": rfc3339_or_none(charger.connected_at),
        "Period": f"{rfc3339(report.since)} to {rfc3339(report.until)}",
    }
    lines = [f"# OCPP compliance of {_plain(charger.identity)}", ""]
    lines += [f"- {name}: {_plain(value or 'unknown')}" for name, value in facts.items()]
    verdict = _VERDICTS[report.verdict]
    if report.verdict is Verdict.NOT_SEEN and charger.connected_at is None:
        verdict = "The charger has not connected yet: nothing was checked."
    lines += ["", verdict, ""]
    for title, is_remark in (("Deviations", False), ("Remarks", True)):
        rows = [pair for pair in report.deviations if pair[0].is_remark is is_remark]
        if rows:
            lines += [f"## {title}", ""]
        for row, counted in rows:
            lines += _markdown_of(row, counted)
    lines += _checked_in_words(report)
    return "\n".join(lines).rstrip() + "\n"


def _markdown_of(row: Deviation, counted: DeviationRow) -> list[str]:
    first_at, last_at = rfc3339(counted.first_at), rfc3339(counted.last_at)
    lines = [
        f"### The charger {row.title} (`{row.code}`)",
        "",
        f"- Met {counted.count} times, from {first_at} to {last_at}",
        f"- Specification: {row.section}: {row.rule}",
        f"- To fix: {row.fix}",
    ]
    if counted.message_id is not None:
        action = f"{_plain(counted.action)}, " if counted.action else ""
        lines.append(f"- Example: {action}message id {_plain(counted.message_id)}")
    if counted.excerpt:
        lines += ["", f"      {_plain(counted.excerpt)}"]
    return [*lines, ""]


def _checked_in_words(report: Report) -> list[str]:
    lines: list[str] = []
    if report.checked:
        lines += ["## What was checked", ""]
        lines += [f"- {_plain(row.action)}: {row.count}" for row in report.checked]
        lines.append("")
    if report.clean:
        lines += ["## Checked and clean", ""]
        lines += [f"- `{row.code}`: {row.rule}" for row in report.clean]
        lines.append("")
    if report.rules:
        name = "" if report.profile is None else f" ({_plain(report.profile.name)})"
        lines += [f"## Handled specially{name}", ""]
        lines += [f"- {rule}: {_plain(value)}" for rule, value in report.rules.items()]
        lines.append("")
    return lines


def _plain(value: object) -> str:
    """Return *value* on one line, without what would leave a line of Markdown."""
    text = "".join(char if char.isprintable() else " " for char in str(value))
    return text.replace("`", "'")
