"""Where the time of one candidate goes, and what the naive way would take for the same candidate.

The resident way is the one of a run: ask the search, record it, merge into the live engine, score, record. The naive
way writes the merge as a checkpoint and starts an engine on it. Prints a Markdown table.

    python benchmarks/candidate_cost.py [SPEC] [--engine vllm transformers] [--candidates 8] [--items 64] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from machine import machine

from experiments.spec import load_spec, parse_spec
from experiments.states import CandidateKind, ExperimentState, Split
from experiments.store import Store
from merging.export import export_checkpoint
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe
from optimizer.cluster import ray_cluster
from optimizer.design import build_search, choose_design, search_setting
from optimizer.jobs import Work
from optimizer.journal import Journal
from optimizer.launch import create, make_tables
from optimizer.plan import Plan
from optimizer.versions import versions
from workers.worker import start_worker

DEFAULT_SPEC = Path(__file__).resolve().parent.parent / "examples" / "json-math.yaml"
STEPS = {
    "ask": "ask the search, record the candidate",
    "export": "write the checkpoint to disk",
    "start": "start a process and an engine, load the weights",
    "apply": "merge into the engine's weights",
    "write": "copy through the engine's loader",
    "repack": "pack the weights for the CPU's matrix units",
    "reset": "empty the prefix cache",
    "score": "score the items",
    "transport": "Ray: recipe there, scores back",
    "store": "record every item's score",
}
Timings = dict[str, float]


def main() -> None:
    """Measure every engine asked for, both ways, and print the table."""
    arguments = parse_arguments()
    load_before = os.getloadavg()[0]
    report: dict[str, Any] = {"machine": machine(), "versions": versions(), "engines": {}}
    for engine in arguments.engine:
        with tempfile.TemporaryDirectory() as scratch:
            plan, store, journal = open_experiment(arguments.spec, engine, arguments.items, Path(scratch))
            with ray_cluster(num_cpus=plan.worker.cpus):
                resident, recipe = measure_resident(plan, journal, arguments.candidates)
                naive = measure_naive(plan, recipe, Path(scratch))
            journal.release(ExperimentState.INTERRUPTED, "benchmark")
            store.close()
        report["engines"][engine] = {"resident": resident, "naive": naive}
    report["setup"] = {"spec": arguments.spec.name, "items": arguments.items, "candidates": arguments.candidates}
    report["load"] = {"before": load_before, "after": os.getloadavg()[0]}
    print(markdown(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", nargs="?", type=Path, default=DEFAULT_SPEC, help="spec that names models and tasks")
    parser.add_argument("--engine", nargs="+", choices=("vllm", "transformers"), default=["vllm", "transformers"])
    parser.add_argument("--candidates", type=int, default=8, help="resident candidates measured (after one more)")
    parser.add_argument("--items", type=int, default=64, help="search items of every task")
    parser.add_argument("--json", type=Path, help="file for the raw figures")
    return parser.parse_args()


def open_experiment(path: Path, engine: str, items: int, scratch: Path) -> tuple[Plan, Store, Journal]:
    """Record the spec as an experiment in a store of its own, with another engine and number of items."""
    loaded = load_spec(path)
    data = loaded.spec.canonical()
    data["workers"]["engine"] = engine
    for task in data["tasks"]:
        task["splits"]["search"] = items
    store = Store.open(f"sqlite:///{scratch / 'store.db'}")
    experiment, plan = create(store, parse_spec(data), loaded.source_dir)
    return plan, store, Journal(store, store.claim_driver(experiment.id), make_tables(plan))


def measure_resident(plan: Plan, journal: Journal, candidates: int) -> tuple[list[Timings], Recipe]:
    """Run candidates through one worker as a run does; the first warms everything up and is not returned."""
    table = journal.tables[Split.SEARCH]
    setting = search_setting(plan.search, plan.genome, table, spent=0, workers=1)
    search = build_search(replace(choose_design(plan.search, setting), block_size=table.items.count), setting, {})
    worker = start_worker(plan.worker)
    ray.get(worker.ready.remote())
    timings = []
    for number in range(candidates + 1):
        start = time.perf_counter()
        proposal = search.ask()
        assert proposal is not None
        recipe = plan.genome.decode(proposal.point)
        candidate = journal.ask(CandidateKind.SEARCH, f"candidate {number}", recipe, proposal.point, proposal.block)
        work = Work(candidate.number, Split.SEARCH, proposal.block)
        journal.started(work, "benchmark")
        asked = time.perf_counter()
        result = ray.get(worker.score.remote(recipe, Split.SEARCH.value))
        scored = time.perf_counter()
        search.tell(proposal, journal.done(work, result))
        stored = time.perf_counter()
        inside = dict(result.timings_s)
        transport = scored - asked - sum(inside.values())
        timings.append({"ask": asked - start, **inside, "transport": transport, "store": stored - scored})
    ray.kill(worker)
    return timings[1:], recipe


def measure_naive(plan: Plan, recipe: Recipe, scratch: Path) -> Timings:
    """Score one candidate from a checkpoint on disk in an engine of its own."""
    materializer = Materializer(ModelSet.open(plan.worker.base, plan.worker.experts))
    materializer.prepare(recipe)
    start = time.perf_counter()
    out = scratch / "merge"
    export_checkpoint(materializer, recipe, out, card="")
    exported = time.perf_counter()
    worker = start_worker(replace(plan.worker, base=ModelRef("base", str(out)), warm_recipe=None))
    ray.get(worker.ready.remote())
    started = time.perf_counter()
    unchanged = Recipe("task_arithmetic", recipe.models, coefficients={"weight": dict.fromkeys(recipe.models, (0.0,))})
    result = ray.get(worker.score.remote(unchanged, Split.SEARCH.value))
    ray.kill(worker)
    shutil.rmtree(out)
    return {"export": exported - start, "start": started - exported, "score": result.timings_s["score"]}


def markdown(report: Mapping[str, Any]) -> str:
    """Render medians in milliseconds, one column for each engine and way."""
    columns: dict[str, Timings] = {}
    for engine, ways in report["engines"].items():
        medians = {step: statistics.median(t.get(step, 0.0) for t in ways["resident"]) for step in STEPS}
        columns[f"{engine}, resident"] = {step: s for step, s in medians.items() if s > 0}
        columns[f"{engine}, naive"] = ways["naive"]
    lines = [f"| step (ms) | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for step, meaning in STEPS.items():
        cells = [f"{times[step] * 1000:.1f}" if step in times else "" for times in columns.values()]
        lines.append(f"| {step}: {meaning} | {' | '.join(cells)} |")
    totals = [f"**{sum(times.values()) * 1000:.0f}**" for times in columns.values()]
    lines.append(f"| **total** | {' | '.join(totals)} |")
    setup, hardware, load = report["setup"], report["machine"], report["load"]
    packages = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    lines += [
        "",
        f"{setup['spec']}, {setup['items']} items a task, median of {setup['candidates']} resident candidates, "
        "one naive candidate.",
        f"{hardware['date']}, {hardware['cores']} x {hardware['cpu']}, load average {load['before']:.1f} before and "
        f"{load['after']:.1f} after.",
        f"{packages}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
