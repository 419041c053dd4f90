"""Score merges of the two example experts once, so that every search algorithm can be given the same real numbers.

    python benchmarks/search/make_pool.py score --rows FILE --candidates 2000 [--seconds 60]
    python benchmarks/search/make_pool.py pack --rows FILE [--out benchmarks/search/pool.npz]

``score`` appends one JSON line per candidate to FILE and goes on where the file ends, so it can be stopped at any time.
Every candidate is a task-arithmetic merge with 20 weights (2 experts x 5 groups of blocks x attention/mlp), scored by
teacher forcing on one of 60 blocks of 48 of the task's 398 items: many candidates with some items each say more about
the landscape than few candidates with all. ``pack`` writes the table as arrays.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
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
    parser.add_argument("step", choices=("score", "pack"))
    parser.add_argument("--rows", type=Path, required=True, help="JSON lines, one candidate each")
    parser.add_argument("--candidates", type=int, default=2000, help="rows that the file is to hold in the end")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--engine", choices=("vllm", "transformers"), default="vllm")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("pool.npz"))
    arguments = parser.parse_args()
    if arguments.step == "score":
        score(arguments)
    else:
        pack(arguments.rows, arguments.out)


def score(arguments: argparse.Namespace) -> None:
    """Append candidates to the file until it is long enough or the time is over."""
    from merging.models import ModelRef
    from workers.config import WorkerConfig, process_environment

    base = ModelRef("base", str(ROOT / "models" / "smollm2-135m-instruct"))
    experts = tuple(ModelRef(name, str(ROOT / "examples" / "experts" / name)) for name in MODELS)
    config = WorkerConfig(base, experts, (), arguments.engine, max_model_len=256, cpus=arguments.threads)
    # Before anything imports torch or vLLM, as a worker's process has it.
    os.environ.update(process_environment(config))
    from evals.suite import TaskSuite

    start = time.monotonic()
    rows = read_rows(arguments.rows)
    engine = open_engine(config)
    suites: dict[int, TaskSuite] = {}
    print(f"engine up after {time.monotonic() - start:.0f} s, {len(rows)} rows there", file=sys.stderr)
    with arguments.rows.open("a", encoding="utf-8") as file:
        while len(rows) < arguments.candidates and time.monotonic() - start < arguments.seconds:
            number = len(rows)
            point = propose(number, rows)
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


def open_engine(config: Any) -> Any:
    """Start the engine of the configuration in this process."""
    if config.engine == "vllm":
        from workers.engines.vllm_engine import VllmEngine

        return VllmEngine(config)
    from workers.engines.transformers_engine import TransformersEngine

    return TransformersEngine(config)


def block_of_items(block: int) -> Any:
    """Return the definition whose search split is one block: the seed decides which items it holds."""
    from evals.tasks import TaskDefinition

    return TaskDefinition(
        "arithmetic_json",
        str(TASK),
        "exact_match",
        max_tokens=16,
        teacher_forced=True,
        search=BLOCK_ITEMS,
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
