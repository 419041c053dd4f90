"""Exports: asked for, listed, downloaded."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from seeded import BLACKBOX, new_experiment, seed

from api.settings import Settings
from experiments.entities import Artifact
from experiments.store import Store

URL = "/api/v1/experiments"
CONTENT = bytes(range(256)) * 10


def make_ready(store: Store, artifact_id: str, name: str = "model.safetensors") -> Artifact:
    """Write the file of an artifact, and one that is not listed, as the exporter would."""
    artifact = store.artifact(artifact_id)
    folder = Path(artifact.path)
    folder.mkdir(parents=True)
    (folder / name).write_bytes(CONTENT)
    (folder / "unlisted.txt").write_text("not yours")
    digest = hashlib.sha256(CONTENT).hexdigest()
    return store.finish_export(artifact_id, {name: {"bytes": len(CONTENT), "sha256": digest}})


class TestExport:
    def test_a_candidate_is_asked_for(self, runner: TestClient, store: Store, settings: Settings) -> None:
        experiment = seed(store)
        response = runner.post(f"{URL}/{experiment.id}/exports", json={"candidate": 3})
        assert response.status_code == 202, response.text
        shown = response.json()
        assert (shown["state"], shown["number"], shown["files"]) == ("pending", 3, {})
        assert response.headers["Location"] == f"/api/v1/artifacts/{shown['id']}"
        assert Path(store.artifact(shown["id"]).path).parent == settings.artifact_root
        assert runner.get(f"{URL}/{experiment.id}/artifacts").json()["artifacts"] == [shown]
        assert runner.get(response.headers["Location"]).json() == shown

    def test_the_winner_is_what_is_meant_without_a_number(self, runner: TestClient, store: Store) -> None:
        experiment = seed(store, finished=True)
        assert runner.post(f"{URL}/{experiment.id}/exports", json={}).json()["number"] == 1

    def test_a_repeated_request_is_one_artifact(self, runner: TestClient, store: Store) -> None:
        experiment = seed(store)
        url, headers = f"{URL}/{experiment.id}/exports", {"Idempotency-Key": "k"}
        first = runner.post(url, json={"candidate": 3}, headers=headers).json()
        make_ready(store, first["id"])
        again = runner.post(url, json={"candidate": 3}, headers=headers)
        assert (again.json()["id"], again.json()["state"]) == (first["id"], "ready")
        assert len(store.artifacts()) == 1

    def test_what_cannot_be_exported(self, runner: TestClient, store: Store) -> None:
        experiment = seed(store)
        box = store.create_experiment(BLACKBOX, "/", {"genes": []}, owner="run-person")
        for one, body, status in ((experiment, {}, 409), (experiment, {"candidate": 99}, 404), (box, {}, 409)):
            assert runner.post(f"{URL}/{one.id}/exports", json=body).status_code == status
        assert store.artifacts() == []


class TestDownload:
    @pytest.fixture
    def artifact(self, store: Store, settings: Settings) -> Artifact:
        experiment = new_experiment(store)
        asked = store.ask_export(experiment.id, 0, str(settings.artifact_root), by="x")
        return make_ready(store, asked.id)

    def test_whole(self, reader: TestClient, artifact: Artifact) -> None:
        response = reader.get(f"/api/v1/artifacts/{artifact.id}/files/model.safetensors")
        assert (response.status_code, response.content) == (200, CONTENT)
        assert response.headers["Content-Disposition"] == 'attachment; filename="model.safetensors"'
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Type"] == "application/octet-stream"

    def test_in_parts(self, reader: TestClient, artifact: Artifact) -> None:
        url = f"/api/v1/artifacts/{artifact.id}/files/model.safetensors"
        tag = reader.get(url).headers["ETag"]
        for headers in ({}, {"If-Range": tag}):
            part = reader.get(url, headers={"Range": "bytes=100-199", **headers})
            assert (part.status_code, part.content) == (206, CONTENT[100:200])
        changed = reader.get(url, headers={"Range": "bytes=100-199", "If-Range": '"other"'})
        assert (changed.status_code, changed.content) == (200, CONTENT)
        assert reader.get(url, headers={"Range": "bytes=99999-"}).status_code == 416
        assert reader.get(url, headers={"If-None-Match": tag}).status_code == 304

    @pytest.mark.parametrize(
        "name",
        ["unlisted.txt", "..%2Funlisted.txt", "%2e%2e", "model.safetensors%00", "%2Fetc%2Fpasswd", "a%2Fb", "é", "..."],
    )
    def test_nothing_but_what_is_listed(self, reader: TestClient, artifact: Artifact, name: str) -> None:
        response = reader.get(f"/api/v1/artifacts/{artifact.id}/files/{name}")
        assert response.status_code in (404, 422)
        assert response.headers["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize("key", ["0" * 32, "x", "../" * 3])
    def test_unknown_artifacts(self, reader: TestClient, artifact: Artifact, key: Any) -> None:
        assert reader.get(f"/api/v1/artifacts/{key}").status_code in (404, 422)

    def test_a_model_card_is_no_page(self, reader: TestClient, store: Store, settings: Settings) -> None:
        asked = store.ask_export(new_experiment(store).id, 0, str(settings.artifact_root), by="x")
        make_ready(store, asked.id, name="README.html")
        response = reader.get(f"/api/v1/artifacts/{asked.id}/files/README.html")
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-Disposition"].startswith("attachment")
