"""How one charger behaves on one connection: its rules, and what it does other than OCPP says."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.chargers.charger_profiles import Rules
from core.chargers.deviations import OTHER_ACTION, Tally, code_of
from core.chargers.deviations_kinds import HANDSHAKE
from core.chargers.models import Charger
from core.kernel.clock import Clock
from csms import tolerance
from csms.actions import FROM_CHARGER
from csms.protocol import Call, FrameRules, Refusal, Result
from csms.redact import redact_frame

BOOT: Final = "BootNotification"
ASKS_FOR_BOOT: Final = frozenset({"TriggerMessage", "ExtendedTriggerMessage", "Reset"})
MAX_EXCERPT_CHARS: Final = 400
BOOT_WITHIN_S: Final = 60.0
"""A charger that has not booted so long after its first call will not."""
SILENT_INTERVALS: Final = 2
SILENT_SLACK_S: Final = 2.0
ACTIONS_EVERY_S: Final = 10.0
"""How old the counts of messages in a report may be."""
FOR_HANDSHAKES: Final = next(iter(HANDSHAKE))
# Of a short one, which may have been typed in, nothing is shown.
_TAG: Final = re.compile(
    r'("(?:idTag|idToken|parentIdTag)"\s{0,8}:\s{0,8}"(?:[^"]{2}(?=[^"]{6}))?)([^"]{0,64})'
)
_UNDESERVED: Final = ("meter_transaction_zero", "meter_without_transaction")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a conduct needs of its node."""

    clock: Clock
    now: Callable[[], datetime]
    max_frame_bytes: int
    heartbeat_s: float


