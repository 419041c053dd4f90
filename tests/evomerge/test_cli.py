"""The command line as programs and people use it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from experiments.store import Store
from runs import TinyExperiment, command, run, run_cold


def test_run_spends_the_budget_exactly_and_reports(reference: dict[str, Any]) -> None:
    assert reference["experiment"]["state"] == "finished"
    assert reference["counts"]["candidates"] == reference["counts"]["scored"] == 24
    report = reference["report"]
    roles = [model["role"] for model in report["models"]]
    assert roles == ["base", "expert", "expert", "baseline", "baseline", "merge"]
    assert report["statement"].startswith(("The merge beats", "No significant gain"))
    assert report["best_parent"] and report["best_baseline"]
    assert reference["gap"]["items"] == {"search": 20, "selection": 12, "test": 16}
    assert reference["test_uses"] == 1
    assert any(note.startswith("Searched by pycma") for note in reference["notes"])
    assert reference["front"]


def test_run_exports_the_winner(reference: dict[str, Any]) -> None:
    path = Path(reference["exported"]["path"])
    recipe = json.loads((path / "recipe.json").read_text())
    assert recipe["recipe"] == reference["winner"]["recipe"]
    assert (path / "mergekit_config.yml").exists()
    card = (path / "README.md").read_text()
    metadata = yaml.safe_load(card.split("---")[1])
    assert "merge" in metadata["tags"]
    for model in reference["report"]["models"]:
        assert f"{model['overall']['mean']:.3f}" in card


def test_ls_and_show_read_what_run_wrote(reference: dict[str, Any], tiny_experiment: TinyExperiment) -> None:
    url = tiny_experiment.store("reference")
    listed = run_cold("ls", "--store", url, "--format", "json")
    (one,) = json.loads(listed.stdout)["experiments"]
    identity = one["id"]
    assert identity == reference["experiment"]["id"]
    shown = json.loads(run_cold("show", identity[:4], "--store", url, "--format", "json").stdout)
    assert shown["outcome"]["report"] == reference["report"]
    text = run("show", "reference", "--store", url)
    assert text.returncode == 0
    assert reference["report"]["statement"] in text.stdout.replace("\n", " ")
    assert identity in run("ls", "--store", url).stdout


def test_export_of_a_named_candidate_and_refusal_to_overwrite(
    reference: dict[str, Any], tiny_experiment: TinyExperiment, tmp_path: Path
) -> None:
    url = tiny_experiment.store("reference")
    done = run_cold("export", "reference", "--candidate", "1", "--out", tmp_path / "one", "--store", url)
    assert done.returncode == 0, done.stderr
    recipe = json.loads((tmp_path / "one" / "recipe.json").read_text())["recipe"]
    assert recipe["coefficients"]["weight"] == {"a": [1.0], "b": [0.0]}
    before = sorted(path.name for path in (tmp_path / "one").iterdir())
    again = run("export", "reference", "--out", tmp_path / "one", "--store", url, "--format", "json")
    assert again.returncode == 2
    error = json.loads(again.stdout)["error"]
    assert error["field"] == "out" and str(tmp_path / "one") in error["problem"]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == before


def test_finished_experiment_is_not_resumed(reference: dict[str, Any], tiny_experiment: TinyExperiment) -> None:
    done = run("resume", "reference", "--store", tiny_experiment.store("reference"))
    assert done.returncode == 2
    assert "it is finished" in done.stderr


@pytest.mark.parametrize(
    ("change", "field", "hint"),
    [
        (lambda spec: spec.update(modles={}), "modles", "models"),
        (lambda spec: spec["merge"].update(method="tise"), "method", "ties"),
        (lambda spec: spec["models"].update(b="nowhere/at/all"), "models.b", "directory"),
        (lambda spec: spec["tasks"][0].update(task="no.yaml"), "tasks[0].task", "no.yaml"),
        (lambda spec: spec["tasks"][0].update(metric="exactmatch"), "metric", "exact_match"),
        (lambda spec: spec["tasks"][0]["splits"].update(search=500), "splits", "500"),
        (lambda spec: spec["search"].update(budget={"evaluations": 5}), "budget.evaluations", "at least"),
        (lambda spec: spec["search"].update(algorithm="cmaes"), "algorithm", "cma"),
        (lambda spec: spec["search"].update(options={"popsise": 4}), "options.popsise", "popsize"),
        (lambda spec: spec["search"].update(block_size=5), "block_size", "auto"),
        (lambda spec: spec["search"].update(budget={"items": 150}), "budget.items", "at least"),
        (lambda spec: spec.update(output="."), "output", "{id}"),
        (lambda spec: spec["search"].update(budget={"generated_tokens": 9}), "generated_tokens", "never end"),
    ],
)
def test_bad_spec_exits_with_2_before_anything_is_recorded(
    tiny_experiment: TinyExperiment, tmp_path: Path, change: Any, field: str, hint: str
) -> None:
    spec = tiny_experiment.spec("bad", change)
    url = f"sqlite:///{tmp_path / 'bad.db'}"
    # With a cluster of its own address, Ray is not started while the spec is checked.
    done = run("run", spec, "--store", url, "--format", "json", RAY_ADDRESS="127.0.0.1:1")
    assert done.returncode == 2, done.stderr
    error = json.loads(done.stdout)["error"]
    assert field in error["message"]
    assert hint in error["message"]
    assert error["fix"]
    with Store.open(url) as store:
        assert store.list_experiments() == []


def test_algorithms_are_listed_with_their_options() -> None:
    found = {one["name"]: one for one in json.loads(run_cold("algorithms", "--format", "json").stdout)["algorithms"]}
    assert {"auto", "merge-cma", "mergekit-evolve"} <= found.keys()
    popsize = next(one for one in found["merge-cma"]["options"] if one["name"] == "popsize")
    assert popsize["default"] is None and popsize["doc"]
    assert "popsize" in run("algorithms", "merge-cma").stdout
    assert "nevergrad" in run("algorithms", "DE").stdout
    assert run("algorithms", "merge-cam").returncode == 2


def test_methods_come_from_the_operators_own_declaration() -> None:
    methods = json.loads(run_cold("methods", "--format", "json").stdout)["methods"]
    ties = next(one for one in methods if one["name"] == "ties")
    assert ties["paper"] == "2306.01708"
    assert {one["name"] for one in ties["parameters"]} == {"weight", "density", "lambda", "lines_alpha", "lines_beta"}
    text = run("methods", "ties").stdout
    assert "density" in text and "slerp" not in text
    assert run("methods", "tie").returncode == 2


def test_schema_accepts_the_examples(tmp_path: Path) -> None:
    schema = json.loads(run_cold("schema").stdout)
    for name in ("json-math", "keep-both"):
        spec = Path(__file__).resolve().parents[2] / "examples" / f"{name}.yaml"
        jsonschema.validate(yaml.safe_load(spec.read_text()), schema)


def test_doctor_proves_the_engine_kills_a_worker_and_gives_a_fix_for_what_fails(tmp_path: Path) -> None:
    (tmp_path / "not.db").write_text("this is no database")
    done = run_cold("doctor", "--store", tmp_path / "not.db", "--format", "json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert not report["ok"]
    checks = {one["name"]: one for one in report["checks"]}
    cheap = ["packages", "memory", "shared memory", "disk", "devices", "store"]
    assert list(checks) == [*cheap, "engine", "weights", "recovery", "fresh engine"]
    assert [name for name, one in checks.items() if not one["ok"]] == ["store"], done.stderr
    assert [name for name, one in checks.items() if one["fix"]] == ["store"]
    assert checks["engine"]["finding"].startswith("vllm on cpu started on")
    assert "FAIL store" in done.stderr and "Fix: give another --store" in done.stderr


def test_wrong_command_line_exits_with_2_and_still_prints_an_object() -> None:
    done = run_cold("show", "--format", "json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "usage"
    assert "ID" in done.stderr


def test_store_that_cannot_be_opened_is_explained(tmp_path: Path) -> None:
    (tmp_path / "not.db").write_text("this is no database")
    done = run("ls", "--store", tmp_path / "not.db", "--format", "json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "store"


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, evomerge; print([m for m in ('torch', 'ray', 'vllm', 'pydantic') if m in sys.modules])"
    done = subprocess.run([command()[0].replace("evomerge", "python"), "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
