"""Optional traces by OpenTelemetry: one span per request, in the caller's trace where it names one."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evomerge.errors import InvalidInput

try:
    from opentelemetry import propagate
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import SpanKind, Status, StatusCode
except ImportError as error:
    raise InvalidInput(
        "EVOMERGE_OTLP_ENDPOINT",
        f"traces need a package that is not installed ({error})",
        "pip install 'evomerge[otel]', or unset it",
    ) from error


def make_tracer_provider(endpoint: str) -> TracerProvider:
    """Return a provider that sends spans to ``endpoint`` in the background; the caller shuts it down."""
    provider = TracerProvider(resource=Resource.create({"service.name": "evomerge"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
    return provider


class Tracing:
    """Wraps every request in a span named after its method and route."""

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        self._app = app
        self._tracer = provider.get_tracer("evomerge.api")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        parent = propagate.extract(Headers(scope=scope))
        with self._tracer.start_as_current_span(method, parent, SpanKind.SERVER) as span:
            span.set_attribute("http.request.method", method)
            span.set_attribute("evomerge.request_id", scope["state"]["request_id"])

            async def with_status(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(Status(StatusCode.ERROR))
                await send(message)

            await self._app(scope, receive, with_status)
            if (route := getattr(scope.get("route"), "path", None)) is not None:
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)
