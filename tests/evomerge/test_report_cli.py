"""``evomerge report`` from a server and from its store: the same report, in every format, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeProblem, drive, search_spec, spec_data
from served import Served

from evomerge import cli
from evomerge.client import Client
from experiments.states import ExperimentState


@pytest.fixture
def experiment(served: Served) -> str:
    problem = FakeProblem(search_spec(algorithm="pycma"))
    created = served.store.create_experiment(spec_data(problem.search), "/", {})
    drive(served.store, created.id, problem)
    served.store.release_driver(created.id, ExperimentState.FINISHED)
    return created.id


def test_server_and_store_give_the_same_report(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], served: Served, experiment: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("EVOMERGE_TOKEN", served.token)

    def report(*words: object) -> tuple[Any, str, str]:
        monkeypatch.setattr("sys.argv", ["evomerge", "report", *map(str, words)])
        capfd.readouterr()
        code: Any = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        return code, *capfd.readouterr()

    for format in ("markdown", "html", "json"):
        local = report(experiment, "--store", served.store_url, "--format", format)
        assert local[0] == 0 and report(experiment, "--server", served.url, "--format", format) == local
        out = tmp_path / "reports" / f"one.{format}"
        assert report("fake", "--store", served.store_url, "--format", format, "--out", out)[:2] == (0, "")
        assert out.read_text() == local[1]
        assert [path.name for path in out.parent.iterdir() if path.suffix == ".partial"] == []

    with Client(served.url, served.token) as client:
        shown = client.report(experiment)
    assert json.loads(local[1])["rows"][0]["overall"]["mean"] == shown.rows[0].overall.mean
    code, _, err = report(experiment, "--store", served.store_url, "--out", tmp_path)
    assert code == 2 and "--out" in err and "cannot be written" in err
    code, out_text, _ = report("nothing", "--store", served.store_url, "--format", "json")
    assert code == 2 and json.loads(out_text)["error"]["code"] == "not_found"
