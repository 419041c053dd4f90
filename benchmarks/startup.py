"""What passes between ``evomerge run`` and the first scored candidate, by phase.

Every run is a process of its own, as a person starts it, with a store of its own, and is interrupted once a candidate
is scored. Prints a Markdown table of the moments at which a phase ends, in seconds since the process began.

    python benchmarks/startup.py [SPEC] [--runs 3] [--workers 1] [--compare] [--json FILE]
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import yaml

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_SPEC = ROOT / "examples" / "json-math.yaml"
MOMENTS = {
    "loaded": "the command is loaded and the store open",
    "checked": "models, tasks, search space and memory are checked, the experiment is recorded",
    "ray": "Ray runs",
    "asked": "the workers' processes are asked for",
    "ready": "the first engine is ready",
    "scored": "the first candidate is scored and recorded",
}
ENGINE = "of that, the engine's own start in its process"


def main() -> None:
    """Measure, or be one measured run."""
    arguments = parse_arguments()
    if arguments.traced:
        run_traced(arguments.spec, arguments.traced, early=not arguments.late)
        return
    ways: dict[bool, list[dict[str, float]]] = {False: [], True: []} if arguments.compare else {True: []}
    for _ in range(arguments.runs):
        for early, runs in ways.items():
            runs.append(one_run(arguments.spec, arguments.workers, early=early))
            print({name: round(seconds, 1) for name, seconds in runs[-1].items()}, file=sys.stderr, flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({str(early): runs for early, runs in ways.items()}, indent=1) + "\n")
    print(markdown(arguments, ways))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("spec", nargs="?", type=Path, default=DEFAULT_SPEC)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--compare", action="store_true", help="also measure with nothing started early, in turn")
    parser.add_argument("--json", type=Path, help="file for the raw figures")
    parser.add_argument("--traced", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--late", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def one_run(spec: Path, workers: int, *, early: bool) -> dict[str, float]:
    """Start the command on a copy of the spec with so many workers, and return its moments."""
    data = yaml.safe_load(spec.read_text())
    data["workers"]["count"] = workers
    with tempfile.TemporaryDirectory(dir=spec.parent, prefix=".startup-") as folder:
        # Beside the spec, from where its paths start.
        copy, trace = spec.parent / f"{Path(folder).name}.yaml", Path(folder) / "trace.json"
        copy.write_text(yaml.safe_dump(data, sort_keys=False))
        try:
            ended = subprocess.run(
                [sys.executable, __file__, str(copy), "--traced", str(trace), *([] if early else ["--late"])],
                check=False,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=os.environ | {"HF_HUB_OFFLINE": "1"},
            )
            if not trace.exists():
                sys.exit(f"no candidate was scored: {ended.stderr.decode()}")
            found: dict[str, float] = json.loads(trace.read_text())
        finally:
            copy.unlink()
    return found


def run_traced(spec: Path, trace: Path, *, early: bool) -> None:
    """Run the command in this process, note when its steps end, and interrupt it after the first score."""
    began = psutil.Process().create_time()
    moments: dict[str, float] = {}

    def note(name: str) -> None:
        moments.setdefault(name, time.time() - began)

    def noting(owner: Any, method: str, name: str, *, before: bool = False, then: Callable[..., None] = id) -> None:
        original = getattr(owner, method)

        @functools.wraps(original)
        def wrapped(*arguments: Any, **kwargs: Any) -> Any:
            if before:
                note(name)
            result = original(*arguments, **kwargs)
            if not before:
                note(name)
            then(arguments[0])
            return result

        setattr(owner, method, wrapped)

    def interrupt(_: object) -> None:
        trace.write_text(json.dumps(moments))
        os.kill(os.getpid(), signal.SIGINT)

    def engine(pool: Any) -> None:
        moments.setdefault("engine", pool.descriptions[0]["startup_s"])

    from evomerge import cli
    from optimizer import cluster, launch, pool
    from optimizer.early import EarlyStart
    from optimizer.journal import Journal

    if not early:
        patched: Any = EarlyStart
        patched.begin = lambda *_, **__: None
    noting(launch, "create", "loaded", before=True)
    noting(launch, "create", "checked")
    noting(cluster, "_connect", "ray")
    noting(pool.WorkerPool, "__init__", "asked")
    noting(pool.WorkerPool, "_finish_start", "ready", then=engine)
    noting(Journal, "done", "scored", then=interrupt)
    sys.argv = ["evomerge", "run", str(spec), "--store", f"sqlite:///{trace.parent / 'store.db'}"]
    cli.main()


def markdown(arguments: argparse.Namespace, ways: dict[bool, list[dict[str, float]]]) -> str:
    """Render the median of every moment, and its range, with and without an early start."""
    from machine import machine

    from optimizer.versions import versions

    heads = ["started early" if early else "one after the other" for early in ways]
    lines = [f"| moment, s since the start | {' | '.join(heads)} |", f"|---|{'---:|' * len(ways)}"]
    for name, meaning in [*MOMENTS.items(), ("engine", ENGINE)]:
        times = [sorted(run[name] for run in runs) for runs in ways.values()]
        cells = [f"{statistics.median(one):.1f} ({one[0]:.1f} to {one[-1]:.1f})" for one in times]
        lines.append(f"| {meaning} | {' | '.join(cells)} |")
    hardware = machine()
    packages = ", ".join(f"{name} {version}" for name, version in versions().items())
    return "\n".join([
        *lines,
        "",
        f"{arguments.spec.name}, {arguments.workers} workers, {arguments.runs} runs; {hardware['date']}, "
        f"{hardware['cores']} x {hardware['cpu']}, load average {os.getloadavg()[0]:.1f} after; {packages}.",
    ])  # fmt: skip


if __name__ == "__main__":
    main()
