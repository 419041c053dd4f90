"""What choosing the search items is worth: how well merges are ranked by as many random and chosen items.

    python benchmarks/evaluation_cost.py                                # merges of the two example experts
    python benchmarks/evaluation_cost.py --rows mergebench.jsonl        # of benchmarks/mergebench/run.py

Items are chosen by the scores of other candidates than those that are ranked. Kendall's tau is between the mean over
the items and the mean over all items. Prints a Markdown table for docs/tasks.md.

Without a file the scores are those of benchmarks/search/pool.npz: 3517 merges with 20 weights, each really scored on
48 of 399 items. Items are chosen by such scores; the merges that are ranked need answers to all items, drawn with the
chances that the pool's surrogate gives. With a file, its candidates that have all search items are dealt into halves,
one to choose by and one to rank.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy
from machine import machine
from numpy.typing import NDArray
from scipy.stats import kendalltau

from evals.choosing import Responses, discrimination, ease, highest, stratified

sys.path.insert(0, str(Path(__file__).resolve().parent / "search"))

Vector = NDArray[np.float64]
RANKED = 60
FEWEST = 20
KNOWN = (50, 200, 800)
WAYS = ("random", "stratified", "discriminating")


@dataclass(frozen=True)
class Fold:
    """Scores to choose by, and a full table of other candidates to rank, shape (candidates, items)."""

    known: Responses
    ranked: Vector


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, help="file that benchmarks/mergebench/run.py has written")
    parser.add_argument("--folds", type=int, default=40, help="random divisions of the candidates")
    arguments = parser.parse_args()
    print("| scores to choose by | items | random | stratified by difficulty | discriminating |")
    print("|---|---|---|---|---|")
    if arguments.rows is None:
        for candidates in KNOWN:
            measure(f"{candidates} candidates", pool_folds(candidates, arguments.folds), (16, 32, 64, 128))
    else:
        table = whole_table(arguments.rows)
        count = table.shape[1]
        halves = halved(table, arguments.folds)
        measure(f"{len(table) // 2} candidates", halves, tuple(sorted({max(1, count // part) for part in (8, 4, 2)})))
    found = machine()
    print(f"\n{arguments.folds} divisions; {found['date']}, {found['cores']} x {found['cpu']}, "
          f"numpy {np.__version__}, scipy {scipy.__version__}.")  # fmt: skip


def measure(label: str, folds: Iterator[Fold], sizes: tuple[int, ...]) -> None:
    """Print a row for each number of items: mean tau of each way, and how much it differs from random items."""
    taus: dict[int, list[list[float]]] = {size: [] for size in sizes}
    for number, fold in enumerate(folds):
        drawn = [str(item) for item in np.random.default_rng([number, 1]).permutation(fold.known.items)]
        whole = fold.ranked.mean(axis=1)
        for size, found in taus.items():
            chosen = choose(fold.known, drawn, size)
            found.append([float(kendalltau(fold.ranked[:, columns].mean(axis=1), whole)[0]) for columns in chosen])
    for size, found in taus.items():
        table = np.array(found)
        gains = table - table[:, :1]
        errors = gains.std(axis=0, ddof=1) / np.sqrt(len(gains))
        cells = [
            f"{mean:.3f}" if way == "random" else f"{mean:.3f} ({gain:+.3f} ± {error:.3f})"
            for way, mean, gain, error in zip(WAYS, table.mean(axis=0), gains.mean(axis=0), errors, strict=True)
        ]
        print(f"| {label} | {size} | {' | '.join(cells)} |", flush=True)


def choose(known: Responses, drawn: list[str], size: int) -> list[list[int]]:
    """Return the columns that each way takes; ``drawn`` is a random order of the items."""
    picked = (
        drawn[:size],
        stratified(drawn, ease(known), size),
        highest(drawn, discrimination(known), size),
    )
    return [[int(item) for item in items] for items in picked]


def pool_folds(candidates: int, folds: int) -> Iterator[Fold]:
    """Yield real scores of random merges of the pool, and answers of other merges to all items."""
    from pool import Pool

    pool = Pool.load()
    rows = pool.rows
    for number in range(folds):
        rng = np.random.default_rng(number)
        order = rng.permutation(len(rows.points))
        known = Responses.of(
            (int(row), str(item), float(score))
            for row in order[:candidates]
            for item, score in zip(rows.positions[row], rows.scores[row], strict=True)
        )
        chances = np.array([pool.surrogate.predict(rows.points[row])[0] for row in order[-RANKED:]])
        yield Fold(known, (rng.random(chances.shape) < chances).astype(np.float64))


def whole_table(path: Path) -> Vector:
    """Return the scores of the candidates that have all search items, shape (candidates, items)."""
    rows: dict[str, dict[tuple[str, str], float]] = {}
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        row = json.loads(line)
        if row["split"] == "search":
            rows.setdefault(row["recipe"], {}).update({(task, item): score for task, item, score, _ in row["items"]})
    items = sorted({item for row in rows.values() for item in row})
    found = [[row[item] for item in items] for row in rows.values() if len(row) == len(items)]
    if len(found) < FEWEST:
        raise SystemExit(f"{len(found)} candidates of {path} have all {len(items)} search items: too few to rank")
    return np.array(found)


def halved(table: Vector, folds: int) -> Iterator[Fold]:
    """Yield halves of the candidates."""
    for number in range(folds):
        order = np.random.default_rng(number).permutation(len(table))
        known, ranked = table[order[: len(table) // 2]], table[order[len(table) // 2 :]]
        cells = ((row, str(column), float(score)) for (row, column), score in np.ndenumerate(known))
        yield Fold(Responses.of(cells), ranked)


if __name__ == "__main__":
    main()
