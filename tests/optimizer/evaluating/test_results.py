"""Evaluated models are compared where they may be, kept in files, and read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from evals.provenance import Provenance, TaskProvenance
from evals.tasks import ItemScore
from evomerge.errors import InvalidInput
from optimizer.evaluating.results import Evaluated, compare, read_results, scores_of, write_results

TASK = TaskProvenance("1f", "acc,none", 0, None, None, False, 0, {"test": 40}, {"test": "ab"})
KNOWN = Provenance(
    "0.5", "lm-eval 0.4", "fake 1", {"torch": "2"}, "cpu", "bfloat16", 0, {}, "in place", "3d", {"a": TASK, "b": TASK}
)
WEIGHTS = {"a": 1.0, "b": 3.0}


def model(label: str, right: float, *, items: int = 40, provenance: Provenance = KNOWN) -> Evaluated:
    rng = np.random.default_rng(len(label))
    scored = tuple(
        ItemScore(task, f"{number:016x}", float(rng.random() < right), None, "text")
        for task in ("a", "b")
        for number in range(items)
    )
    return Evaluated(label, f"/models/{label}", "0" * 16, "test", provenance, scored, {"score": 1.5}, 100, 20)


def test_every_two_models_are_compared_and_corrected_together() -> None:
    found = compare([model("base", 0.2), model("expert", 0.5), model("the merge", 0.9)], WEIGHTS, mixed=False)
    assert [(one.first, one.second) for one in found.pairs] == [
        ("base", "expert"), ("base", "the merge"), ("expert", "the merge"),
    ]  # fmt: skip
    assert found.mixed == () and found.pairs[1].comparison.difference < -0.5
    smallest = min(found.pairs, key=lambda one: one.comparison.p_value)
    assert smallest.adjusted_p == pytest.approx(min(1.0, 3 * smallest.comparison.p_value))


def test_scores_have_standard_errors() -> None:
    one = model("expert", 0.5)
    found = scores_of(one, WEIGHTS)
    values = {task: [item.score for item in one.items if item.task == task] for task in WEIGHTS}
    assert found["tasks"]["a"]["stderr"] == pytest.approx(stats.sem(values["a"]))
    mean = (np.mean(values["a"]) + 3 * np.mean(values["b"])) / 4
    error = np.hypot(stats.sem(values["a"]), 3 * stats.sem(values["b"])) / 4
    assert (found["overall"]["mean"], found["overall"]["stderr"]) == pytest.approx((mean, error))


def test_models_are_shown_by_domain() -> None:
    models = [model("base", 0.2), model("expert", 0.5)]
    found = compare(models, WEIGHTS, mixed=False, domains={"words": ["a"], "whole": ["a", "b"]})
    for one, row, shown in zip(models, found.by_domain(), found.to_dict()["models"], strict=True):
        a, b = (np.mean([item.score for item in one.items if item.task == task]) for task in ("a", "b"))
        means = {"words": a, "whole": (a + b) / 2}  # whatever the tasks' weights
        assert {name: score.mean for name, score in row.domains.items()} == pytest.approx(means)
        expected = (np.mean([*means.values()]), min(means.values()), stats.hmean([*means.values()]))
        assert (row.mean, row.lowest, row.harmonic) == pytest.approx(expected)
        assert shown["domains"]["domains"]["whole"]["items"] == 80
        assert shown["domains"]["lowest"] == row.lowest
    other = replace(models[0], label="of one task", items=models[0].items[:40])
    assert [one.label for one in replace(found, models=(*models, other)).by_domain()] == ["base", "expert"]
    assert compare(models, WEIGHTS, mixed=False).by_domain() == ()


def test_files_read_back_and_others_are_refused(tmp_path: Path) -> None:
    models = [model("base", 0.2), model("expert", 0.5)]
    path = tmp_path / "found.json"
    path.write_text(write_results(compare(models, WEIGHTS, mixed=False)))
    named = [replace(one, label=f"{one.label} of found.json") for one in models]
    assert list(read_results(path)) == named
    later = json.loads(path.read_text())
    later["models"][0]["of_a_later_version"] = 1
    path.write_text(json.dumps(later))
    assert list(read_results(path)) == named
    for text in ("no JSON", "[]", json.dumps({"kind": "another"}), json.dumps({**later, "models": [{}]})):
        path.write_text(text)
        with pytest.raises(InvalidInput, match="evomerge evaluate --out"):
            read_results(path)


def test_scores_of_other_making_are_refused_or_compared_aloud() -> None:
    theirs = model("expert", 0.5, provenance=replace(KNOWN, dtype="float32"))
    refused = compare([model("base", 0.2), theirs], WEIGHTS, mixed=False)
    assert refused.pairs == () and "dtype (bfloat16 and float32)" in refused.mixed[0]
    assert [one.label for one in refused.models] == ["base", "expert"]
    asked = compare([model("base", 0.2), theirs], WEIGHTS, mixed=True)
    assert len(asked.pairs) == 1 and asked.mixed == refused.mixed
    # Tasks that are not asked for now have a weight all the same.
    assert compare([model("base", 0.2)], {"a": 2.0}, mixed=False).weights == {"a": 2.0, "b": 1.0}
    # Other items cannot be compared pair by pair, whoever asks.
    fewer = replace(TASK, items={"test": 30}, item_hash={"test": "cd"})
    others = model("expert", 0.5, items=30, provenance=replace(KNOWN, tasks={"a": fewer, "b": fewer}))
    assert compare([model("base", 0.2), others], WEIGHTS, mixed=True).pairs == ()


def test_one_split_and_one_name_each() -> None:
    with pytest.raises(InvalidInput, match="search and test"):
        compare([model("base", 0.2), replace(model("expert", 0.5), split="search")], WEIGHTS, mixed=True)
    with pytest.raises(InvalidInput, match="two models are called base"):
        compare([model("base", 0.2), model("base", 0.2)], WEIGHTS, mixed=False)
