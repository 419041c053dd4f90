"""The comparison of search algorithms at equal budget, with known truth and the same items for every arm.

    python benchmarks/search/run.py [--tier a b] [--seeds 20] [--arms ARM ...] [--tasks TASK ...] [--images DIR]
    python benchmarks/search/run.py --report [--from-seed N] [--images DIR]

Runs every arm on every task and seed, the ablations of merge-cma on four tasks, slow arms on three, and the simulated
workers; writes ``results/*.json`` (a file for each tier, beside this script), then draws the figures of docs/search.md
and prints its tables. Runs that the files hold already and that are not repeated stay, with what they were made with.
``--report`` draws and prints from the files that are there. ``--quick`` tries everything on small budgets and writes to
the folder given with ``--out`` only.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import results
import tables
from arms import ABLATIONS, MAIN, OURS, RIVAL, SLOW, arms_named
from origin import origin
from pool import POOL_TASKS, PoolTask
from runner import Session, run
from simulate import simulate
from tasks import TASKS, Task

RESULTS = Path(__file__).with_name("results")
ABLATED = ("merge-10", "merge-20", "merge-64", "smollm2-20")
FOR_SLOW = ("merge-2", "merge-10", "smollm2-2")
SIMULATED = "merge-20"
WORKERS = (1, 4, 16, 64)


@dataclass(frozen=True)
class Job:
    """All arms of one task and seed, in one process: they share the problem and its best known truth."""

    task: Task | PoolTask
    seed: int
    arms: tuple[str, ...]


def main() -> None:
    """Run what is asked for, then report."""
    arguments = parse_arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if not arguments.report:
        for tier in arguments.tier:
            for runs, seconds in compute(jobs_of(tier, arguments), arguments.processes):
                results.save_runs(arguments.out / f"tier_{tier}.json", runs, seconds)
        if "a" in arguments.tier and not arguments.tasks:
            results.save(arguments.out / "workers.json", [origin()], {}, simulations(arguments))
    found = {path.stem: json.loads(path.read_text()) for path in sorted(arguments.out.glob("*.json"))}
    for content in found.values():
        seed = content["columns"].index("seed")
        content["rows"] = [row for row in content["rows"] if row[seed] >= arguments.from_seed]
    print(tables.report(found))
    if arguments.images is not None:
        import pictures

        pictures.draw(found, arguments.images)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tier", nargs="+", choices=("a", "b"), default=["a", "b"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--arms", nargs="+", help="default: all of each task's")
    parser.add_argument("--tasks", nargs="+", help="default: all")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="2 seeds and 25 passes at most")
    parser.add_argument("--report", action="store_true", help="only from the results that are there")
    parser.add_argument("--from-seed", type=int, default=0, help="report on this seed and those above it only")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--images", type=Path, help="folder for the figures, such as docs/images")
    arguments = parser.parse_args()
    if arguments.quick and arguments.out == RESULTS:
        parser.error("--quick needs --out, so that it does not overwrite the results")
    return arguments


def jobs_of(tier: str, arguments: argparse.Namespace) -> list[Job]:
    """Return the jobs of a tier: every seed of every task with the arms it is for."""
    tasks: Iterable[Task | PoolTask] = TASKS if tier == "a" else POOL_TASKS
    chosen = [task for task in tasks if not arguments.tasks or task.name in arguments.tasks]
    seeds = min(arguments.seeds, 2) if arguments.quick else arguments.seeds
    jobs = []
    for seed in range(seeds):
        for task in chosen:
            arms = arguments.arms or [arm.name for arm in MAIN]
            if not arguments.arms and task.name in ABLATED:
                # The pool's surrogate has scores and no likelihoods, so no gradient prior.
                fit = [arm.name for arm in ABLATIONS if arm.prior == "none" or not isinstance(task, PoolTask)]
                arms = [*arms, *(name for name in fit if name not in arms)]
            if not arguments.arms and task.name in FOR_SLOW:
                arms = [*arms, *(arm.name for arm in SLOW)]
            small = replace(task, passes=min(task.passes, 25)) if arguments.quick else task
            jobs.append(Job(small, seed, tuple(arms)))
    return jobs


def compute(jobs: list[Job], processes: int) -> Iterator[tuple[list[dict[str, Any]], float]]:
    """Run jobs in processes; yields all runs so far, in the order of the jobs, and the seconds, after every seed."""
    start = time.monotonic()
    # Small matrices only: threads would fight over the cores that the processes share.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    runs: list[dict[str, Any]] = []
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for number, found in enumerate(pool.imap(run_job, jobs), start=1):
            runs += found
            print(f"\r{number} of {len(jobs)} jobs, {time.monotonic() - start:.0f} s", end="", file=sys.stderr)
            if number == len(jobs) or jobs[number].seed != jobs[number - 1].seed:
                yield runs, time.monotonic() - start
    print(file=sys.stderr)


def run_job(job: Job) -> list[dict[str, Any]]:
    """Run every arm of a job on its problem."""
    problem = job.task.problem(job.seed)
    found = []
    with warnings.catch_warnings():
        # Libraries warn about experimental features and single losses; nothing of it can be acted on here.
        warnings.simplefilter("ignore")
        for arm in arms_named(list(job.arms)):
            outcome = asdict(run(problem, arm, job.task.passes * job.task.items))
            found.append({**outcome, "dimension": job.task.dimension, "n": job.task.items, "passes": job.task.passes})
    return found


def simulations(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Simulate workers with merge-cma, with merge-cma and a barrier after each generation, and with mergekit-evolve."""
    task = next(one for one in TASKS if one.name == SIMULATED)
    seeds = 2 if arguments.quick else min(arguments.seeds, 10)
    passes = 25 if arguments.quick else task.passes
    found = []
    for seed in range(seeds):
        problem = task.problem(seed)
        for workers, arm in itertools.product(WORKERS, arms_named([OURS, "barrier", RIVAL])):
            session = Session(problem, arm, passes * task.items)
            result = asdict(simulate(session, arm.make(session.setting(workers)), workers))
            reached = problem.truth(result.pop("center")) - problem.best_seed_truth
            progress = reached / (problem.best_known - problem.best_seed_truth)
            name = f"{OURS}, barrier" if arm.name == "barrier" else arm.name
            found.append({"arm": name, "workers": workers, "seed": seed, **result, "progress": progress})
    return found


if __name__ == "__main__":
    main()
