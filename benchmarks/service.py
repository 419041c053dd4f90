"""What the service bears: results recorded, reads answered, events delivered, and what a driver adds.

    python benchmarks/service.py [--section record read driver] [--store sqlite postgresql] [--folder DIR]

``record``: results a second by simulated workers; a result is a candidate asked for, started, and scored on 64 items.
``read``: with 20 experiments stored, of which one has 50,000 candidates, 200 viewers connected and 8 results a second
recorded, how long reads take over HTTP, and events from their commit to their viewers. ``driver``: what a driver adds
to the evaluation of a candidate.
Prints Markdown tables. ``--folder`` keeps the stores of ``read`` and uses them again.
"""

from __future__ import annotations

import argparse
import math
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import service_http
import service_seed
import service_stores
from machine import machine

from experiments.spec import parse_any
from experiments.store import Store
from optimizer.launch import create, drive

_WORKERS = (1, 4, 16, 64)
_EXPERIMENTS = {"sqlite": (1,), "postgresql": (1, 2)}  # SQLite has one writer, whoever drives how much
_EVALUATIONS = 150
_CALLS = (1, 16)


def main() -> None:
    """Measure what is asked for and print it."""
    arguments = parse_arguments()
    print(heading())
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        for section in arguments.section:
            for kind in arguments.store:
                kept = section == "read"
                with service_stores.open_url(kind, (folder if kept else Path(scratch)) / f"{section}-{kind}") as url:
                    print(f"\n**{section}, {kind}**\n", flush=True)
                    for line in MEASURES[section](kind, url, arguments):
                        print(line, flush=True)
    print(f"\nload average {os.getloadavg()[0]:.1f} after")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--section", nargs="+", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--store", nargs="+", choices=_EXPERIMENTS, default=list(_EXPERIMENTS))
    parser.add_argument("--folder", type=Path, help="keeps the stores of 'read'; default: a temporary one")
    parser.add_argument("--candidates", type=int, default=50_000, help="stored before 'read'")
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="of each figure of 'record'; 'read' takes ten times it"
    )
    return parser.parse_args()


def heading() -> str:
    """Return what the figures were taken on."""
    hardware = machine()
    names = ("sqlalchemy", "psycopg", "fastapi", "uvicorn")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    python = f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}"
    return (
        f"{hardware['date']}, {hardware['cores']} x {hardware['cpu']}, load average {os.getloadavg()[0]:.1f} before; "
        f"{python}, {packages}."
    )


def measure_record(kind: str, url: str, arguments: argparse.Namespace) -> list[str]:
    """Record what more and more workers finish, one after the other and all at once."""
    lines = ["| drivers | workers each | results/s, one by one | results/s, in batches |", "|---:|---:|---:|---:|"]
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        # Processes that have imported everything.
        list(pool.map(service_stores.record_fast, *zip(*[(url, 1, True, 0.0, 0.0)] * 4, strict=True)))
        for experiments in _EXPERIMENTS[kind]:
            for workers in _WORKERS:
                cells = [str(experiments), str(workers)]
                for together in (False, True):
                    task = (url, workers, together, time.monotonic() + 0.5, arguments.seconds)
                    rates = pool.map(service_stores.record_fast, *zip(*[task] * experiments, strict=True))
                    cells.append(f"{sum(rates):.0f}")
                lines.append(f"| {' | '.join(cells)} |")
    return lines


def measure_read(kind: str, url: str, arguments: argparse.Namespace) -> list[str]:
    """Read from a large store, with and without a recording driver and viewers."""
    experiment = service_seed.seed_large(url, arguments.candidates)
    with Store.open(url) as store:
        if problems := store.audit():
            raise RuntimeError(f"the store is not whole: {problems}")
        after = store.get_experiment(experiment).last_seq
    paths = service_http.reads(experiment, arguments.candidates)
    with service_http.server(url, Path(tempfile.gettempdir())) as address:
        quiet = service_http.measure_reads(address, paths, arguments.seconds * 2)
        with (
            service_http.viewers(address, experiment, after) as arrivals,
            service_http.recorder(url, experiment) as commits,
        ):
            taken = service_http.measure_reads(address, paths, arguments.seconds * 10)
        delays = service_http.delays(commits, arrivals)
        # No page but a document of all evaluations; its libraries are loaded with the first one.
        paths = {"report": f"/api/v1/experiments/{experiment}/report"}
        _, (report,) = (service_http.measure_reads(address, paths, 0, clients=1)["report"] for _ in range(2))
    lines = ["| read | alone p50 (ms) | p99 | under load p50 (ms) | p99 | requests |"]
    lines.append("|---|---:|---:|---:|---:|---:|")
    for name, values in taken.items():
        cells = [*quantiles(quiet[name]), *quantiles(values), str(len(values))]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines.append(f"| event, commit to viewer | | | {' | '.join(quantiles(delays))} | {len(delays)} |")
    return [*lines, "", f"The report alone takes {report:.1f} s."]


def measure_driver(kind: str, url: str, arguments: argparse.Namespace) -> list[str]:
    """Drive a black box that answers at once, one call at a time and several."""
    genes = {f"x{number}": {"range": [-1.0, 1.0]} for number in range(service_stores.GENES)}
    lines = ["| calls at a time | candidates | ms per candidate |", "|---:|---:|---:|"]
    with Store.open(url) as store:
        for calls in _CALLS:
            box = {
                "callable": "service_box:score", "parameters": genes, "items": service_stores.ITEMS, "workers": calls
            }  # fmt: skip
            spec = {"name": "load", "blackbox": box, "search": {"budget": {"evaluations": _EVALUATIONS}}}
            experiment, plan = create(store, parse_any(spec), Path(__file__).parent, allow_code=True)
            began = time.perf_counter()
            drive(store, experiment, plan, lambda update: None)
            milliseconds = 1000 * (time.perf_counter() - began)
            candidates = store.progress(experiment.id).candidates
            lines.append(f"| {calls} | {candidates} | {milliseconds / candidates:.1f} |")
    return lines


def quantiles(seconds: Sequence[float]) -> tuple[str, str]:
    """Return median and 99th percentile in milliseconds."""
    ordered = sorted(seconds)
    return f"{1000 * statistics.median(ordered):.1f}", f"{1000 * ordered[math.ceil(0.99 * len(ordered)) - 1]:.1f}"


MEASURES = {"record": measure_record, "read": measure_read, "driver": measure_driver}


if __name__ == "__main__":
    main()
