"""Exports end as ready or failed, whoever dies meanwhile."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crashes import EXPORT_PLACE
from service import wait_until

from api.launching import exports
from api.launching.exports import Exporter
from experiments.entities import Artifact
from experiments.spec import load_any
from experiments.states import ArtifactState, CandidateKind
from experiments.store import Store
from optimizer.exports import make_artifact
from optimizer.launch import create
from optimizer.plan import Plan
from runs import TinyExperiment, environment


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def asked(store: Store, tiny_experiment: TinyExperiment, tmp_path: Path) -> Artifact:
    """A pending artifact of a real merge."""
    loaded = load_any(tiny_experiment.spec("exported"))
    experiment, plan = create(store, loaded.spec, loaded.source_dir)
    assert isinstance(plan, Plan)
    store.claim_driver(experiment.id)
    recipe = plan.baselines[-1].recipe
    store.record_ask(
        experiment.id, number=0, kind=CandidateKind.BASELINE, label="mean", vector=None,
        recipe=recipe.to_dict(), digest=recipe.digest(),
    )  # fmt: skip
    return store.ask_export(experiment.id, 0, str(tmp_path / "artifacts"), by="me")


@pytest.fixture
def statuses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How the exporting processes ended."""
    found: list[int] = []

    class Log:
        @staticmethod
        def info(event: str, *, artifact: str, status: int) -> None:
            found.append(status)

    monkeypatch.setattr(exports, "_log", Log)
    return found


def check_whole(artifact: Artifact) -> None:
    assert artifact.state is ArtifactState.READY, artifact.error
    assert "model.safetensors" in artifact.files
    for name, about in artifact.files.items():
        assert hashlib.sha256(Path(artifact.path, name).read_bytes()).hexdigest() == about["sha256"]


def test_an_export_whose_process_is_killed_is_made_again(
    store: Store, store_url: str, asked: Artifact, statuses: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = Exporter(store, store_url)
    monkeypatch.setenv("EVOMERGE_FAILPOINT", EXPORT_PLACE)
    exporter.tick()
    monkeypatch.delenv("EVOMERGE_FAILPOINT")
    wait_until(lambda: exporter.tick() or statuses)
    assert statuses == [-signal.SIGKILL]
    wait_until(lambda: exporter.tick() or statuses[1:])
    assert statuses[1:] == [0]
    check_whole(store.artifact(asked.id))
    assert store.audit() == []


def test_an_export_whose_processes_are_all_killed_fails_and_says_so(
    store: Store, store_url: str, asked: Artifact, statuses: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOMERGE_FAILPOINT", EXPORT_PLACE)
    exporter = Exporter(store, store_url)
    wait_until(lambda: exporter.tick() or store.artifact(asked.id).state is not ArtifactState.PENDING)
    assert statuses == [-signal.SIGKILL] * 2
    failed = store.artifact(asked.id)
    assert failed.state is ArtifactState.FAILED and "ended twice, at last with -9" in str(failed.error)
    exporter.tick()
    assert len(statuses) == 2


def test_an_export_of_a_server_that_died_is_left_to_end(store: Store, store_url: str, asked: Artifact) -> None:
    orphan = subprocess.Popen(
        [sys.executable, "-m", "evomerge", "driver", "--artifact", asked.id],
        env=environment(EVOMERGE_STORE=store_url),
    )
    wait_until(lambda: Path(asked.path).parent.joinpath(".export.lock").exists())
    check_whole(make_artifact(store, asked.id))
    assert orphan.wait(60) == 0
    ended: list[Any] = [one for one in store.ledger(asked.experiment_id) if one.payload.get("state") == "ready"]
    assert len(ended) == 1


def test_a_folder_that_cannot_be_written_fails_the_export(store: Store, asked: Artifact) -> None:
    Path(asked.path).parent.write_text("in the way")
    failed = make_artifact(store, asked.id)
    assert failed.state is ArtifactState.FAILED and "File exists" in str(failed.error)
