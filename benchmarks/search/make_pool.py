"""Score merges of the two example experts once, so that every search algorithm can be given the same real numbers.

    python benchmarks/search/make_pool.py score --rows FILE --candidates 2000 [--seconds 60]
    python benchmarks/search/make_pool.py score --rows FILE --candidates 2100 --doubt benchmarks/search/pool.npz
    python benchmarks/search/make_pool.py pack --rows FILE [--out benchmarks/search/pool.npz]
    python benchmarks/search/make_pool.py check [--out benchmarks/search/pool.npz]

``score`` appends one JSON line per candidate to FILE and goes on where the file ends, so it can be stopped at any time.
Several can run side by side, each with a file and a ``--first`` number of its own; FILE of ``pack`` may be their sum.
Every candidate is a task-arithmetic merge with 20 weights (2 experts x 5 groups of blocks x attention/mlp), scored by
teacher forcing on one of 60 blocks of 48 of the task's 398 items: many candidates with some items each say more about
the landscape than few candidates with all. ``pack`` writes the table as arrays, with the surrogate fitted on it.
With ``--doubt`` candidates lie where that surrogate is most hopeful. ``check`` scores what the surrogate believes to be
the best merge, and one that it knows, with the real model on all items, and adds both figures to ``pool_quality.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent.parent
TASK = ROOT / "examples" / "tasks" / "arithmetic_json.yaml"
MODELS = ("arithmetic", "json")
GRANULARITY = "group:6+module"
SLOTS = 10
LOW, HIGH = -0.5, 1.8
BLOCKS, BLOCK_ITEMS = 60, 48
STARTS = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), *((scale, scale) for scale in (0.3, 0.5, 0.7, 0.85, 1.0)))
Vector = NDArray[np.float64]


def main() -> None:
    """Score or pack, as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("score", "pack", "check"))
    parser.add_argument("--rows", type=Path, help="JSON lines, one candidate each")
    parser.add_argument("--candidates", type=int, default=2000, help="rows that the file is to hold in the end")
    parser.add_argument("--doubt", type=Path, help="score near what this packed pool's surrogate believes to be best")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--engine", choices=("vllm", "transformers"), default="vllm")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--gpus", type=float, default=0.0, help="GPUs of the engine; a fraction shares one")
    parser.add_argument("--first", type=int, default=0, help="number of the first row, for several files side by side")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("pool.npz"))
    arguments = parser.parse_args()
    if arguments.rows is None and arguments.step != "check":
        parser.error(f"{arguments.step} needs --rows")
    if arguments.step == "pack":
        pack(arguments.rows, arguments.out)
    elif arguments.step == "score":
        score(arguments)
    else:
        check(arguments)


def score(arguments: argparse.Namespace) -> None:
    """Append candidates to the file until it is long enough or the time is over."""
    start = time.monotonic()
    engine = open_engine(arguments)
    from evals.suite import TaskSuite

    rows = read_rows(arguments.rows)
    believed = None if arguments.doubt is None else believed_best(arguments.doubt)
    suites: dict[int, TaskSuite] = {}
    print(f"engine up after {time.monotonic() - start:.0f} s, {len(rows)} rows there", file=sys.stderr)
    with arguments.rows.open("a", encoding="utf-8") as file:
        while len(rows) < arguments.candidates and time.monotonic() - start < arguments.seconds:
            number = arguments.first + len(rows)
            point = propose(number, rows) if believed is None else doubt(number, believed)
            block = number % BLOCKS
            if block not in suites:
                suites[block] = TaskSuite.load([block_of_items(block)])
            engine.write(recipe_of(point))
            items = suites[block].score(engine.lm, "search")
            row = {
                "number": number,
                "point": [round(float(value), 6) for value in point],
                "items": [item.item for item in items],
                "scores": [int(item.score) for item in items],
                "logprobs": [round(float(item.reference_logprob or 0.0), 4) for item in items],
            }
            rows.append(row)
            file.write(json.dumps(row) + "\n")
            file.flush()
    print(f"{len(rows)} rows after {time.monotonic() - start:.0f} s", file=sys.stderr)


def open_engine(arguments: argparse.Namespace) -> Any:
    """Start the engine in this process, with the environment that a worker's process has."""
    from merging.models import ModelRef
    from workers.config import WorkerConfig, process_environment

    base = ModelRef("base", str(ROOT / "models" / "smollm2-135m-instruct"))
    experts = tuple(ModelRef(name, str(ROOT / "examples" / "experts" / name)) for name in MODELS)
    config = WorkerConfig(
        base, experts, (), arguments.engine, gpus=arguments.gpus, max_model_len=256, cpus=arguments.threads
    )
    # Before anything imports torch or vLLM.
    os.environ.update(process_environment(config))
    if config.engine == "vllm":
        from workers.engines.vllm_engine import VllmEngine

        return VllmEngine(config)
    from workers.engines.transformers_engine import TransformersEngine

    return TransformersEngine(config)


def block_of_items(block: int, items: int = BLOCK_ITEMS) -> Any:
    """Return the definition whose search split is one block: the seed decides which items it holds."""
    from evals.tasks import TaskDefinition

    return TaskDefinition(
        "arithmetic_json",
        str(TASK),
        "exact_match",
        max_tokens=16,
        teacher_forced=True,
        search=items,
        selection=1,
        test=1,
        seed=block,
    )


def recipe_of(point: Vector) -> Any:
    """Return the merge of 20 weights, in the order expert, slot."""
    from merging.recipe import Recipe

    weights = {
        model: tuple(float(value) for value in point[SLOTS * index : SLOTS * (index + 1)])
        for index, model in enumerate(MODELS)
    }
    return Recipe("task_arithmetic", MODELS, GRANULARITY, {"weight": weights})