class Conduct:
    """Counts deviations and applies the rules of one connection; never fails, never waits.

    Attributes:
        rules: Those of the charger's profile; replaced when the profile changes.
        frame_rules: What follows of them for frames.
        tally: What is not written yet.
    """

    def __init__(
        self, around: Surroundings, charger: Charger, standard: FrameRules, rules: Rules
    ) -> None:
        self._around = around
        self._standard = standard
        self._began_s = around.clock.monotonic()
        self._actions_due_s = self._began_s + ACTIONS_EVERY_S
        self._settled_s = self._began_s + rules.settle_s
        self._heartbeat_s = around.heartbeat_s
        self._had_booted = charger.booted_at is not None
        self._first_call_s: float | None = None
        self._has_booted = False
        self._is_accepted = False
        self._boot_is_due = False
        self._told_of_boot = False
        self._told_of_silence_s: float | None = None
        self._written: set[str] = set()
        self.tally = Tally(charger.id)
        self.rules = rules
        self.frame_rules = standard
        self.apply(rules)

    def apply(self, rules: Rules) -> None:
        """Take new rules."""
        self.rules = rules
        self.frame_rules = tolerance.frame_rules(
            self._standard, rules, max_frame_bytes=self._around.max_frame_bytes
        )

    def note(
        self,
        *codes: str,
        text: str | bytes = "",
        action: str | None = None,
        message_id: str | None = None,
    ) -> None:
        """Count deviations; *text* is the frame they were seen in."""
        for code in codes:
            is_new = code not in self.tally.deviations
            excerpt = _excerpt(text) if is_new and text else None
            self.tally.note(
                code,
                at=self._around.now(),
                action=action,
                message_id=message_id,
                excerpt=excerpt,
            )

    def entered(self, codes: tuple[str, ...]) -> None:
        """Note the handshake."""
        self.tally.saw(FOR_HANDSHAKES)
        self.note(*codes)

    # What came.

    def called(self, call: Call, text: str) -> None:
        """Note a call, its frame and its place in the order of calls."""
        known = call.action in FROM_CHARGER[self._standard.version]
        self.tally.saw(call.action if known else OTHER_ACTION)
        codes = tolerance.frame_codes(call, standard_id_chars=self._standard.max_id_chars)
        if call.action == BOOT:
            codes += self._booting()
        if self._first_call_s is None:
            self._first_call_s = self._around.clock.monotonic()
        self.note(*codes, text=text, action=call.action, message_id=call.id)

    def _booting(self) -> tuple[str, ...]:
        is_due, self._boot_is_due = self._boot_is_due, False
        first, self._has_booted = not self._has_booted, True
        if is_due or self._told_of_boot:
            return ()
        if first:
            return () if self._first_call_s is None else ("call_before_boot",)
        return ("boot_repeated",) if self._is_accepted else ()

    def boot_answered(self, text: str) -> None:
        """Take status and interval of our answer to a boot; the charger may settle now."""
        answer: Any = json.loads(text)[2]
        if isinstance(answer, dict):
            self._is_accepted = answer.get("status") == "Accepted"
            self._heartbeat_s = float(answer.get("interval") or self._heartbeat_s)
        self._settled_s = self._around.clock.monotonic() + self.rules.settle_s

    def answered(self, answer: Result | Refusal, text: str | bytes, *, known: bool) -> None:
        """Note an answer to a call of ours, or to none."""
        codes: tuple[str, ...] = answer.deviations
        if not known:
            codes += ("answer_unsolicited",)
        self.note(*codes, text=text, message_id=answer.id)

    def asked(self, action: str, text: str) -> None:
        """Note a call of ours that may bring a boot."""
        if action in ASKS_FOR_BOOT and (action == "Reset" or BOOT in text):
            self._boot_is_due = True

    def handled(self, call: Call, text: str, codes: tuple[str, ...]) -> None:
        """Note what was tolerated in a call's content."""
        found = dict.fromkeys(codes)
        if _UNDESERVED[0] in found:
            found.pop(_UNDESERVED[1], None)
        self.note(*found, text=text, action=call.action, message_id=call.id)

    def refused(self, call: Call, text: str, keyword: str, *, is_known_action: bool) -> None:
        """Note a call whose content was refused for what *keyword* of its schema says."""
        if keyword == "action":
            code = "action_wrong_direction" if is_known_action else "action_unknown"
        else:
            code = code_of(f"{keyword} at /") or "content_invalid"
        self.note(code, text=text, action=call.action, message_id=call.id)

    # The course of time.

    @property
    def is_settled(self) -> bool:
        """Tell whether commands may be sent: the charger had its time after its start."""
        return self._around.clock.monotonic() >= self._settled_s

    def look(self, *, heard_s: float) -> None:
        """Note what can only be seen by waiting for it."""
        now_s = self._around.clock.monotonic()
        if self._first_call_s is not None and now_s - self._first_call_s > BOOT_WITHIN_S:
            self._tell_of_boot()
        silent_s = now_s - heard_s
        allowed_s = SILENT_INTERVALS * self._heartbeat_s + SILENT_SLACK_S
        if silent_s > allowed_s and heard_s != self._told_of_silence_s:
            self._told_of_silence_s = heard_s
            self.note("heartbeat_missing")

    def ended(self) -> Tally:
        """Return all that is not written yet; the connection is over."""
        self._tell_of_boot()
        return self.tally.take(with_actions=True)

    def due(self) -> Tally:
        """Return what has to be written now.

        A kind of message that is new here at once, so that no report says that it was not seen;
        further ones are counted, and the counts are written every ``ACTIONS_EVERY_S``.
        """
        now_s = self._around.clock.monotonic()
        with_actions = (
            now_s >= self._actions_due_s or not self._written >= self.tally.actions.keys()
        )
        if with_actions:
            self._actions_due_s = now_s + ACTIONS_EVERY_S
            self._written |= self.tally.actions.keys()
        return self.tally.take(with_actions=with_actions)

    def _tell_of_boot(self) -> None:
        if self._has_booted or self._told_of_boot or self._first_call_s is None:
            return
        self._told_of_boot = True
        self.note("reconnect_without_boot" if self._had_booted else "boot_missing")


def _excerpt(text: str | bytes) -> str:
    """Return the beginning of a frame for a vendor's eyes: no secret, no driver's id token."""
    return _TAG.sub(
        lambda found: found[1] + "*" * len(found[2]),
        redact_frame(text, max_chars=MAX_EXCERPT_CHARS),
    )
