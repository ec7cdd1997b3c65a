"""The live timeline of the demo: who says what to whom, and whether each promise was kept."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from core.kernel.clock import Clock
from ops.demo.receiver import Event
from simulator import Frame

_QUIET: Final = frozenset({"BootNotification", "Heartbeat", "StatusNotification"})
_BACKGROUND: Final = frozenset(
    {"GetConfiguration", "ChangeConfiguration", "TriggerMessage", "GetBaseReport", "SetVariables"}
    | {"NotifyReport", "GetVariables"}
)
_WIDTH: Final = 10
_DETAIL: Final = 96


@dataclass(slots=True)
class Narrator:
    """Prints lines and counts kept and broken promises."""

    console: Console
    clock: Clock
    verbose: bool = False
    kept: int = 0
    broken: list[str] = field(default_factory=list)
    _began: float = field(init=False)
    _actions: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._began = self.clock.monotonic()

    def chapter(self, title: str) -> None:
        """Begin a part of the story."""
        self.console.print()
        self.console.rule(f"[bold]{title}", align="left", style="dim")

    def line(
        self, speaker: str, listener: str, what: str, detail: str = "", style: str = ""
    ) -> None:
        """Print one line of the timeline."""
        elapsed = self.clock.monotonic() - self._began
        text = Text(f"{elapsed:7.2f}s  ", style="dim")
        text.append(f"{speaker:>{_WIDTH}} -> {listener:<{_WIDTH}} ", style="cyan")
        text.append(what, style=style or "bold")
        if detail:
            text.append(f"  {detail[:_DETAIL]}", style="dim")
        self.console.print(text, soft_wrap=True)

    def frame(self, frame: Frame) -> None:
        """Tell what was said on a charger's socket."""
        key = (frame.identity, frame.message_id or "")
        if frame.type == "CALL" and frame.action is not None:
            self._actions[key] = frame.action
        action = frame.action or self._actions.get(key, "")
        if not self.verbose and action in _QUIET | _BACKGROUND:
            return
        speaker, listener = ("voltgate", frame.identity)
        if frame.sent:
            speaker, listener = listener, speaker
        what = action if frame.type == "CALL" else f"{action} answer"
        style = "yellow" if frame.type == "CALL" else "white"
        self.line(speaker, listener, what, _compact(frame.payload), style)

    def webhook(self, partner: str, event: Event) -> None:
        """Tell which event a partner received and verified."""
        shown = event["data"]["object"]
        facts = {
            name: shown[name]
            for name in ("status", "energy_wh", "stop_reason", "failure", "late_outcome")
            if shown.get(name) is not None
        }
        self.line("voltgate", partner, f"webhook {event['type']}", _compact(facts), "green")

    def check(self, promise: str, *, kept: bool) -> None:
        """Count and print whether *promise* was kept."""
        if kept:
            self.kept += 1
            self.console.print(Text(f"           kept: {promise}", style="green"), soft_wrap=True)
        else:
            self.broken.append(promise)
            self.console.print(
                Text(f"           BROKEN: {promise}", style="bold red"), soft_wrap=True
            )


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)
