"""Training sets of the two experts and the three task files, drawn from seeds, disjoint by question."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from experts_training.arithmetic import JSON_SUFFIX, draw_problem, draw_suffix
from experts_training.facts import draw_fact

Split = Literal["train", "own", "target"]

TASK_SIZES = {"arithmetic_json": 400, "arithmetic": 300, "json_facts": 300}
TASK_SEED = 2026


class Item(NamedTuple):
    """One question with its full reply, both without chat markup."""

    question: str
    answer: str


def split_of(core: str) -> Split:
    """Say which set a question belongs to, by a hash of its text without the format instruction.

    One question never appears in two sets, not even with another format instruction. Three buckets of sixteen
    are kept for the tasks of the experts' own skills and three for the target task.
    """
    bucket = hashlib.sha256(core.encode()).digest()[0] % 16
    return "own" if bucket < 3 else "target" if bucket < 6 else "train"


def _draw_arithmetic(rng: random.Random) -> tuple[str, Item]:
    problem, suffix = draw_problem(rng), draw_suffix(rng)
    return problem.question, Item(problem.question + suffix, problem.reply(suffix))


def _draw_target(rng: random.Random) -> tuple[str, Item]:
    problem = draw_problem(rng)
    return problem.question, Item(problem.question + JSON_SUFFIX, problem.reply(JSON_SUFFIX))


def _draw_json_fact(rng: random.Random) -> tuple[str, Item]:
    question, answer = draw_fact(rng)
    return question, Item(question + JSON_SUFFIX, json.dumps({"answer": answer}))


def _collect(
    draw: Callable[[random.Random], tuple[str, Item]], split: Split, size: int, rng: random.Random
) -> list[Item]:
    items: dict[str, Item] = {}
    while len(items) < size:
        core, item = draw(rng)
        if split_of(core) == split:
            items.setdefault(core, item)
    return list(items.values())


_DRAW = {"arithmetic": _draw_arithmetic, "json": _draw_json_fact}


def training_set(expert: str, size: int, seed: int) -> list[Item]:
    """Return ``size`` training items of the expert ``arithmetic`` or ``json``, every question once."""
    return _collect(_DRAW[expert], "train", size, random.Random(f"{expert}-{seed}"))


def task_items(task: str) -> list[Item]:
    """Return the items of the task ``arithmetic_json``, ``arithmetic`` or ``json_facts``."""
    rng, size = random.Random(f"{task}-{TASK_SEED}"), TASK_SIZES[task]
    if task == "arithmetic_json":
        return _collect(_draw_target, "target", size, rng)
    return _collect(_draw_arithmetic if task == "arithmetic" else _draw_json_fact, "own", size, rng)


def write_tasks(folder: Path) -> None:
    """Write every task as ``<task>.jsonl`` with the fields ``question`` and ``answer``."""
    folder.mkdir(parents=True, exist_ok=True)
    for task in TASK_SIZES:
        lines = [json.dumps(item._asdict()) for item in task_items(task)]
        (folder / f"{task}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
