"""Candidates, items, evaluations, workers, charts and comparisons."""

from __future__ import annotations

from typing import Any

import pytest
from dashboard_data import drive_large
from fastapi import FastAPI
from fastapi.testclient import TestClient
from seeded import GENES, counted, new_experiment, seed

from experiments.states import Split
from experiments.store import Store

URL = "/api/v1/experiments"


def walk(client: TestClient, url: str, key: str, **params: Any) -> list[dict[str, Any]]:
    """Follow the cursors to the end."""
    seen: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        response = client.get(url, params={**params, **cursor})
        assert response.status_code == 200, response.text
        page = response.json()
        assert len(page[key]) <= params["limit"]
        seen += page[key]
        if page["next"] is None:
            return seen
        cursor = {"cursor": page["next"]}


class TestCandidates:
    @pytest.mark.parametrize("limit", [1, 4, 12, 200])
    def test_pages_have_everything_once(self, reader: TestClient, store: Store, limit: int) -> None:
        url = f"{URL}/{seed(store).id}/candidates"
        up = [one["number"] for one in walk(reader, url, "candidates", limit=limit)]
        down = [one["number"] for one in walk(reader, url, "candidates", limit=limit, order="-number")]
        best = walk(reader, url, "candidates", limit=limit, order="-fitness")
        assert up == down[::-1] == list(range(12))
        keys = [(-one["fitness"], one["number"]) for one in best]
        assert keys == sorted(keys) and len(keys) == len({number for _, number in keys}) == 9

    def test_ties_are_walked_too(self, reader: TestClient, store: Store) -> None:
        # 37 number mod 11 repeats, so that 60 candidates have 11 different values.
        url = f"{URL}/{seed(store, 60).id}/candidates"
        best = walk(reader, url, "candidates", limit=7, order="-fitness")
        assert len({one["number"] for one in best}) == len(best) == 48

    def test_filters(self, reader: TestClient, store: Store) -> None:
        url = f"{URL}/{seed(store).id}/candidates"
        lost = walk(reader, url, "candidates", limit=1, state="infeasible")
        assert [(one["number"], one["reason"]) for one in lost] == [
            (4, "NaN in the weights"),
            (9, "NaN in the weights"),
        ]
        assert [one["label"] for one in walk(reader, url, "candidates", limit=5, kind="baseline")] == ["base"]

    def test_a_cursor_belongs_to_its_order(self, reader: TestClient, store: Store) -> None:
        url = f"{URL}/{seed(store).id}/candidates"
        cursor = reader.get(url, params={"limit": 2}).json()["next"]
        response = reader.get(url, params={"limit": 2, "order": "-fitness", "cursor": cursor})
        assert (response.status_code, response.json()["field"]) == (422, "query.cursor")

    def test_one_candidate(self, reader: TestClient, store: Store) -> None:
        url = f"{URL}/{seed(store).id}/candidates"
        shown = reader.get(f"{url}/3").json()
        assert shown["recipe"] == {"method": "task_arithmetic", "models": ["a", "b"]}
        assert shown["vector"] == [3 / 7, -0.25, 0.0]
        (evaluation,) = shown["evaluations"]
        assert (evaluation["state"], evaluation["worker"], evaluation["num_items"]) == ("done", "worker-0", 4)
        assert evaluation["summary"]["words"]["items"] == 2
        for missing in ("12", "2147483647"):
            assert reader.get(f"{url}/{missing}").status_code == 404
        for wrong in ("-1", "2147483648", "x"):
            assert reader.get(f"{url}/{wrong}").status_code == 422

    def test_items(self, reader: TestClient, store: Store) -> None:
        url = f"{URL}/{seed(store).id}/candidates/3/items"
        items = walk(reader, url, "items", limit=1)
        assert [(one["task"], one["item"][-1]) for one in items] == [
            ("choice", "0"), ("choice", "1"), ("words", "0"), ("words", "1")
        ]  # fmt: skip
        assert {one["output"] for one in items} == {None}
        assert {one["output"] for one in walk(reader, url, "items", limit=3, outputs="true")} == {"an answer"}
        assert walk(reader, url, "items", limit=3, split="test") == []

    def test_evaluations_are_listed_once_each_at_their_last_start(self, reader: TestClient, store: Store) -> None:
        experiment = seed(store)
        (last,) = store.candidates(experiment.id)[-1:]
        store.record_lost(last.id, Split.SEARCH, "its worker is gone")
        assert store.record_started(last.id, Split.SEARCH, worker="worker-1") == 2
        url = f"{URL}/{experiment.id}/evaluations"
        whole = walk(reader, url, "evaluations", limit=3)
        assert [one["number"] for one in whole] == [*range(11, -1, -1)]
        assert (whole[0]["attempt"], whole[0]["worker"], whole[0]["state"]) == (2, "worker-1", "running")
        assert whole == walk(reader, url, "evaluations", limit=200)
        # The first attempt of the newest one takes a place, and is not shown again.
        assert [len(reader.get(url, params={"limit": size}).json()["evaluations"]) for size in (1, 2, 3)] == [1, 1, 2]


