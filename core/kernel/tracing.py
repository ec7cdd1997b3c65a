"""Traces in OpenTelemetry's form, if they are asked for: what happened within one request.

Unless ``VOLTGATE_TRACES_ENDPOINT`` is set a span is a shared object that does nothing, and
OpenTelemetry is not even imported (``docs/adr/0025``). A trace begins with a partner's request
(its ``traceparent``, if it sends one) and goes on through the operation's row to the charger's node
and through the event's row to the webhook.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol

from core.kernel.settings_tracing import TracingSettings

SERVICE: Final = "voltgate"
HEADER: Final = "traceparent"
"""W3C Trace Context: version, trace, span and flags; 55 characters."""


class Span(Protocol):
    """What happens while a block runs."""

    def rename(self, name: str) -> None:
        """Give the span the name that was not known when it began."""

    def note(self, **facts: str | int | None) -> None:
        """Add facts: ids and words, never a secret."""


class _Nothing:
    """The span of a process that traces nothing."""

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def rename(self, name: str) -> None:
        return

    def note(self, **facts: str | int | None) -> None:
        return


_NOTHING: Final = _Nothing()
_tracing: "_Tracing | None" = None


def is_on() -> bool:
    """Tell whether this process traces at all."""
    return _tracing is not None


def span(
    name: str,
    *,
    parent: str | None = None,
    leads: bool = True,
    **facts: str | int | None,
) -> AbstractContextManager[Span]:
    """Trace what happens in the block.

    Args:
        parent: A ``traceparent`` to go on from; what it interrupts here is linked to. One that
            cannot be read is passed over.
        leads: Spans that begin in the block are parts of this one. Not for a block whose end may
            be in another task than its begin.
        facts: Attributes.
    """
    if _tracing is None:
        return _NOTHING
    return _tracing.span(name, parent=parent, leads=leads, facts=facts)


def current() -> str | None:
    """Return the ``traceparent`` of what happens here, to be stored or sent; ``None``: none."""
    return None if _tracing is None else _tracing.current()


@contextmanager
def running(settings: TracingSettings, provider: Any = None) -> Iterator[None]:
    """Trace until the block is left, if the settings say so; then send what waits.

    Args:
        provider: A ``TracerProvider`` in place of the one that the settings describe.

    Raises:
        RuntimeError: OpenTelemetry is not installed.
    """
    global _tracing  # noqa: PLW0603 - one process, one destination
    if provider is None and settings.traces_endpoint is not None:
        provider = _provider(settings)
    if provider is None or _tracing is not None:  # a platform inside another one joins it
        yield
        return
    _tracing = _Tracing(provider)
    try:
        yield
    finally:
        _tracing = None
        provider.shutdown()


def _provider(settings: TracingSettings) -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as exc:
        raise RuntimeError(
            "VOLTGATE_TRACES_ENDPOINT needs OpenTelemetry: pip install 'voltgate[otel]'"
        ) from exc
    provider = TracerProvider(
        resource=Resource.create({"service.name": SERVICE}),
        sampler=sampler(settings.traces_ratio),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=settings.traces_endpoint)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def sampler(ratio: float) -> Any:
    """Return what decides by the trace's id alone: alike on all nodes, whatever a partner asks."""
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    by_id = TraceIdRatioBased(ratio)
    return ParentBased(by_id, remote_parent_sampled=by_id, remote_parent_not_sampled=by_id)


class _Tracing:
    """OpenTelemetry, behind what this page offers."""

    def __init__(self, provider: Any) -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation import tracecontext

        self._trace = trace
        self._tracer = provider.get_tracer(SERVICE)
        self._propagator = tracecontext.TraceContextTextMapPropagator()

    @contextmanager
    def span(
        self,
        name: str,
        *,
        parent: str | None,
        leads: bool,
        facts: Mapping[str, str | int | None],
    ) -> Iterator[Span]:
        context, links = None, []
        if parent is not None:
            context = self._propagator.extract({HEADER: parent})
            here = self._trace.get_current_span().get_span_context()
            if here.is_valid:
                links.append(self._trace.Link(here))
        begun = self._tracer.start_span(name, context=context, links=links)
        noted = _Noted(begun)
        noted.note(**facts)
        if leads:
            with self._trace.use_span(begun, end_on_exit=True):
                yield noted
            return
        try:
            yield noted
        except BaseException as exc:
            begun.record_exception(exc)
            raise
        finally:
            begun.end()

    def current(self) -> str | None:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get(HEADER)


class _Noted:
    def __init__(self, begun: Any) -> None:
        self._begun = begun

    def rename(self, name: str) -> None:
        self._begun.update_name(name)

    def note(self, **facts: str | int | None) -> None:
        for name, value in facts.items():
            if value is not None:
                self._begun.set_attribute(f"{SERVICE}.{name}", value)
