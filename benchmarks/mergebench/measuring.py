"""What is merged and scored: MergeBench's methods with their defaults and grids, and a run of the driver."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from grids import CALIBRATED, grid_of
from rows import KEPT
from scorer import ResidentPlan, Scorer

from experiments.spec import ExperimentSpec, parse_spec
from experiments.states import Split
from experiments.store import Store
from merging.export import export_checkpoint
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.operators import get_operator
from merging.recipe import Recipe
from optimizer.baselines import baselines
from optimizer.launch import drive_claimed, make_tables
from optimizer.plan import Plan
from optimizer.preflight import make_plan
from optimizer.versions import versions
from workers.config import ScoreResult

ROOT = Path(__file__).resolve().parents[2]
MODELS = ("arithmetic", "json")
FINALISTS = 4


def measure(arguments: argparse.Namespace, scratch: Path) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """Return the rows of the table, and what they were taken on."""
    grids = {name: list(grid_of(name)) for name in arguments.methods}
    budget = sum(map(len, grids.values()))
    plan = make_plan(spec_of(arguments, budget), ROOT / "examples")
    setup = {"items": list(arguments.items), "engine": arguments.engine, "versions": versions()}
    scorer = Scorer(arguments.rows, setup, plan.worker, time.monotonic() + arguments.seconds)
    rows: list[dict[str, Any]] = []

    def report(label: str, kind: str, setting: str, recipe: Recipe, spent: Sequence[ScoreResult]) -> None:
        test = scorer.score(recipe, Split.TEST)
        seconds = sum(sum(one.timings_s.values()) for one in spent)
        rows.append({"label": label, "kind": kind, "setting": setting, "test": test.items,
                     "spent": sum(len(one.items) for one in spent), "seconds": seconds})  # fmt: skip
        print(f"{label} ({kind}): done", file=sys.stderr, flush=True)

    for one in baselines(MODELS)[: 1 + len(MODELS)]:
        assert isinstance(one.recipe, Recipe)
        report(one.label, one.role, "", one.recipe, ())
    tuned: list[Tuned] = []
    for name, points in grids.items():
        report(name, "default", "", recipe_of(name, {}), ())
        tuned.append(tune(scorer, make_tables(plan), [recipe_of(name, point) for point in points]))
        setting = ", ".join(f"{key} {value:g}" for key, value in points[tuned[-1].position].items())
        report(name, "grid", setting, tuned[-1].recipe, tuned[-1].spent)
    winner, spent = search(scorer, plan, scratch / "alone.db")
    setting = f"{plan.spec.merge.method}, {plan.spec.merge.granularity}"
    report("evomerge", "search", setting, winner, spent)
    best = max(tuned, key=lambda one: one.fitness)
    folder = arguments.rows.with_suffix(f".{best.recipe.digest()}")
    if not folder.exists():
        export_checkpoint(
            Materializer(ModelSet.open(plan.worker.base, plan.worker.experts)),
            best.recipe,
            folder,
            card="# The best of the grids\n",
        )
    third = make_plan(spec_of(arguments, budget, {"tuned": str(folder)}), ROOT / "examples")
    scorer.adopt(third.worker)
    winner, more = search(scorer, third, scratch / "upon.db")
    report(f"evomerge upon {best.recipe.method}", "search", setting, winner, [*more, *chain(*(x.spent for x in tuned))])
    return rows, scorer.header


def spec_of(arguments: argparse.Namespace, budget: int, further: Mapping[str, str] | None = None) -> ExperimentSpec:
    """Return the example that keeps both skills, with these items, this budget, further models, and the base's task."""
    data = yaml.safe_load((ROOT / "examples" / "keep-both.yaml").read_text(encoding="utf-8"))
    search, selection, test = arguments.items
    for task in data["tasks"]:
        task |= {"weight": 1.0, "splits": {"search": search, "selection": selection, "test": test}}
    kept = {"search": 0, "selection": 0, "test": min(test, 96)}
    data["tasks"].append({"task": str(ROOT / "benchmarks" / "mergebench" / "tasks" / f"{KEPT}.yaml"), "splits": kept})
    data["models"] |= further or {}
    data["search"]["budget"] = {"evaluations": budget}
    data["workers"] |= {"engine": arguments.engine, "cpus": arguments.threads}
    del data["output"]
    return parse_spec(data)


def recipe_of(method: str, point: Mapping[str, float]) -> Recipe:
    """Return a merge with the same value for all experts, and defaults for what is not given."""
    scopes = {one.name: one.scope for one in get_operator(method).parameters}
    values = {
        name: {model: (value,) for model in MODELS} if scopes[name] == "model" else (value,)
        for name, value in point.items()
    }
    options = {"calibration": str(ROOT / "examples" / "calibration" / "json-math.jsonl")}
    return Recipe(method, MODELS, coefficients=values, options=options if method in CALIBRATED else {})


@dataclass(frozen=True)
class Tuned:
    """The best point of a grid, its fitness on the selection items, and all that was scored to find it."""

    position: int
    recipe: Recipe
    fitness: float
    spent: Sequence[ScoreResult]


def tune(scorer: Scorer, tables: Mapping[Split, Any], recipes: Sequence[Recipe]) -> Tuned:
    """Return the best of some recipes: the best on the search items meet on the selection items."""
    spent = []
    numbers: Sequence[int] = range(len(recipes))
    for split in (Split.SEARCH, Split.SELECTION):
        for number in numbers:
            spent.append(scorer.score(recipes[number], split))
            tables[split].add(number, spent[-1].items)
        numbers = sorted(numbers, key=tables[split].fitness, reverse=True)[:FINALISTS]
    best = numbers[0]
    return Tuned(best, recipes[best], tables[Split.SELECTION].fitness(best), spent)


def search(scorer: Scorer, plan: Plan, path: Path) -> tuple[Recipe, list[ScoreResult]]:
    """Run the driver as ``evomerge run`` does, on the resident engine; return what won and all that was scored."""
    resident = ResidentPlan(**vars(plan), scorer=scorer)
    with Store.open(f"sqlite:///{path}") as store:
        experiment = store.create_experiment(plan.spec.canonical(), str(plan.source_dir), plan.provenance)
        claimed = store.claim_driver(experiment.id)
        result = drive_claimed(store, claimed, resident, lambda progress: None, threading.Event())
        spent = [
            ScoreResult(tuple(store.items_of(one)), one.timings_s, 0, 0, "")  # type: ignore[arg-type]
            for one in store.evaluations(experiment.id)
            if one.split is not Split.TEST
        ]
        return Recipe.from_dict(store.candidate(experiment.id, result.winner).recipe), spent
