"""The report over HTTP: as data, as Markdown, as a page to download."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fakes import FakeProblem, drive, search_spec, spec_data
from fastapi.testclient import TestClient

from evals.provenance import Provenance
from experiments.states import ExperimentState
from experiments.store import Store
from optimizer.reporting.build import build_document
from optimizer.reporting.formats import ReportFormat
from optimizer.reporting.render import render


def finished(store: Store, **fields: Any) -> str:
    problem = FakeProblem(search_spec(algorithm="pycma"), **fields)
    created = store.create_experiment({**spec_data(problem.search), "name": "<b>"}, "/", {})
    drive(store, created.id, problem)
    store.release_driver(created.id, ExperimentState.FINISHED)
    return created.id


@pytest.fixture
def experiment(store: Store) -> str:
    return finished(store)


def test_every_format_says_what_the_store_says(reader: TestClient, store: Store, experiment: str) -> None:
    document = build_document(store, store.get_experiment(experiment))
    path = f"/api/v1/experiments/{experiment}/report"
    asked: list[tuple[dict[str, Any], ReportFormat]] = [
        ({}, ReportFormat.JSON),
        ({"headers": {"Accept": "text/markdown"}}, ReportFormat.MARKDOWN),
        ({"headers": {"Accept": "image/png, text/html;q=0.9"}}, ReportFormat.HTML),
        ({"params": {"format": "markdown"}, "headers": {"Accept": "text/html"}}, ReportFormat.MARKDOWN),
    ]
    for options, format in asked:
        answer = reader.get(path, **options)
        assert (answer.status_code, answer.text) == (200, render(document, format))
        assert answer.headers["vary"] == "Accept" and answer.headers["x-content-type-options"] == "nosniff"
        opened = answer.headers.get("content-disposition")
        assert opened == (f'attachment; filename="report-{experiment}.html"' if format is ReportFormat.HTML else None)


def test_who_may_not_read_and_what_is_no_format(anonymous: TestClient, reader: TestClient, experiment: str) -> None:
    path = f"/api/v1/experiments/{experiment}/report"
    assert anonymous.get(path).status_code == 401
    refused = reader.get(path, params={"format": "pdf"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "query.format")
    assert reader.get("/api/v1/experiments/nothing/report").status_code == 404


def test_experiments_side_by_side_say_where_scores_were_made_differently(reader: TestClient, store: Store) -> None:
    known = Provenance("0.5", "lm-eval 0", "fake 1", {}, "cpu", "bfloat16", 0, {}, "in place", "3d", {})
    first, second = (finished(store, provenance=known) for _ in range(2))
    third = finished(store, provenance=replace(known, dtype="float32"))

    def warnings(*ids: str) -> list[str]:
        found: list[str] = reader.get("/api/v1/experiments/compare", params={"ids": ",".join(ids)}).json()["warnings"]
        return found

    assert warnings(first, second) == []
    (warning,) = warnings(first, second, third)
    assert f"<b> {first} and <b> {third} differ in provenance: dtype (bfloat16 and float32)" in warning
