"""Candidates by task, and what their front covers as the search goes on."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from seeded import Item, merge_spec, seed

from evals.statistics import interval
from experiments.states import WHOLE, CandidateKind, Split
from experiments.store import Store
from experiments.traces import TraceRow

TASKS = ("sums", "words")
# Right answers of the four items of each task; None: only one of the two blocks was scored.
RIGHT: dict[int, tuple[int, int] | None] = {0: (1, 1), 1: (3, 0), 2: None, 3: (2, 2), 4: (4, 1), 5: (2, 1), 6: (3, 3)}


def answers(right: tuple[int, int], places: range) -> list[Item]:
    return [
        Item(task, f"{place:016x}", float(place < count))
        for task, count in zip(TASKS, right, strict=True)
        for place in places
    ]


@pytest.fixture
def experiment(store: Store) -> str:
    tasks = {task: {"items": {"search": 4}} for task in TASKS}
    spec = merge_spec(tasks=[{"task": f"{task}.yaml", "metric": "exact_match"} for task in TASKS])
    made = store.create_experiment(spec, "/models", {"genes": ["x"], "tasks": tasks}).id
    store.claim_driver(made)
    with store.together():
        for number, right in RIGHT.items():
            _record(store, made, number, right)
        rows = [TraceRow(updates, 0, asked, 8 * asked, {}) for updates, asked in ((1, 4), (2, 6))]
        store.record_trace(made, rows)
    return made


def _record(store: Store, experiment: str, number: int, right: tuple[int, int] | None) -> None:
    kind = CandidateKind.BASELINE if number < 2 else CandidateKind.SEARCH
    label = {0: "base", 1: "expert sums"}.get(number, "")
    asked = store.record_ask(
        experiment, number=number, kind=kind, label=label, vector=[0.0], recipe={}, digest=f"{number:064x}"
    )
    # The others are scored block by block; the last two places of every task are the second block.
    parts = {WHOLE: range(4)} if number < 2 else {0: range(2), 1: range(2, 4)}
    for block, places in list(parts.items())[: 1 if right is None else 2]:
        items = answers(right or (2, 2), places)
        attempt = store.record_started(asked.id, Split.SEARCH, worker="w", block=block)
        store.record_result(
            asked.id,
            Split.SEARCH,
            items,
            block=block,
            attempt=attempt,
            fitness=sum(one.score for one in items) / len(items),
            overall=None if block == WHOLE else 0.1 * number,
            timings_s={},
            prompt_tokens=0,
            generated_tokens=0,
        )


def get(client: TestClient, experiment: str, **params: int) -> Any:
    response = client.get(f"/api/v1/experiments/{experiment}/tradeoffs", params=params)
    assert response.status_code == 200, response.text
    return response.json()


def test_who_has_all_items_has_every_task(reader: TestClient, experiment: str) -> None:
    found = get(reader, experiment)
    assert (found["number"], found["total"], found["every"]) == ([0, 1, 3, 4, 5, 6], 7, 1)
    assert found["mean"] == {"sums": [0.25, 0.75, 0.5, 1, 0.5, 0.75], "words": [0.25, 0, 0.5, 0.25, 0.25, 0.75]}
    # Two blocks give the interval that all of their items in one list do, which stays within 0 and 1.
    known = interval([1.0, 1.0, 1.0, 1.0])
    place = found["number"].index(4)
    assert (found["low"]["sums"][place], found["high"]["sums"][place]) == pytest.approx((known.low, 1))
    assert (found["base"], found["reference"]) == (0, {"sums": 0.25, "words": 0.25})


def test_the_hypervolume_grows_with_the_updates(reader: TestClient, experiment: str) -> None:
    found = get(reader, experiment)["hypervolumes"]
    assert (found["asked"], found["update"]) == ([4, 6, 7], [1, 2])
    # Above (1/4, 1/4): first (1/2, 1/2); (1, 1/4) is no better than the base on words; then (3/4, 3/4).
    assert found["volume"] == pytest.approx([1 / 16, 1 / 16, 1 / 4]) and found["baselines"] == 0


def test_a_sample_keeps_the_best_and_all_others(reader: TestClient, store: Store, experiment: str) -> None:
    with store.together():
        for number in range(7, 60):
            _record(store, experiment, number, (1, 2))
    found = get(reader, experiment, limit=5)
    best = {one.candidate.number for one in store.leaderboard(experiment, limit=10)}
    assert found["every"] == 13 and {0, 1, 13, 26, 39} | best == set(found["number"])


def test_one_task_has_no_tradeoffs(reader: TestClient, store: Store) -> None:
    found = get(reader, seed(store, 10).id)
    assert found["hypervolumes"] is None and "There is one task" in found["reason"]
