"""What a candidate costs in a resident vLLM engine beside its tokens, on whatever machine this runs on.

Needs vLLM and the merge code only, where not said otherwise: neither Ray nor lm-eval. Prints Markdown tables. Sections:

    switch     changing candidates: three full task vectors, several methods, by phase, against copy bandwidth
    candidate  change and score of whole candidates, and the share that is not scoring; a picture of some of them
    tokens     the same answers from vLLM and from transformers, tokens a second
    mergekit   what the same candidate costs mergekit-evolve beside its tokens: a merge on disk and an engine's start
    workers    candidates per hour of one worker and of several that share the machine, each with and without the next
               candidate merged ahead; needs Ray and lm-eval too; a picture of some seconds of each

    python benchmarks/engine.py [--sections NAME ...] [--base DIR] [--experts DIR ...] [--gpus 1] [--items 100]
        [--mergekit VENV] [--counts 1 2] [--blocks 24 96] [--timeline PNG] [--json FILE]

Without ``--experts`` there are three, base plus normal noise of standard deviation 1e-3, as large a task vector as
fine-tuning makes. ``benchmarks/mergekit_env.sh`` makes an environment with mergekit.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine_bench import Bench, Report, copy_bandwidth, make_experts, spread
from engine_peers import measure_mergekit, measure_tokens, mergekit_table, tokens_table
from engine_workers import measure_workers, workers_table
from machine import machine

from merging.recipe import Recipe
from workers.config import process_environment

ROOT = Path(__file__).resolve().parent.parent
METHODS = ("task_arithmetic", "ties", "dare_ties")
PHASES = ("apply", "write", "repack", "reset", "score")
# Candidates in the picture.
SHOWN = 6


def main() -> None:
    """Measure the sections asked for and print them."""
    arguments = parse_arguments()
    begin_anew_with(process_environment(Bench(arguments, []).config))
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(arguments, arguments.experts or [Path(scratch) / name for name in "abc"])
        if not arguments.experts:
            make_experts(arguments.base, Path(scratch))
        report: Report = {"machine": machine(), "load": os.getloadavg()[0], "setup": setup(arguments)}
        report["copy_gb_s"] = copy_bandwidth(bench)
        for name in arguments.sections:
            print(name, file=sys.stderr, flush=True)
            report[name] = SECTIONS[name][0](bench, Path(scratch))
        report["engine"] = bench.description
        bench.close()
    print(markdown(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def begin_anew_with(environment: dict[str, str]) -> None:
    """Become a process that has had these variables from its beginning, as a worker's has; the C library looks once."""
    if not environment.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | environment)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=["switch", "candidate", "tokens"])
    parser.add_argument("--base", type=Path, default=ROOT / "models" / "smollm2-135m-instruct")
    parser.add_argument(
        "--experts", type=Path, nargs="+", help="full checkpoints or adapters; default: three noisy ones"
    )
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--items", type=int, default=100, help="items of a candidate")
    parser.add_argument("--tokens", type=int, default=32, help="tokens that each answer has")
    parser.add_argument("--candidates", type=int, default=8, help="candidates that are scored")
    parser.add_argument("--switches", type=int, default=20, help="candidates that are only written, for each method")
    parser.add_argument("--gpus", type=float, default=0)
    parser.add_argument("--cpus", type=float, default=os.cpu_count())
    parser.add_argument("--tensor-parallel", type=int, default=1)
    parser.add_argument("--max-model-len", type=int, default=512)
    parser.add_argument("--kv-gib", type=float, help="memory of the KV cache; default: the product's own")
    parser.add_argument("--mergekit", type=Path, help="virtual environment with mergekit")
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 2], help="workers, section workers")
    parser.add_argument("--blocks", type=int, nargs="+", default=[24, 96], help="items of a candidate, section workers")
    parser.add_argument("--seconds", type=float, default=20.0, help="that each setting scores, section workers")
    parser.add_argument("--timeline", type=Path, help="picture of some candidates; JSON where matplotlib is missing")
    parser.add_argument("--json", type=Path, help="file for the raw figures")
    arguments = parser.parse_args()
    if "mergekit" in arguments.sections and arguments.mergekit is None:
        parser.error("section mergekit needs --mergekit: make an environment with benchmarks/mergekit_env.sh")
    return arguments


def setup(arguments: argparse.Namespace) -> Report:
    """Return what was asked for, as far as the figures depend on it."""
    kept = ("base", "experts", "items", "tokens", "candidates", "switches", "gpus", "cpus", "tensor_parallel")
    values = {name: value for name, value in vars(arguments).items() if name in kept and value is not None}
    return {
        name: " ".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in values.items()
    }


def measure_switch(bench: Bench, scratch: Path) -> Report:
    """Write candidates one after the other, method by method."""
    return {method: switch(bench, method) for method in bench.arguments.methods}


