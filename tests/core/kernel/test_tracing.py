"""Traces cost nothing unless they are asked for, and follow nobody's wish but the settings'."""

import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from core.kernel import tracing
from core.kernel.settings import FixedSettings


def test_without_a_destination_a_span_is_nothing() -> None:
    with tracing.running(FixedSettings()):
        assert not tracing.is_on()
        assert tracing.current() is None
        assert tracing.span("one") is tracing.span("another", operation_id="op_1")
        with tracing.span("one") as span:
            span.rename("two")
            span.note(status=200)


def test_a_trace_that_is_not_sampled_is_not_kept_whatever_its_parent_says() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=tracing.sampler(0.0), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with tracing.running(FixedSettings(), provider), tracing.span("one", parent=parent):
        assert (tracing.current() or "").startswith("00-4bf92f3577b34da6a3ce929d0e0e4736")
    assert not exporter.get_finished_spans()


def test_a_parent_that_cannot_be_read_begins_a_trace_of_its_own() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with tracing.running(FixedSettings(), provider), tracing.span("one", parent="nonsense"):
        pass
    assert [span.parent for span in exporter.get_finished_spans()] == [None]


def test_a_process_that_shall_trace_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    settings = FixedSettings(traces_endpoint="http://127.0.0.1:1/v1/traces")
    with (
        pytest.raises(RuntimeError, match=r"pip install 'voltgate\[otel\]'"),
        tracing.running(settings),
    ):
        pass