class TestWorkers:
    def test_of_one_experiment(self, reader: TestClient, store: Store) -> None:
        found = reader.get(f"{URL}/{seed(store).id}/workers").json()["workers"]
        counts = {one["worker"]: (one["running"], one["done"], one["infeasible"], one["items"]) for one in found}
        assert counts == {"worker-0": (0, 3, 1, 12), "worker-1": (0, 3, 1, 12), "worker-2": (1, 3, 0, 12)}

    def test_of_all_that_run(self, reader: TestClient, store: Store) -> None:
        running, _, _ = seed(store, name="runs"), seed(store, finished=True), new_experiment(store)
        found = reader.get("/api/v1/workers").json()["workers"]
        assert {(one["experiment_id"], one["experiment_name"]) for one in found} == {(running.id, "runs")}
        assert {one["worker"] for one in found} == {"worker-0", "worker-1", "worker-2"}


class TestCharts:
    def test_series_are_columns_of_bounded_length(self, reader: TestClient, store: Store) -> None:
        url = f"{URL}/{seed(store, 60).id}/series"
        whole, short = reader.get(url).json(), reader.get(url, params={"points": 7}).json()
        columns = ("number", "at", "scored", "infeasible", "low", "mean", "high", "best")
        assert (whole["width"], whole["total"]) == (1, 60)
        assert {len(whole[name]) for name in columns} == {60}
        assert {len(short[name]) for name in columns} == {7} and short["width"] == 9
        assert sum(short["scored"]) == sum(whole["scored"]) == 48
        assert short["best"] == sorted(short["best"]) and short["best"][-1] == whole["best"][-1] == 10 / 11
        assert whole["low"][4] is None  # an infeasible one has no fitness, and is no zero

    def test_coefficients_are_a_matrix_with_names(self, reader: TestClient, store: Store) -> None:
        url = f"{URL}/{seed(store).id}/coefficients"
        found = reader.get(url, params={"order": "number", "limit": 5}).json()
        assert found["genes"] == list(GENES)
        assert found["number"] == [1, 2, 3, 4, 5]
        assert found["values"] == [[number / 7, -0.25, 0.0] for number in found["number"]]
        best = reader.get(url, params={"order": "-fitness", "limit": 3}).json()["fitness"]
        assert best == sorted(best, reverse=True)

    @pytest.mark.parametrize(("limit", "step"), [(500, 1), (12, 5), (3, 21)])
    def test_an_even_sample_of_coefficients(self, reader: TestClient, store: Store, limit: int, step: int) -> None:
        url = f"{URL}/{seed(store, 60).id}/coefficients"
        found = reader.get(url, params={"order": "even", "limit": limit}).json()["number"]
        assert found == [number for number in range(1, 60) if number % step == 0]

    def test_comparison(self, reader: TestClient, store: Store) -> None:
        first, second = seed(store, name="one", finished=True), seed(store, 30, name="two")
        response = reader.get(f"{URL}/compare", params={"ids": f"{second.id},one", "points": 5})
        assert response.status_code == 200, response.text
        two, one = response.json()["experiments"]
        assert (two["experiment"]["id"], one["experiment"]["id"]) == (second.id, first.id)
        assert (two["outcome"], one["outcome"]["winner"]["number"]) == (None, 1)
        assert len(two["series"]["best"]) == 5 and len(one["standings"]) == 10
        assert one["experiment"]["headline"]["best"]["number"] == 1

    @pytest.mark.parametrize(("ids", "status"), [("", 422), ("a,,b", 422), (",".join("abcdefg"), 422), ("nobody", 404)])
    def test_what_cannot_be_compared(self, reader: TestClient, ids: str, status: int) -> None:
        assert reader.get(f"{URL}/compare", params={"ids": ids}).status_code == status


# Queries of the reads that have any to choose from.
QUERIES = {
    "/experiments/{experiment_id}/candidates": ["", "?order=-fitness", "?order=-number", "?state=scored"],
    "/experiments/{experiment_id}/candidates/{number}/items": ["", "?outputs=true"],
    "/experiments/{experiment_id}/coefficients": ["", "?order=-fitness", "?order=even"],
    "/experiments/compare": ["?ids={experiment_id}"],
    "/experiments/{experiment_id}/comparison": ["?number=3&against=2"],
    "/experiments/{experiment_id}/items-compared": ["?number=3", "?number=3&against=2,1"],
}


def reads(app: FastAPI) -> list[str]:
    """Return every address of this API that shows experiments, with places for what varies."""
    paths = [
        path.removeprefix("/api/v1")
        for path, verbs in app.openapi()["paths"].items()
        if "get" in verbs and ("/experiments" in path or path.endswith("/workers"))
    ]
    return [f"/api/v1{path}{query}" for path in paths for query in QUERIES.get(path, [""])]


def test_no_read_takes_more_queries_for_more_candidates(reader: TestClient, store: Store, app: FastAPI) -> None:
    addresses = reads(app)
    assert len(addresses) >= 18
    counts: dict[str, list[int]] = {address: [] for address in addresses}
    reader.get(URL)  # the token's last use is written once

    def count(experiment: str) -> None:
        for address in addresses:
            with counted(store) as statements:
                response = reader.get(address.format(experiment_id=experiment, number=3))
            assert response.status_code == 200, response.text
            counts[address].append(len(statements))

    count(drive_large(store, 500).id)
    count(drive_large(store, 50_000).id)
    assert all(before == after > 0 for before, after in counts.values()), counts
