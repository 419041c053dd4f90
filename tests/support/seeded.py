"""Experiments in a store as drivers and people would have left them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.entities import Experiment
from experiments.spec import parse_any
from experiments.states import CandidateKind, ExperimentState, Split, Wanted
from experiments.store import Store

GENES = ("a weight 0", "a weight 1", "b weight 0")
BLACKBOX: dict[str, Any] = {
    "name": "box",
    "blackbox": {
        "url": "http://127.0.0.1:9/score",
        "parameters": {"x": {"range": [-1.0, 1.0]}, "y": {"range": [0.0, 2.0]}},
        "items": 4,
    },
    "search": {"budget": {"evaluations": 40}},
}


def merge_spec(**changes: Any) -> dict[str, Any]:
    """Return a canonical spec of a merge; nothing that it names is there."""
    spec = {
        "name": "json-math",
        "base_model": "base",
        "models": {"a": "a", "b": "b"},
        "merge": {"method": "task_arithmetic"},
        "tasks": [{"task": "words.yaml", "metric": "exact_match"}],
        "search": {"budget": {"evaluations": 60}},
    }
    return parse_any({**spec, **changes}).canonical()


@dataclass(frozen=True)
class Item:
    """A scored item."""

    task: str
    item: str
    score: float
    reference_logprob: float | None = -1.5
    output: str | None = "an answer"


def new_experiment(store: Store, owner: str = "run-person", name: str = "json-math", **options: Any) -> Experiment:
    """Create an experiment that waits for its driver."""
    models = {name: {"path": f"/models/{name}", "revision": None} for name in ("base", "a", "b")}
    resolved = {"genes": list(GENES), "inputs": {"models": {}}, "models": models}
    return store.create_experiment(
        merge_spec(name=name), "/models", resolved, owner=owner, wanted=Wanted.RUN, **options
    )


TRADEOFFS = {
    "reference": {"choice": 0.25, "words": 0.5},
    "hypervolume": 0.0625,
    "members": [
        {
            "number": 1,
            "label": "searched",
            "search": {"choice": {"mean": 0.5, "deviation": 0.0}, "words": {"mean": 0.75, "deviation": 0.125}},
            "selection": {"choice": 0.375, "words": 0.625},
        },
        {
            "number": 2,
            "label": "",
            "search": {"choice": {"mean": 0.625, "deviation": 0.0}, "words": {"mean": 0.25, "deviation": 0.0}},
            "selection": None,
        },
    ],
    "confirmed": [],
}


def seed(
    store: Store, candidates: int = 12, owner: str = "run-person", name: str = "json-math", finished: bool = False
) -> Experiment:
    """Create an experiment and drive it: every fifth candidate is infeasible, one is running, the others are scored."""
    experiment = new_experiment(store, owner, name)
    store.claim_driver(experiment.id)
    with store.together():
        for number in range(candidates):
            _score(store, experiment, number, last=number == candidates - 1 and not finished)
        if finished:
            store.record_decision(experiment.id, "winner", {"number": 1})
            outcome = {
                "winner": {"number": 1, "label": "searched"},
                "report": {"models": []},
                "gap": {"search": {"mean": 0.5, "low": 0.4, "high": 0.6, "items": 4}},
                "front": [1, 2],
                "tradeoffs": TRADEOFFS,
                "test_uses": 1,
                "notes": ["one note"],
            }
            store.record_decision(experiment.id, "outcome", outcome)
    if finished:
        store.release_driver(experiment.id, ExperimentState.FINISHED)
    return store.get_experiment(experiment.id)


def _score(store: Store, experiment: Experiment, number: int, *, last: bool) -> None:
    baseline = number == 0
    candidate = store.record_ask(
        experiment.id,
        number=number,
        kind=CandidateKind.BASELINE if baseline else CandidateKind.SEARCH,
        label="base" if baseline else "",
        vector=None if baseline else [number / 7, -0.25, 0.0],
        recipe={"method": "task_arithmetic", "models": ["a", "b"]},
        digest=f"{number:016x}",
    )
    attempt = store.record_started(candidate.id, Split.SEARCH, worker=f"worker-{number % 3}")
    if last:
        return
    if number % 5 == 4:
        store.record_infeasible(candidate.id, Split.SEARCH, "NaN in the weights", attempt=attempt)
        return
    fitness = (number * 37 % 11) / 11
    store.record_result(
        candidate.id,
        Split.SEARCH,
        [Item(task, f"{place:016x}", fitness) for task in ("choice", "words") for place in range(2)],
        attempt=attempt,
        fitness=fitness,
        timings_s={"apply": 0.5, "score": 2.25},
        prompt_tokens=100,
        generated_tokens=20,
    )


@contextmanager
def counted(store: Store) -> Iterator[list[float]]:
    """Collect the seconds of every SQL statement that the store executes inside."""
    seen: list[float] = []
    listening = True
    store.on_statement(lambda seconds: seen.append(seconds) if listening else None)
    try:
        yield seen
    finally:
        listening = False


def write_model(directory: Path, *, config: str = '{"architectures": ["LlamaForCausalLM"]}') -> Path:
    """Write what looks like a checkpoint, with weights that nothing could open."""
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(config)
    (directory / "model.safetensors").write_bytes(b"weights")
    return directory
