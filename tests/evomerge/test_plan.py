"""``evomerge plan`` for people and for programs."""

from __future__ import annotations

import json
from typing import Any

from runs import TinyExperiment, run, run_cold


def test_the_plan_is_printed_by_part(tiny_experiment: TinyExperiment) -> None:
    spec = tiny_experiment.spec("planned")
    done = run_cold("plan", spec, "--store", tiny_experiment.store("planned"))
    assert done.returncode == 0, done.stderr
    for words in ("coefficients are searched", "selection", "task vectors", "room for", "for the store", "hours"):
        assert words in done.stdout


def test_earlier_runs_say_how_long_it_takes(reference: dict[str, Any], tiny_experiment: TinyExperiment) -> None:
    spec = tiny_experiment.spec("planned")
    done = run("plan", spec, "--store", tiny_experiment.store("reference"), "--format", "json")
    plan = json.loads(done.stdout)
    needs = plan["needs"]
    assert reference["experiment"]["id"] in needs["hours_source"]
    assert needs["hours"] > 0
    assert needs["node_bytes"]["task vectors"] > 0
    assert plan["dimensions"] == len(plan["genes"]) > 0


def test_what_cannot_fit_is_shown_and_refused(tiny_experiment: TinyExperiment) -> None:
    spec = tiny_experiment.spec("planned", lambda spec: spec["workers"].update(count=4096))
    store = tiny_experiment.store("planned")
    shown, refused = run("plan", spec, "--store", store), run("plan", spec, "--store", store, "--format", "json")
    assert shown.returncode == refused.returncode == 2
    assert "task vectors" in shown.stdout
    assert json.loads(refused.stdout)["error"]["field"] == "workers.count"
