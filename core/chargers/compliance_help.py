"""Why can't my charger connect? Every refused handshake in plain words, and its exact fix."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

from core.chargers import charger_profiles, compliance_store, login, store
from core.chargers.compliance_explained import EXPLAINED, Explanation
from core.chargers.identities import is_identity
from core.chargers.models import Charger
from core.chargers.record_models import RefusedHandshake
from core.chargers.states import RefusalReason, Registration
from core.chargers.text import storable
from core.kernel.db import Tx
from core.kernel.times import rfc3339_or_none

MAX_CANDIDATES: Final = 500
MAX_REFUSALS: Final = 500
MAX_NEAR: Final = 10
MAX_IDENTITY_CHARS: Final = 200

_SEPARATORS: Final = re.compile(r"[\s_.\-:]+")
_LOOK_ALIKE: Final = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that keeps, or kept, a charger from connecting."""

    code: str
    problem: str
    fix: str
    identity: str
    address: str | None = None
    count: int | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """What is known about the connection of one identity.

    *findings*: what matters now; *earlier*: what was refused before the charger last succeeded.
    """

    identity: str
    state: str
    summary: str
    charger: Charger | None
    findings: Sequence[Finding]
    earlier: Sequence[Finding]
    near: Sequence[str]


async def explain(tx: Tx, identity: str) -> Help:
    """Return why *identity* cannot connect, as far as anybody here can know.

    Args:
        identity: As the charger has it, registered or not, in whatever case or encoding.
    """
    asked = storable(identity.strip(), max_chars=MAX_IDENTITY_CHARS)
    charger = await store.charger_of_identity(tx, asked) if is_identity(asked) else None
    refused = await login.refusals(tx, limit=MAX_REFUSALS)
    mine = [row for row in refused if row.identity.lower() == asked.lower()]
    if len(refused) == MAX_REFUSALS:
        mine = list(await login.refusals(tx, identity=asked, limit=MAX_NEAR))
    alike = [
        row
        for row in refused
        if row.identity.lower() != asked.lower() and are_near(row.identity, asked)
    ]
    registered = await _registered_near(tx, asked)
    findings = [*_of_registration(charger, asked, registered), *map(_of_refusal, mine)]
    if charger is not None:
        findings += [_of_near(row, charger) for row in alike]
    findings += await _of_profile(tx, charger)
    return _sorted_out(charger, asked, findings, [one.identity for one in registered])


def _sorted_out(
    charger: Charger | None, asked: str, findings: Sequence[Finding], near: Sequence[str]
) -> Help:
    succeeded = None if charger is None else charger.connected_at
    late = [one for one in findings if _is_over(one, succeeded)]
    now = [one for one in findings if one not in late]
    now.sort(key=lambda one: (one.last_at is not None, -_unix(one.last_at)))
    late.sort(key=lambda one: -_unix(one.last_at))
    state = _state(charger, now)
    if not now and state in ("never_seen", "offline"):
        now.append(_nothing_came(asked))
    return Help(
        identity=asked,
        state=state,
        summary=_SUMMARIES[state],
        charger=charger,
        findings=now,
        earlier=late,
        near=near,
    )


def _is_over(finding: Finding, succeeded: datetime | None) -> bool:
    return finding.last_at is not None and succeeded is not None and finding.last_at < succeeded


def _unix(at: datetime | None) -> float:
    return 0.0 if at is None else at.timestamp()


_SUMMARIES: Final = {
    "connected": "The charger is connected.",
    "unknown": "Nobody registered this identity.",
    "barred": "The charger is registered, and kept out by an operator's decision.",
    "waiting": "The charger connects, but waits to be approved: it may do nothing yet.",
    "refused": "The charger comes, and is refused.",
    "offline": "The charger was connected, is not now, and has not tried again.",
    "never_seen": "The charger has never reached this server.",
}


def _state(charger: Charger | None, findings: Sequence[Finding]) -> str:
    refused = any(one.last_at is not None for one in findings)
    if charger is None:
        return "refused" if refused else "unknown"
    if charger.registration in (Registration.DISABLED, Registration.REJECTED):
        return "barred"
    if charger.registration is Registration.PENDING:
        return "waiting"
    if charger.online:
        return "connected"
    if refused:
        return "refused"
    return "never_seen" if charger.connected_at is None else "offline"


def _of_registration(
    charger: Charger | None, asked: str, registered: Sequence[Charger]
) -> Iterable[Finding]:
    if charger is None:
        code = RefusalReason.UNKNOWN_IDENTITY if is_identity(asked) else "invalid_identity"
        yield _finding(EXPLAINED[RefusalReason(code)], code, asked)
        for one in registered:
            yield Finding(
                code="near_identity",
                problem=f"{one.identity} is registered, and differs {_difference(asked, one)}.",
                fix=f"If it is the same charger, enter {one.identity} in it, letter by letter.",
                identity=one.identity,
            )
        return
    reason = {
        Registration.DISABLED: RefusalReason.DISABLED,
        Registration.REJECTED: RefusalReason.REJECTED,
    }.get(charger.registration)
    if reason is not None:
        yield _finding(EXPLAINED[reason], reason, charger.identity)
    if charger.registration is Registration.PENDING:
        yield Finding(
            code="pending",
            problem="The charger was never registered; it is let in, and told to wait.",
            fix=f"voltgate charger approve {charger.identity}; it asks again within a minute.",
            identity=charger.identity,
        )
    if charger.security_profile > 0 and charger.credential is None:
        no_credential = RefusalReason.NO_CREDENTIAL
        yield _finding(EXPLAINED[no_credential], no_credential, charger.identity)


def _difference(asked: str, one: Charger) -> str:
    if unquote(asked).lower() == one.identity.lower():
        return "only in its percent-encoding"
    if _skeleton(asked) == _skeleton(one.identity):
        return "only in separators or characters that look alike"
    return "in one character"


