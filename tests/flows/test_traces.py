"""One trace from a partner's request to the charger and back to its webhook."""

from collections.abc import AsyncIterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from core.kernel import tracing
from core.kernel.clock import ShiftedClock
from core.kernel.settings import Settings
from tests.eventually import eventually
from tests.world import World, world

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
async def traced(
    settings: Settings, clock: ShiftedClock, exporter: InMemorySpanExporter
) -> AsyncIterator[World]:
    provider = TracerProvider(sampler=tracing.sampler(1.0), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with tracing.running(settings, provider):
        async with world(settings, clock=clock) as created:
            yield created


async def test_a_partners_trace_goes_on_to_the_charger_and_to_the_webhook(
    traced: World, exporter: InMemorySpanExporter
) -> None:
    await traced.add_charger()
    traced.partner.api.headers["traceparent"] = PARENT
    await traced.partner.start("r-1", await traced.connector_id("CP-1"))
    await traced.partner.outcome("r-1")

    async def of_the_partner() -> dict[str, ReadableSpan] | None:
        spans = {
            span.name: span
            for span in exporter.get_finished_spans()
            if span.context is not None and f"{span.context.trace_id:032x}" == TRACE
        }
        wanted = {
            "POST /v1/start_charge",
            "transaction",
            "command RemoteStartTransaction",
            "operation.succeeded",
            "webhook",
        }
        return spans if wanted <= set(spans) else None

    spans = await eventually(of_the_partner)
    frames = {
        span.context.span_id
        for span in exporter.get_finished_spans()
        if span.context is not None and span.name == "frame StartTransaction"
    }
    assert {link.context.span_id for link in spans["operation.succeeded"].links} <= frames
    assert (spans["webhook"].attributes or {})["voltgate.status"] == 204
    told = str([(span.name, span.attributes) for span in exporter.get_finished_spans()])
    assert traced.partner.key not in told
