"""Fitness and verdicts."""

from __future__ import annotations

import json
import re

import pytest

from evals.fitness import fitness
from evals.report import Role, build_report
from evals.tasks import ItemScore
from evomerge.errors import InvalidInput

ROLES: dict[str, Role] = {"base": "base", "maths": "expert", "uniform": "baseline", "found": "merge"}


def items(right: int, n: int = 100, task: str = "t", first: int = 0) -> list[ItemScore]:
    return [ItemScore(task, f"{i:04x}", float(first <= i < first + right), None, None) for i in range(n)]


def test_fitness_by_hand() -> None:
    scores = [
        ItemScore("a", "0", 1.0, -2.0, None),
        ItemScore("a", "1", 0.0, -100.0, None),
        ItemScore("a", "2", 0.0, None, None),
        ItemScore("b", "0", -3.0, None, None),
    ]
    found = fitness(scores, {"a": 1.0, "b": 3.0, "unused": 5.0}, 0.1)
    assert found.value == pytest.approx(0.25 * (1 / 3 + 0.1 * (-2 - 25) / 3) + 0.75 * -3)
    assert found.tasks == pytest.approx({"a": 1 / 3, "b": -3.0})
    assert found.n == 4
    deeper = fitness(scores, {"a": 1.0, "b": 3.0}, 0.1, reference_floor=-1000.0)
    assert deeper.value < found.value
    assert fitness(scores, {"a": 1.0, "b": 3.0}, 0.0).value == pytest.approx(0.25 / 3 - 2.25)


def test_fitness_needs_items_and_weights() -> None:
    with pytest.raises(InvalidInput, match="no weight"):
        fitness(items(1), {"u": 1.0}, 0.0)
    for scores, weight in (([], 1.0), (items(1), 0.0)):
        with pytest.raises(InvalidInput):
            fitness(scores, {"t": weight}, 0.0)


def test_a_clear_winner_is_significant() -> None:
    scores = {"base": items(10), "maths": items(40), "uniform": items(30), "found": items(80)}
    report = build_report(scores, ROLES, {"t": 1.0})
    assert report.best_other == "maths"
    assert report.significant
    assert report.comparison.difference == pytest.approx(0.4)
    assert report.statement.startswith("The merge beats the best other model, maths (expert), by +0.400 (95 % CI +0.3")
    assert "on 100 untouched test items: significant. Over the best plain merge, uniform: +0.500 (95 % CI +0.4" in (
        report.statement
    )
    assert (report.best_parent, report.best_baseline) == ("maths", "uniform")
    by_label = {model.label: model for model in report.models}
    assert list(by_label) == list(scores)
    assert by_label["found"].merge_minus_model is None
    assert by_label["base"].overall.mean == pytest.approx(0.1)
    versus = by_label["maths"]
    assert versus.merge_minus_model == report.comparison
    assert versus.adjusted_p is not None
    assert versus.adjusted_p >= report.comparison.p_value


def test_items_of_tasks_for_the_report_alone_have_no_part_in_the_verdict() -> None:
    searched = {"m": items(80), "base": items(60)}
    both = {
        label: [*found, *items(n, 50, "other")] for (label, found), n in zip(searched.items(), (0, 50), strict=True)
    }
    roles: dict[str, Role] = {"m": "merge", "base": "base"}
    alone, beside = build_report(searched, roles, {"t": 1.0}), build_report(both, roles, {"t": 1.0, "other": 0.0})
    assert (beside.n, beside.statement, beside.comparison) == (100, alone.statement, alone.comparison)
    assert beside.models[1].tasks["other"].mean == 1.0


@pytest.mark.parametrize(
    ("right", "words"),
    [
        (42, r"^No significant gain: the merge is ahead of .*uniform \(baseline\), by \+0.020 .* Use uniform instead"),
        (40, r"^No significant gain: the merge ties with .*Use uniform instead\. Over the best parent, maths: \+0.200"),
        (35, r"^No significant gain: the merge is behind .*-0\.050 .* Use uniform instead"),
    ],
)
def test_other_verdicts(right: int, words: str) -> None:
    scores = {"base": items(10), "maths": items(20), "uniform": items(40), "found": items(right)}
    report = build_report(scores, ROLES, {"t": 1.0})
    assert not report.significant
    assert re.search(words, report.statement)


def test_json_and_markdown() -> None:
    scores = {
        "base": items(10, task="a") + items(20, task="b"),
        "found|x": items(80, task="a") + items(60, task="b"),
    }
    report = build_report(scores, {"base": "base", "found|x": "merge"}, {"a": 1.0, "b": 1.0})
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["models"][1]["tasks"]["b"]["mean"] == pytest.approx(0.6)
    assert plain["n"] == 200
    lines = report.to_markdown().splitlines()
    widths = {line.replace("\\|", "").count("|") for line in lines[:4]}
    assert widths == {8}
    assert lines[0].startswith("| model | role | score (95 % CI) | a | b |")
    assert lines[-1] == report.statement
    assert (report.best_parent, report.best_baseline) == ("base", None)


@pytest.mark.parametrize(
    "roles",
    [{}, {**ROLES, "found": "expert"}, {**ROLES, "base": "merge"}, {**ROLES, "base": "parent"}],
)
def test_roles_are_checked(roles: dict[str, Role]) -> None:
    scores = {label: items(10) for label in ROLES}
    with pytest.raises(InvalidInput, match="roles"):
        build_report(scores, roles, {"t": 1.0})


def test_models_must_share_their_items() -> None:
    with pytest.raises(InvalidInput, match="same items"):
        build_report({"base": items(1, 9), "found": items(1)}, {"base": "base", "found": "merge"}, {"t": 1.0})
