"""How long the report of a large experiment takes, and how much memory.

    python benchmarks/report.py --candidates 50000

Fills a new SQLite store in bulk, has six models tested on 200 items, and measures a process of its own that builds the
report and writes it in each format. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from dataclasses import replace
from typing import Any

from machine import machine
from service_seed import seed_large
from service_stores import some_items
from sqlalchemy import select, update

from experiments import database
from experiments.records import ExperimentRecord
from experiments.states import Split
from experiments.store import Store
from optimizer.reporting.build import build_document
from optimizer.reporting.formats import ReportFormat
from optimizer.reporting.render import render

TESTED = {0: ("base", "base"), 1: ("expert a", "expert"), 2: ("expert b", "expert"), 3: ("uniform mean", "baseline")}
WINNER, TEST_ITEMS = 7, 200


def main() -> None:
    """Fill the store, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=50_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/store.db"
        experiment = seed_large(url, arguments.candidates, others=0)
        test(url, experiment)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found = pool.apply(measure, (url, experiment))
    print(json.dumps({"machine": machine(), "candidates": arguments.candidates, **found}, indent=2))


def test(url: str, experiment: str) -> None:
    """Record test scores of some models, and that one of them is the winner."""
    rows = [{"number": number, "title": title, "role": role} for number, (title, role) in TESTED.items()]
    rows.append({"number": WINNER, "title": "the merge", "role": "merge"})
    engine = database.connect(url).execution_options(**{database.WRITES: True})
    with engine.begin() as connection:
        spec = connection.scalar(select(ExperimentRecord.spec).where(ExperimentRecord.id == experiment))
        tasks = [{"name": name, "weight": 1.0} for name in ("task-0", "task-1")]
        connection.execute(
            update(ExperimentRecord).where(ExperimentRecord.id == experiment).values(spec={**spec, "tasks": tasks})
        )
    engine.dispose()
    with Store.open(url) as store:
        store.claim_driver(experiment, force=True)
        for row in rows:
            candidate = store.candidate(experiment, int(str(row["number"])))
            scored = [replace(one, item=f"{n:016x}") for n, one in enumerate(tested_items(candidate.number))]
            attempt = store.record_started(candidate.id, Split.TEST, worker="w")
            store.record_result(
                candidate.id, Split.TEST, scored, fitness=None, timings_s={"score": 1.0}, prompt_tokens=1,
                generated_tokens=1, attempt=attempt,
            )  # fmt: skip
        store.record_decision(experiment, "report_rows", {"rows": rows})
        store.record_decision(experiment, "winner", {"number": WINNER})


def tested_items(number: int) -> list[Any]:
    """Return the scores of a model on the test items."""
    found = some_items(number)
    return [found[n % len(found)] for n in range(TEST_ITEMS)]


def measure(url: str, experiment: str) -> dict[str, Any]:
    """Return seconds by step, and the most memory of the process in MiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with Store.open(url) as store:
        found = store.get_experiment(experiment)
        start = time.perf_counter()
        document = build_document(store, found)
        seconds = {"build": time.perf_counter() - start}
    for format in ReportFormat:
        start = time.perf_counter()
        render(document, format)
        seconds[format.value] = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "mib_before": round(before),
        "mib_most": round(after),
        "rows": len(document.rows),
        "evaluations": document.cost.evaluations,
    }


if __name__ == "__main__":
    main()
