"""How much a statement may read, whatever the size of the tables."""

from collections.abc import Iterator, Mapping
from typing import Final

from tests.large.plans import Plan, Plans

READ_AT_MOST: Final = 5_000
"""Rows; a page of a list has 200, most jobs take 200 at a time, the largest batch is 5,000."""

MORE: Final[Mapping[str, tuple[int, str]]] = {
    "core.chargers.record_store._delete_before": (25_000, "5,000 are found, then deleted"),
    "core.jobs.schedule.cut_frames": (25_000, "5,000 are found, then deleted"),
    "core.jobs.schedule.cut_meter_values": (25_000, "5,000 are found, then deleted"),
    "core.chargers.record_store.frames_of": (50_000, "for an action, which has no index"),
    "core.chargers.security_store.newest": (10_000, "for a type, which has no index"),
    "core.request_log.store.newest": (10_000, "for filters, which have no index"),
    "core.request_log.store.delete_some": (12_000, "2,000 are found, then deleted"),
    "core.operations.store.search": (10_000, "for status and type, which have no index"),
    "core.webhooks.outbox.deliveries_page": (10_000, "for a type, which has no index"),
    "core.webhooks.tracing.newest_events": (50_000, "for a type, which has no index"),
    "core.chargers.record_store.tokens": (10_000, "of the list of id tokens, which operators fill"),
}
"""By the function that runs the statement: rows, and why it may read so many."""

WHOLE: Final[Mapping[str, str]] = {
    "core.doctor": "reads everything: that is its work, measured by `tests.large` apart",
}
"""By the beginning of a function's name: those that may read whole tables, and why."""


def findings(
    plans: Plans, *, sizes: Mapping[str, int], at_most: int = READ_AT_MOST
) -> Iterator[tuple[Plan, str]]:
    """Yield the plans that grow with the tables, and what is wrong.

    Args:
        sizes: Rows of each table.
        at_most: Rows that a statement may read.
    """
    for plan in sorted(plans.worst.values(), key=lambda plan: -plan.rows):
        if plan.where.startswith(tuple(WHOLE)):
            continue
        limit, _ = MORE.get(plan.where, (at_most, ""))
        if plan.rows > limit:
            yield plan, f"reads {plan.rows:,} rows, {limit:,} are allowed"
            continue
        for table, read in plan.scanned.items():
            if sizes.get(table, 0) > at_most and read > limit:
                yield plan, f"reads all of {table}"
