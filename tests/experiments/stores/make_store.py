"""Write the store that a version of evomerge leaves, as SQL: ``PYTHONPATH=TREE python make_store.py schema-NNNN.sql``.

TREE is the code of that version; nothing is used here that one of them has not. A file is made once, when its schema is
released, and never again: it is what users have. Those of 0001 and 0002 were made with the code of their own time.
"""

from __future__ import annotations

import inspect
import socket
import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from experiments.states import CandidateKind, ExperimentState, Split
from experiments.store import Store

SPEC = {"base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}
RESOLVED = {"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}
OUTCOME = {"number": 3, "reason": "better than the center"}
# Candidates of every experiment: label, point; number 2 cannot be merged, and number 3 is started twice.
CANDIDATES = (("base", None), ("uniform mean", None), ("", [0.5, -0.25]), ("", [1.0, 0.125]), ("", [0.0, 1.5]))
INFEASIBLE, LOST = 2, 3
# One update of the finished one's search, and the words of its first two items.
TRACE = ({"updates": 1, "run": 0, "number": 5, "items": 16, "state": {"sigma": 0.75, "eigenvalues": [1.5, 1.0]}},)
TEXTS = (
    {"source": "c0ffee", "item": f"{0:016x}", "prompt": "naïve ✓?", "reference": "yes", "choices": ["yes", "no"],
     "truncated": False},
    {"source": "c0ffee", "item": f"{1:016x}", "prompt": "long", "reference": None, "choices": None, "truncated": True},
)  # fmt: skip
# What the first candidate's scores depend on, and the hash of its weights.
PROVENANCE, WEIGHTS = {"digest": "feedbeef", "data": {"dtype": "bfloat16"}}, "0badcafe"
# A checkpoint that no experiment asked for, scored in the same way.
CHECKPOINT = {
    "label": "base", "model": "/models/base", "weights": WEIGHTS, "split": Split.TEST, "task_weights": {"choice": 1.0},
    "provenance": (PROVENANCE["digest"], PROVENANCE["data"]), "timings_s": {"score": 1.5}, "prompt_tokens": 30,
    "generated_tokens": 3,
}  # fmt: skip
ITEMS = {Split.SEARCH: 4, Split.SELECTION: 2, Split.TEST: 3}
# How far each experiment has come: its name, its number of candidates, and how its driver ended.
EXPERIMENTS = (
    ("finished", 5, ExperimentState.FINISHED),
    ("interrupted", 4, ExperimentState.INTERRUPTED),
    ("killed", 5, ExperimentState.RUNNING),
)


def items(number: int, split: Split) -> list[SimpleNamespace]:
    """The scored items of a candidate."""
    return [
        SimpleNamespace(
            task=("choice", "words")[place % 2],
            item=f"{list(ITEMS).index(split)}{place:015x}",
            score=(number * 5 + place * 3) % 7 / 7,
            reference_logprob=-1.5 if place else None,
            output="naïve ✓\n" if place else None,
        )
        for place in range(ITEMS[split])
    ]


def fitness(number: int, split: Split = Split.SEARCH) -> float:
    """The mean score."""
    found = [one.score for one in items(number, split)]
    return float(sum(found) / len(found))


def fill(store: Store) -> None:
    """Record all experiments as their drivers would have."""
    for name, count, end in EXPERIMENTS:
        experiment = store.create_experiment({"name": name, **SPEC}, "/models", RESOLVED)
        store.claim_driver(experiment.id)
        if hasattr(store, "record_provenance"):
            store.record_provenance(experiment.id, **PROVENANCE)
        for number in range(count):
            _score(store, experiment.id, number, stays_open=end is ExperimentState.RUNNING and number == count - 1)
        if end is ExperimentState.FINISHED:
            if hasattr(store, "ask_export"):
                store.ask_export(experiment.id, 3, "/artifacts", by="ann")
            for split in (Split.SELECTION, Split.TEST):
                _measure(store, store.candidates(experiment.id)[3].id, 3, split)
            store.record_decision(experiment.id, "winner", OUTCOME)
            if hasattr(store, "record_trace"):
                store.record_trace(experiment.id, [SimpleNamespace(**one) for one in TRACE])
                store.record_texts(experiment.id, [SimpleNamespace(**one) for one in TEXTS])
            if hasattr(store, "record_checkpoint"):
                store.record_checkpoint(items=items(1, Split.TEST), **CHECKPOINT)
        store.heartbeat(experiment.id, 12.5)
        if end is not ExperimentState.RUNNING:
            store.release_driver(experiment.id, end)


def _score(store: Store, experiment: str, number: int, *, stays_open: bool) -> None:
    label, vector = CANDIDATES[number]
    kind = CandidateKind.SEARCH if vector else CandidateKind.BASELINE
    recipe: dict[str, Any] = {"method": "linear", "models": ["a", "b"], "weights": vector}
    found = store.record_ask(
        experiment, number=number, kind=kind, label=label, vector=vector, recipe=recipe, digest=f"{number:064x}"
    )
    if stays_open:
        store.record_started(found.id, Split.SEARCH, worker="worker-1")
    elif number == INFEASIBLE:
        store.record_infeasible(found.id, Split.SEARCH, "NaN in the weights")
    else:
        if number == LOST:
            store.record_started(found.id, Split.SEARCH, worker="worker-0")
            store.record_lost(found.id, Split.SEARCH, "the node is gone")
        _measure(store, found.id, number, Split.SEARCH)


def _measure(store: Store, candidate: int, number: int, split: Split) -> None:
    scored, accepted = items(number, split), inspect.signature(store.record_result).parameters
    # Since blocks are scored alone, a candidate of the search has two of them.
    half = len(scored) // 2
    parts = {0: scored[:half], 1: scored[half:]} if "block" in accepted and split is Split.SEARCH else {None: scored}
    for block, part in parts.items():
        place = {} if block is None else {"block": block}
        attempt = store.record_started(candidate, split, worker="worker-1", **place)
        leased = {"attempt": attempt} if "attempt" in accepted else {}
        whole = {} if block is None else {"overall": fitness(number) if block == 1 else None}
        if "provenance" in accepted and number == 0:
            whole |= {"provenance": PROVENANCE["digest"], "weights": WEIGHTS}
        store.record_result(
            candidate, split, part, fitness=sum(one.score for one in part) / len(part),
            timings_s={"apply": 0.25, "score": 1.5}, prompt_tokens=10 * len(part), generated_tokens=len(part),
            **place, **leased, **whole,
        )  # fmt: skip


def main(out: Path) -> None:
    """Fill a new store and write it as SQL."""
    with tempfile.TemporaryDirectory() as folder:
        with Store.open(f"sqlite:///{folder}/store.db") as store:
            fill(store)
        with closing(sqlite3.connect(f"{folder}/store.db")) as connection:
            text = "\n".join(connection.iterdump()) + "\n"
    # The driver that was killed is on another machine, and has been dead for a while.
    today = str(datetime.now(UTC).date())
    out.write_text(text.replace(socket.gethostname(), "node-1").replace(today, "2026-11-01"), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
