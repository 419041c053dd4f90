"""MergeBench's table (arXiv 2505.10833) on the two example experts: its eight methods, their grids, and our search.

    python benchmarks/mergebench/run.py [--rows mergebench.jsonl] [--seconds 300] [--out docs/images/mergebench.svg]

Every method is merged with its default settings, and with the best of a grid. The search gets as many scored search
items as all grids together, the plain merges that it starts from included, and once more with the merge of the best
grid among its models. All choose among their best candidates on the selection items; what is reported are test items
that nothing was chosen by. Forgetting is what the base has on English grammar, which no expert was trained for, and the
merge has not. Prints Markdown for docs/mergebench.md.

The file gets one JSON line for each scoring, and what is in it is not scored again: the run can be stopped at any time
and started again, or stopped with --seconds. A finished file is printed without an engine. The merge of the best grid
is kept as a checkpoint beside the file.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from grids import GRIDS

from workers.config import WorkerConfig, process_environment


def main() -> None:
    """Measure what is not measured yet, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, default=Path("mergebench.jsonl"), help="file of all scores")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--engine", choices=("vllm", "transformers"), default="vllm")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--methods", nargs="+", choices=tuple(GRIDS), default=list(GRIDS))
    parser.add_argument("--items", nargs=3, type=int, default=(24, 24, 100), metavar=("SEARCH", "SELECTION", "TEST"))
    parser.add_argument("--out", type=Path, help="write the figure there")
    arguments = parser.parse_args()
    # Before anything imports torch or vLLM; no model is looked at.
    os.environ.update(process_environment(WorkerConfig(None, (), (), cpus=arguments.threads)))
    from measuring import measure
    from rows import table

    with tempfile.TemporaryDirectory() as scratch:
        # What the methods learn from data counts as their time, whatever an earlier run has left on the disk.
        os.environ["EVOMERGE_CACHE"] = scratch
        rows, header = measure(arguments, Path(scratch))
    print(table(rows))
    versions = ", ".join(f"{name} {version}" for name, version in header["versions"].items())
    print(f"\n{header['date']}, {header['cores']} x {header['cpu']}, {versions}.")
    if arguments.out is not None:
        from figure import draw

        draw(rows, arguments.out)


if __name__ == "__main__":
    main()