def propose(number: int, rows: list[dict[str, Any]]) -> Vector:
    """Return the point of a candidate, shape (20,): a quarter wide, a quarter near equal weights, half near the elite.

    Every sixteenth is a base, an expert or a merge of equal weights, where searches start.

    The elite is the mean of the best eighth of a random half of the rows so far, so the sample follows the landscape
    uphill, as searches will, without settling on one point.
    """
    rng = np.random.default_rng([number, 20])
    kind = number % 8
    if kind == 0:
        point = np.repeat(rng.uniform(-0.2, 1.5, len(MODELS)), SLOTS)
    elif number % 16 == 1:
        point = np.repeat(STARTS[number // 16 % len(STARTS)], SLOTS)
    elif kind == 1:
        point = np.repeat(rng.uniform(0.2, 1.2, len(MODELS)), SLOTS) + 0.35 * rng.standard_normal(20)
    elif kind < 4 or len(rows) < 64:
        point = 0.7 + rng.choice([0.12, 0.25, 0.35]) * rng.standard_normal(20)
    else:
        half = rng.choice(len(rows), len(rows) // 2, replace=False)
        best = sorted(half, key=lambda index: -row_value(rows[index]))[: max(len(half) // 8, 4)]
        elite = np.mean([rows[index]["point"] for index in best], axis=0)
        point = elite + rng.choice([0.1, 0.2, 0.3]) * rng.standard_normal(20)
    # Reflected at the ends, as the search space does it.
    offset = (point - LOW) % (2 * (HIGH - LOW))
    reflected: Vector = LOW + np.minimum(offset, 2 * (HIGH - LOW) - offset)
    return reflected


def believed_best(pool: Path) -> Vector:
    """Return the point that a packed pool's surrogate holds for the best, shape (20,)."""
    from pool import POOL_TASKS, Pool

    return replace(POOL_TASKS[1].problem(0), pool=Pool.load(pool)).best_point


def doubt(number: int, believed: Vector) -> Vector:
    """Return a point between equal weights of 0.7 and what a surrogate believes to be best, or near the latter.

    A surrogate's optimum is where it is most wrong in its favour, so what it says there has to be measured.
    """
    rng = np.random.default_rng([number, 21])
    share = rng.choice([0.5, 0.8, 1.0])
    found: Vector = np.clip(0.7 + share * (believed - 0.7) + 0.12 * rng.standard_normal(20), LOW, HIGH)
    return found


def row_value(row: dict[str, Any]) -> float:
    """Return the fitness of a row on its own items, with the example's reference weight of 0.1."""
    return float(np.mean(row["scores"]) + 0.1 * np.mean(np.maximum(row["logprobs"], -25.0)))


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows that the file holds in full."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def pack(rows_path: Path, out: Path) -> None:
    """Write the rows as arrays, with the surrogate fitted on them; its quality on held-out rows goes beside it."""
    from surrogate import Rows, fit, quality

    rows = read_rows(rows_path)
    names = sorted({item for row in rows for item in row["items"]})
    position = {name: index for index, name in enumerate(names)}
    table = Rows(
        points=np.array([row["point"] for row in rows]),
        positions=np.array([[position[item] for item in row["items"]] for row in rows], dtype=np.intp),
        scores=np.array([row["scores"] for row in rows], dtype=np.float64),
        logprobs=np.array([row["logprobs"] for row in rows], dtype=np.float16).astype(np.float64),
        items=len(names),
    )
    np.savez_compressed(
        out,
        items=np.array(names),
        tokens=np.array(token_counts(names), dtype=np.uint16),
        points=table.points.astype(np.float32),
        positions=table.positions.astype(np.uint16),
        scores=np.packbits(table.scores.astype(np.uint8), axis=1),
        logprobs=table.logprobs.astype(np.float16),
        **{f"fit_{name}": value for name, value in fit(table).items()},
    )
    found = {name: round(value, 4) for name, value in quality(table).items()}
    out.with_name("pool_quality.json").write_text(json.dumps(found, indent=2) + "\n")
    print(f"{out}: {len(rows)} candidates, {len(names)} items, {out.stat().st_size / 1024:.0f} KiB, {found}")


def check(arguments: argparse.Namespace) -> None:
    """Score two points with the real model on nearly all items and write the means beside the surrogate's."""
    from pool import POOL_TASKS, Pool

    engine = open_engine(arguments)
    from evals.suite import TaskSuite

    surrogate = Pool.load(arguments.out).surrogate
    suite = TaskSuite.load([block_of_items(0, len(surrogate.noise) - 2)])
    points = {"believed_best": POOL_TASKS[1].problem(0).best_point, "task_arithmetic_0.7": np.full(20, 0.7)}
    path = arguments.out.with_name("pool_quality.json")
    found = json.loads(path.read_text())
    for name, point in points.items():
        engine.write(recipe_of(point))
        real = np.mean([item.score for item in suite.score(engine.lm, "search")])
        found[name] = {"real": round(float(real), 4), "surrogate": round(float(surrogate.predict(point)[0].mean()), 4)}
        print(name, found[name])
    path.write_text(json.dumps(found, indent=2) + "\n")


def token_counts(names: list[str]) -> list[int]:
    """Return the tokens of prompt and reference answer of items, by the base's tokenizer."""
    from transformers import AutoTokenizer

    from evals.splits import item_id

    tokenizer = AutoTokenizer.from_pretrained(ROOT / "models" / "smollm2-135m-instruct")
    docs = [json.loads(line) for line in TASK.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()]
    frame = len(tokenizer("<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n")["input_ids"])
    counts = {item_id(doc): frame + len(tokenizer(doc["question"] + doc["answer"])["input_ids"]) for doc in docs}
    return [counts[name] for name in names]


if __name__ == "__main__":
    main()
