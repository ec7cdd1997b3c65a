"""What is said of a seed that failed."""

from collections.abc import Iterable

from tests.simulation.run import Verdict

LINES_SHOWN = 60


def report(verdict: Verdict, *, lines: int = LINES_SHOWN) -> str:
    """Return the seed, what was violated, the end of its trace, and how to see all of it again."""
    plan = verdict.plan
    troubles = ", ".join(plan.troubles) or "none"
    return "\n".join(
        (
            f"Seed {verdict.seed} failed: {plan.nodes} node(s), troubles: {troubles}",
            "",
            *(f"  ... {line}" for line in verdict.trace.lines(last=lines)),
            "",
            *(f"  violated: {one}" for one in verdict.violations),
            "",
            f"  Replay it with its whole trace: make simulate SEED={verdict.seed}",
        )
    )


def failures(verdicts: Iterable[Verdict]) -> str:
    """Return the reports of those that failed; empty: none did."""
    return "\n\n".join(report(one) for one in verdicts if one.violations)
