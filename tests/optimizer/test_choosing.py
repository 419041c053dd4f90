"""Search items that are chosen: from the data or from stored scores, recorded, and never those of other splits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evals.provenance import Provenance, provenance_of
from evals.suite import TaskSuite
from evals.tasks import ItemScore
from evomerge.errors import StateConflict, TaskError
from experiments.spec import LoadedSpec, load_spec
from experiments.states import CandidateKind, Split
from experiments.store import Store
from optimizer.choosing import FEWEST_SCORES
from optimizer.honesty import chosen_items
from optimizer.launch import check_unchanged, create
from optimizer.preflight import make_plan
from optimizer.reporting.build import build_document
from optimizer.sources import task_definitions
from runs import TinyExperiment

CHOSEN, SELECTION, TEST = 6, 6, 10
ENGINE = {"engine": "fake", "fake": "0", "device": "cpu", "dtype": "bfloat16"}


class Tokenizer:
    backend_tokenizer = None

    def get_vocab(self) -> dict[str, int]:
        return {"a": 0}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
def load(tiny_experiment: TinyExperiment) -> Callable[..., LoadedSpec]:
    """Load the tiny experiment with its first task alone; arguments change the task's splits."""

    def change(name: str, splits: Mapping[str, Any], **task: Any) -> LoadedSpec:
        sizes = {"search": CHOSEN, "selection": SELECTION, "test": TEST}

        def edit(spec: dict[str, Any]) -> None:
            spec["tasks"] = [{**spec["tasks"][0], **task, "splits": {**sizes, **splits}}]

        return load_spec(tiny_experiment.spec(name, edit))

    return change


def score(store: Store, loaded: LoadedSpec, candidates: int = 2 * FEWEST_SCORES) -> dict[str, int]:
    """Record an experiment in which every second search item is answered by ability, the others by chance."""
    suite = TaskSuite.load(task_definitions(loaded.spec, loaded.source_dir))
    made: Provenance = provenance_of(suite, Tokenizer(), ENGINE, 0, "in place")
    experiment = store.create_experiment(loaded.spec.canonical(), str(loaded.source_dir), {})
    store.claim_driver(experiment.id)
    store.record_provenance(experiment.id, made.digest, made.to_dict())
    rng = np.random.default_rng(0)
    refs = {split: suite.items(split.value) for split in Split}
    for number in range(candidates):
        one = store.record_ask(
            experiment.id, number=number, kind=CandidateKind.SEARCH, label=str(number), vector=[0.0],
            recipe={"n": number}, digest=str(number), block=0,
        )  # fmt: skip
        for split in Split:
            attempt = store.record_started(one.id, split, worker="w", block=0)
            scores = [
                ItemScore(
                    ref.task, ref.item, float(number > candidates / 2 if n % 2 else rng.random() > 0.5), None, None
                )
                for n, ref in enumerate(refs[split])
            ]
            store.record_result(
                one.id, split, scores, fitness=0.5, timings_s={}, prompt_tokens=0, generated_tokens=0,
                block=0, attempt=attempt, provenance=made.digest,
            )  # fmt: skip
    return {ref.item: n % 2 for n, ref in enumerate(refs[Split.SEARCH])}


def test_discriminating_items_come_from_stored_search_scores(store: Store, load: Callable[..., LoadedSpec]) -> None:
    tells = score(store, load("pool", {"search": 18}))
    loaded = load("chosen", {"choose": "discriminating"})
    random = make_plan(load("random", {}).spec, loaded.source_dir)
    experiment, plan = create(store, loaded.spec, loaded.source_dir)
    found = [ref.item for ref in plan.items[Split.SEARCH]]
    assert len(found) == CHOSEN and all(tells[item] for item in found)
    # The other splits are drawn as ever, and the workers get the same items.
    assert [plan.items[split] for split in (Split.SELECTION, Split.TEST)] == [
        random.items[split] for split in (Split.SELECTION, Split.TEST)
    ]
    assert TaskSuite.load(plan.worker.tasks).items("search") == plan.items[Split.SEARCH]  # type: ignore[attr-defined]

    record = experiment.resolved["chosen"]["words"]
    assert (record["choose"], record["pool"], record["candidates"]) == ("discriminating", 18, 2 * FEWEST_SCORES)
    assert json.loads(json.dumps(record)) == record and set(record["items"]) == set(found)
    (warning,) = build_document(store, experiment).warnings
    assert f"The {CHOSEN} search items of words were chosen from 18 (discriminating" in warning
    assert [*chosen_items(random.provenance)] == []


def test_a_resumed_run_has_the_recorded_items_whatever_the_store_has_learnt(
    store: Store, load: Callable[..., LoadedSpec]
) -> None:
    score(store, load("pool", {"search": 18}))
    loaded = load("stratified", {"choose": "stratified"})
    experiment, plan = create(store, loaded.spec, loaded.source_dir)
    score(store, load("more", {"search": 12}), candidates=100)
    again = make_plan(loaded.spec, loaded.source_dir, store)
    assert again.items[Split.SEARCH] != plan.items[Split.SEARCH]
    assert check_unchanged(experiment, allow_code=False).items == plan.items

    data = dict(experiment.resolved["chosen"]["words"])
    taken = next(iter(plan.items[Split.TEST])).item
    experiment.resolved["chosen"]["words"]["items"] = [*data["items"][1:], taken]  # type: ignore[index]
    with pytest.raises((TaskError, StateConflict), match="1 of its 6 chosen search items"):
        check_unchanged(experiment, allow_code=False)


@pytest.mark.parametrize(
    ("pool", "task", "candidates", "found"),
    [
        ({"search": 4}, {}, 40, 4),
        ({"search": 18}, {}, FEWEST_SCORES - 1, 0),
        ({"search": 18}, {"max_tokens": 3}, 40, 0),
        ({"search": 18}, {"teacher_forced": True}, 40, 0),
    ],
    ids=["few items", "few candidates", "another question", "another way of scoring"],
)
def test_too_few_scores_are_refused_with_numbers(
    store: Store,
    load: Callable[..., LoadedSpec],
    pool: dict[str, int],
    task: dict[str, Any],
    candidates: int,
    found: int,
) -> None:
    asked = {"max_tokens": 4, "teacher_forced": False}
    score(store, load("pool", pool, **{**asked, **task}), candidates)
    loaded = load("refused", {"choose": "discriminating"}, **asked)
    with pytest.raises(TaskError, match=rf"splits.choose: discriminating takes 6 items .* has {found} such items of"):
        make_plan(loaded.spec, loaded.source_dir, store)


def test_a_column_needs_no_scores(load: Callable[..., LoadedSpec]) -> None:
    loaded = load("by", {"choose": "stratified", "by": "answer"})
    plan = make_plan(loaded.spec, loaded.source_dir)
    shares: dict[str, int] = {}
    for text in plan.suite.texts():
        if text.item in {ref.item for ref in plan.items[Split.SEARCH]}:
            shares[str(text.reference)] = shares.get(str(text.reference), 0) + 1
    assert sorted(shares.values()) == [2, 2, 2]
    wrong = load("wrong", {"choose": "stratified", "by": "anser"})
    with pytest.raises(TaskError, match=r"splits.by: the data has no column 'anser'.*answer"):
        make_plan(wrong.spec, wrong.source_dir)
