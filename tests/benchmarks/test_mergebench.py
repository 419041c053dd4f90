"""The MergeBench-style table: scorings are made once and survive a kill, grids are chosen on selection items."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "mergebench"))

from grids import GRIDS, grid_of
from measuring import MODELS, recipe_of, tune
from rows import KEPT, TASKS, figures_of, table
from scorer import Scorer

from evals.tasks import ItemRef, ItemScore
from experiments.states import Split
from merging.recipe import Recipe
from merging.validation import validate_recipe
from optimizer.tables import SplitTable
from workers.config import ScoreResult

SETUP = {"items": [4, 4, 4], "engine": "none", "versions": {}}


class Worker:
    """Its search items like great lambdas; its selection items like 0.8 best."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def score(self, recipe: Recipe, split: str, positions: Sequence[int] | None) -> ScoreResult:
        self.asked.append((recipe.digest(), split))
        (value,) = recipe.coefficients["lambda"]
        score = value if split == "search" else 1 - abs(value - 0.8)  # type: ignore[operator]
        return ScoreResult((ItemScore("a", "1", score, None, None),), {"score": 2.0}, 0, 0, "w")


def scorer_of(path: Path, worker: Any, **setup: Any) -> Scorer:
    return Scorer(path, {**SETUP, **setup}, None, math.inf, worker=worker)  # type: ignore[arg-type]


def test_scorings_are_made_once_and_a_cut_line_is_made_again(tmp_path: Path) -> None:
    path, worker = tmp_path / "rows.jsonl", Worker()
    one, two = (recipe_of("task_arithmetic", {"lambda": value}) for value in (0.3, 0.4))
    first = scorer_of(path, worker)
    found = [first.score(recipe, Split.SEARCH) for recipe in (one, two, one)]
    assert len(worker.asked) == 2 and found[0] == found[2]
    path.write_text(path.read_text()[:-20])
    again = scorer_of(path, worker)
    assert [again.score(recipe, Split.SEARCH) for recipe in (one, two)] == found[:2]
    assert worker.asked[2:] == [(two.digest(), "search")]
    assert [json.loads(line)["recipe"] for line in path.read_text().splitlines()[1:]] == [one.digest(), two.digest()]
    with pytest.raises(SystemExit, match="another set-up"):
        scorer_of(path, worker, items=[8, 8, 8])


def test_the_best_on_search_items_meet_on_selection_items(tmp_path: Path) -> None:
    worker = Worker()
    points = grid_of("task_arithmetic")
    refs = (ItemRef("a", "1"),)
    tables = {split: SplitTable(refs, {"a": 1.0}, 0.0) for split in (Split.SEARCH, Split.SELECTION)}
    scorer = scorer_of(tmp_path / "rows.jsonl", worker)
    best = tune(scorer, tables, [recipe_of("task_arithmetic", point) for point in points])
    assert points[best.position] == {"lambda": 0.8} and best.recipe == recipe_of("task_arithmetic", {"lambda": 0.8})
    assert best.fitness == tables[Split.SELECTION].fitness(best.position)
    assert len(best.spent) == len(points) + 4


def test_every_point_of_every_grid_is_a_recipe() -> None:
    for method in GRIDS:
        for point in [{}, *grid_of(method)]:
            validate_recipe(recipe_of(method, point), 30)


def test_the_table_says_what_is_normalized_and_forgotten() -> None:
    def row(label: str, kind: str, kept: float, **scores: float) -> dict[str, Any]:
        items = [ItemScore(task, "1", scores.get(task, 0.0), None, None) for task in TASKS]
        return {"label": label, "kind": kind, "setting": "", "spent": 7, "seconds": 3.0,
                "test": (*items, ItemScore(KEPT, "1", kept, None, None))}  # fmt: skip

    rows = [
        row("base", "base", 0.9),
        *(row(f"expert {name}", "expert", 0.8, **{name: 0.5}) for name in (MODELS[0], "json_facts")),
        row("ours", "search", 0.6, arithmetic=0.25, json_facts=0.75, arithmetic_json=0.5),
    ]
    found = figures_of(rows)[-1]
    assert (found.mean, found.normalized) == (pytest.approx(0.5), pytest.approx(1.0))
    assert found.forgotten == pytest.approx(0.3)
    assert table(rows).splitlines()[-1].endswith("| 0.50 | 0.25 | 0.75 | 1.00 | +0.300 | 7 | 3 |")
