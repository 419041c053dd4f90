"""Optional traces: sent to a real collector's address, or refused clearly."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from evomerge.errors import InvalidInput
from experiments.states import Scope
from experiments.store import Store


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """None of this depends on the back end."""
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """An HTTP server that keeps what it is sent; the value is its address and the bodies."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", bodies
        server.shutdown()
        thread.join()


def test_requests_are_traced_in_the_callers_trace(store: Store, collector: tuple[str, list[bytes]]) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    endpoint, bodies = collector
    _, secret = store.create_token("t", Scope.ADMIN, "me")
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    headers = {"Authorization": f"Bearer {secret}", "traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    app = create_app(Settings(otlp_endpoint=endpoint), store)
    with TestClient(app, base_url="http://localhost", headers=headers) as client:
        client.delete("/api/v1/tokens/00000000", headers={"X-Request-ID": "mine"})
    # The end of the server has sent what it had.
    (body,) = bodies
    (span,) = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    assert span.name == "DELETE /api/v1/tokens/{token_id}"
    assert span.trace_id.hex() == trace_id
    attributes = {one.key: one.value.string_value or one.value.int_value for one in span.attributes}
    assert attributes == {
        "http.request.method": "DELETE",
        "http.route": "/api/v1/tokens/{token_id}",
        "http.response.status_code": 404,
        "evomerge.request_id": "mine",
    }
    assert secret.encode() not in body


def test_traces_without_their_package_are_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "api.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(InvalidInput) as caught:
        create_app(Settings(otlp_endpoint="http://127.0.0.1:1/v1/traces"), store)
    assert caught.value.field == "EVOMERGE_OTLP_ENDPOINT"
    assert "evomerge[otel]" in caught.value.fix