def switch(bench: Bench, method: str) -> Report:
    """Write candidates of one method; the first two warm up."""
    start = time.perf_counter()
    bench.engine.prepare(bench.recipe(method))
    prepared = time.perf_counter() - start
    rows = []
    for _ in range(bench.arguments.switches + 2):
        start = time.perf_counter()
        timings = dict(bench.engine.write(bench.recipe(method)))
        rows.append(timings | {"whole": time.perf_counter() - start})
    [moved] = bench.engine._llm.collective_rpc(_moved_bytes, args=(bench.recipe(method),))[:1]
    return {"prepare_s": prepared, "rows": rows[2:], "moved_bytes": moved}


def _moved_bytes(worker: Any, recipe: Recipe) -> int:
    from operators import moved_bytes

    return moved_bytes(worker.evomerge_materializer, recipe)


def measure_candidate(bench: Bench, scratch: Path) -> Report:
    """Write and score whole candidates; the first warms up."""
    method = bench.arguments.methods[0]
    bench.engine.prepare(bench.recipe(method))
    rows, spans, began = [], [], 0.0
    for number in range(bench.arguments.candidates + 1):
        start = time.perf_counter()
        if number == 1:
            began = start
        timings = dict(bench.engine.write(bench.recipe(method)))
        written = time.perf_counter()
        tokens = bench.score()
        stop = time.perf_counter()
        if number:
            rows.append(timings | {"score": stop - written, "whole": stop - start, "tokens": tokens})
            spans += spans_of(number, start - began, timings | {"score": stop - written})
    if bench.arguments.timeline:
        draw(spans, bench.arguments.timeline)
    return {"method": method, "rows": rows, "spans": spans}


def spans_of(number: int, start: float, timings: dict[str, float]) -> list[tuple[int, str, float, float]]:
    """Return number, phase, start and length in seconds of the phases of a candidate, which follow each other."""
    spans = []
    for phase in PHASES:
        if phase in timings:
            spans.append((number, phase, start, timings[phase]))
            start += timings[phase]
    return spans


def draw(spans: Sequence[tuple[int, str, float, float]], path: Path) -> None:
    """Draw the first candidates, one below the other; without matplotlib write the figures beside that path."""
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError:
        path.with_suffix(".json").write_text(json.dumps(spans) + "\n")
        return

    figure, axes = pyplot.subplots(figsize=(10, 2.5))
    for index, phase in enumerate(PHASES):
        shown = [span for span in spans if span[1] == phase and span[0] <= SHOWN]
        if shown:
            lengths, starts = [span[3] for span in shown], [span[2] for span in shown]
            axes.barh([span[0] for span in shown], lengths, left=starts, color=f"C{index}", label=phase)
    axes.invert_yaxis()
    axes.set(xlabel="seconds", ylabel="candidate")
    axes.legend(loc="upper right", ncols=len(PHASES))
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def markdown(report: Report) -> str:
    """Render the sections that were measured, and what they were measured on."""
    lines = [line for name, (_, table) in SECTIONS.items() if name in report for line in [*table(report), ""]]
    setting = ", ".join(f"{name} {value}" for name, value in report["setup"].items())
    hardware, engine = report["machine"], report["engine"]
    return "\n".join([
        *lines,
        f"{hardware['date']}, {hardware['cores']} x {hardware['cpu']}, load average {report['load']:.1f} before, copy "
        f"bandwidth {report['copy_gb_s']:.0f} GB/s.",
        f"{setting}.",
        ", ".join(f"{name} {value}" for name, value in engine.items()) + ".",
    ])  # fmt: skip


def switch_table(report: Report) -> list[str]:
    """Render changes of candidates in ms, median and range."""
    lines = [
        "| method | prepare s | apply ms | repack ms | whole change ms | GB moved | of copy bandwidth |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for method, one in report["switch"].items():
        rows, moved = one["rows"], one["moved_bytes"] / 1e9
        share = moved / statistics.median(row["apply"] for row in rows) / report["copy_gb_s"]
        cells = [spread(rows, phase) for phase in ("apply", "repack", "whole")]
        lines.append(f"| {method} | {one['prepare_s']:.1f} | {' | '.join(cells)} | {moved:.2f} | {share:.0%} |")
    return lines


def candidate_table(report: Report) -> list[str]:
    """Render the phases of a candidate in ms; overhead is what a candidate takes beside scoring, of the whole."""
    rows = report["candidate"]["rows"]
    phases = [phase for phase in PHASES if any(phase in row for row in rows)]
    overhead = statistics.median(1 - row["score"] / row["whole"] for row in rows)
    read, written = rows[0]["tokens"]
    return [
        f"| {report['candidate']['method']}, ms | {' | '.join(phases)} | whole | beside scoring |",
        f"|---|{'---:|' * (len(phases) + 2)}",
        f"| {read} tokens read, {written} written | {' | '.join(spread(rows, phase) for phase in phases)} "
        f"| {spread(rows, 'whole')} | {overhead:.1%} |",
    ]


SECTIONS: dict[str, tuple[Callable[[Bench, Path], Report], Callable[[Report], list[str]]]] = {
    "switch": (measure_switch, switch_table),
    "candidate": (measure_candidate, candidate_table),
    "tokens": (measure_tokens, tokens_table),
    "mergekit": (measure_mergekit, mergekit_table),
    "workers": (measure_workers, workers_table),
}


if __name__ == "__main__":
    main()
