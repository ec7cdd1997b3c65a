"""The table of rules in the operators' page is that of the code."""

from pathlib import Path

from core.conduct.rules import RULES

PAGE = Path(__file__).parents[2] / "docs" / "operators" / "conduct.md"


def test_the_page_shows_every_rule_with_its_threshold() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for rule in RULES.values():
        share = "-" if rule.share_percent is None else f"{rule.share_percent} %"
        row = (
            f"| `{rule.name}` | {rule.counts} | {rule.count} | {share} | "
            f"{rule.window_minutes} min | `{rule.ceiling}` |"
        )
        assert row in page
