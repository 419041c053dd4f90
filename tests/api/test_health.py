"""What machines that watch the server are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, text

from api.app import create_app
from api.settings import Settings
from evomerge.errors import StoreError
from experiments.database import VERSION_TABLE
from experiments.states import CandidateKind, ExperimentState, Split
from experiments.store import Store


def samples(page: str) -> dict[tuple[str, ...], float]:
    """Return {(name, label value, …): value}."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_a_living_server_says_so(anonymous: TestClient) -> None:
    for path in ("/livez", "/readyz"):
        response = anonymous.get(path)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    "harm",
    [f"DROP TABLE {VERSION_TABLE}", f"UPDATE {VERSION_TABLE} SET version_num = '0001'",
     f"UPDATE {VERSION_TABLE} SET version_num = 'later'"],
    ids=["no schema", "older schema", "newer schema"],
)  # fmt: skip
def test_a_server_whose_store_has_another_schema_is_alive_but_not_ready(
    store: Store, anonymous: TestClient, harm: str
) -> None:
    with store._engine.begin() as connection:
        connection.execute(text(harm))
    assert anonymous.get("/livez").status_code == 200
    response = anonymous.get("/readyz")
    assert (response.status_code, response.json()["code"]) == (503, "store")


def test_a_server_without_its_store_is_not_ready(store: Store, anonymous: TestClient, client: TestClient) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no route to host")

    store._engine.dispose()
    event.listen(store._engine, "do_connect", refuse)
    for response in (anonymous.get("/readyz"), client.get("/metrics"), client.get("/api/v1/tokens")):
        assert (response.status_code, response.json()["code"]) == (503, "store_unavailable")
        assert "no route" not in response.text and store._engine.url.database not in response.text
    assert anonymous.get("/livez").status_code == 200


def record(store: Store, name: str) -> str:
    """An experiment with one scored, one infeasible and one asked candidate, and one lost attempt."""
    experiment = store.create_experiment({"name": name}, "/", {})
    store.claim_driver(experiment.id)
    for number in range(3):
        candidate = store.record_ask(
            experiment.id,
            number=number,
            kind=CandidateKind.SEARCH,
            label="",
            vector=[0.0],
            recipe={},
            digest=str(number),
        )
        attempt = store.record_started(candidate.id, Split.SEARCH, worker="w", block=0)
        if number == 0:
            store.record_lost(candidate.id, Split.SEARCH, "gone", block=0)
            attempt = store.record_started(candidate.id, Split.SEARCH, worker="w", block=0)
        if number == 1:
            store.record_infeasible(candidate.id, Split.SEARCH, "NaN", attempt=attempt, block=0)
    return experiment.id


def test_the_metrics_count_what_is_stored(store: Store, client: TestClient) -> None:
    first = record(store, "first")
    store.release_driver(first, ExperimentState.FINISHED)
    record(store, "second")
    found = samples(client.get("/metrics").text)
    assert found["evomerge_experiments", "finished"] == 1
    assert found["evomerge_experiments", "running"] == 1
    assert found["evomerge_experiments", "failed"] == 0
    assert found["evomerge_candidates", "infeasible"] == 2
    assert found["evomerge_candidates", "asked"] == 4
    # Ending the first experiment lost its two running attempts.
    assert found["evomerge_evaluations", "lost"] == 4
    assert found["evomerge_evaluations", "running"] == 2


def test_the_metrics_count_requests_by_route(client: TestClient, anonymous: TestClient) -> None:
    client.get("/api/v1/tokens")
    client.delete("/api/v1/tokens/00000000")
    client.delete("/api/v1/tokens/00000001")
    anonymous.get("/any/address/at/all")
    client.request("FROB", "/livez")
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    found = samples(response.text)
    assert found["evomerge_http_requests_total", "GET", "/api/v1/tokens", "200"] == 1
    assert found["evomerge_http_requests_total", "DELETE", "/api/v1/tokens/{token_id}", "404"] == 2
    assert found["evomerge_http_requests_total", "GET", "none", "401"] == 1
    assert found["evomerge_http_request_seconds_count", "DELETE", "/api/v1/tokens/{token_id}"] == 2
    assert not any("FROB" in key or "/any/address/at/all" in key for key in found)
    assert found["evomerge_store_statement_seconds_count",] > 0


def test_others_set_gauges(app: FastAPI, client: TestClient) -> None:
    app.state.metrics.sse_clients.inc()
    app.state.metrics.drivers.labels("running").set(2)
    found = samples(client.get("/metrics").text)
    assert found["evomerge_sse_clients",] == 1
    assert found["evomerge_drivers", "running"] == 2


def test_metrics_need_a_token(anonymous: TestClient, reader: TestClient) -> None:
    assert anonymous.get("/metrics").status_code == 401
    assert reader.get("/metrics").status_code == 200


def test_a_scrape_costs_as_much_with_many_experiments(store: Store, client: TestClient) -> None:
    def statements() -> float:
        return samples(client.get("/metrics").text)["evomerge_store_statement_seconds_count",]

    statements()
    first = statements()
    one_scrape = statements() - first
    for number in range(20):
        store.create_experiment({"name": f"n{number}"}, "/", {})
    before = statements()
    assert statements() - before == one_scrape > 0


def test_a_store_that_never_was_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        create_app(Settings(store=f"{tmp_path}/file/store.db"))


def test_a_server_that_opened_its_store_closes_it(store_url: str) -> None:
    app = create_app(Settings(store=store_url))
    with TestClient(app, base_url="http://localhost") as client:
        assert client.get("/readyz").status_code == 200
        pool = app.state.store._engine.pool
    assert app.state.store._engine.pool is not pool