def _finding(explained: Explanation, code: str, identity: str) -> Finding:
    fix = explained.fix.replace("IDENTITY", identity)
    return Finding(code=code, problem=explained.problem, fix=fix, identity=identity)


def _of_refusal(row: RefusedHandshake) -> Finding:
    explained = explained_reason(row.reason, row.detail)
    return Finding(
        code=row.reason,
        problem=explained.problem,
        fix=explained.fix.replace("IDENTITY", row.identity),
        identity=row.identity,
        address=row.address,
        count=row.count,
        first_at=row.first_at,
        last_at=row.last_at,
    )


def explained_reason(reason: str, detail: str = "") -> Explanation:
    """Return the words for a reason; of one that a newer version recorded, its own *detail*."""
    try:
        return EXPLAINED[RefusalReason(reason)]
    except (KeyError, ValueError):
        return Explanation(problem=detail, fix=detail)


def _of_near(row: RefusedHandshake, charger: Charger) -> Finding:
    return Finding(
        code="near_identity",
        problem=f"A charger that calls itself {row.identity} was refused ({row.reason}): "
        f"that differs {_difference(row.identity, charger)} from {charger.identity}.",
        fix=f"If it is this charger, enter {charger.identity} in it, letter by letter.",
        identity=row.identity,
        address=row.address,
        count=row.count,
        first_at=row.first_at,
        last_at=row.last_at,
    )


async def _of_profile(tx: Tx, charger: Charger | None) -> Sequence[Finding]:
    """Return what the charger's own profile says that could be wrong."""
    if charger is None or charger.online:
        return []
    _, rules = await charger_profiles.of_charger(tx, charger)
    if rules.max_frame_bytes is None:
        return []
    return [
        Finding(
            code="frame_limit",
            problem=f"Its profile takes frames of {rules.max_frame_bytes} bytes at most; a larger "
            "one ends the connection (close code 1009).",
            fix="If it is cut off after a large message, raise max_frame_bytes of its profile.",
            identity=charger.identity,
        )
    ]


def _nothing_came(identity: str) -> Finding:
    return Finding(
        code="nothing_arrived",
        problem="No handshake of this identity has reached the server since.",
        fix="Look at the charger's network and at host, port and path of its URL: it ends with "
        f"/ocpp/{identity}; a firewall, a proxy or a TLS handshake that fails before the server "
        "leaves no trace here. docs/chargers/troubleshooting.md has a command that tries the way.",
        identity=identity,
    )


async def _registered_near(tx: Tx, asked: str) -> Sequence[Charger]:
    """Return chargers whose identity is nearly *asked*: one edit leaves one half untouched."""
    decoded = storable(unquote(asked), max_chars=MAX_IDENTITY_CHARS)
    forms = {asked.lower(), decoded.lower()}
    found: dict[str, Charger] = {}
    for form in forms:
        half = len(form) // 2
        if half == 0:
            continue
        candidates = await compliance_store.chargers_like(
            tx, beginning=form[:half], end=form[-half:], limit=MAX_CANDIDATES
        )
        for one in candidates:
            if one.identity.lower() != asked.lower() and are_near(one.identity, asked):
                found[one.id] = one
    return list(found.values())[:MAX_NEAR]


def are_near(one: str, other: str) -> bool:
    """Tell whether two identities could be meant to be the same.

    They are if they are alike but for case, percent-encoding, separators and characters that look
    alike, or if one character was changed, added, left out or exchanged with its neighbour.
    """
    left, right = unquote(one).lower(), unquote(other).lower()
    return _skeleton(one) == _skeleton(other) != "" or _one_edit(left, right)


def _skeleton(identity: str) -> str:
    plain = _SEPARATORS.sub("", unquote(identity).lower())
    return plain.translate(_LOOK_ALIKE)


def _one_edit(left: str, right: str) -> bool:
    if len(left) > len(right):
        left, right = right, left
    if len(right) - len(left) > 1:
        return False
    same = 0
    while same < len(left) and left[same] == right[same]:
        same += 1
    if len(left) < len(right):
        return left[same:] == right[same + 1 :]
    swapped = left[same : same + 2] == right[same : same + 2][::-1]
    return left[same + 1 :] == right[same + 1 :] or (
        swapped and left[same + 2 :] == right[same + 2 :]
    )


def help_view(help_: Help) -> Mapping[str, Any]:
    """Return it as JSON."""
    charger = help_.charger
    return {
        "object": "connection_help",
        "identity": help_.identity,
        "state": help_.state,
        "summary": help_.summary,
        "charger_id": None if charger is None else charger.id,
        "registration": None if charger is None else charger.registration,
        "security_profile": None if charger is None else charger.security_profile,
        "last_success": None
        if charger is None or charger.connected_at is None
        else {
            "connected_at": rfc3339_or_none(charger.connected_at),
            "disconnected_at": rfc3339_or_none(charger.disconnected_at),
            "last_seen_at": rfc3339_or_none(charger.last_seen_at),
            "booted_at": rfc3339_or_none(charger.booted_at),
            "address": charger.remote_address,
            "ocpp_version": charger.ocpp_version,
        },
        "findings": [_finding_view(one) for one in help_.findings],
        "earlier": [_finding_view(one) for one in help_.earlier],
        "similar_identities": list(help_.near),
    }


def _finding_view(one: Finding) -> dict[str, Any]:
    return {
        "code": one.code,
        "problem": one.problem,
        "fix": one.fix,
        "identity": one.identity,
        "address": one.address,
        "count": one.count,
        "first_at": rfc3339_or_none(one.first_at),
        "last_at": rfc3339_or_none(one.last_at),
    }
