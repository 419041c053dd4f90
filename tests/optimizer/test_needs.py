"""What a run will need is counted from the spec, and what cannot fit is refused with the numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evals.suite import TaskSuite
from evomerge.errors import SpecError
from experiments.spec import load_spec
from experiments.states import Split
from optimizer.launch import plan_of
from optimizer.machine import Node
from optimizer.needs import check_fits, find_needs
from optimizer.plan import Plan
from optimizer.preflight import make_plan
from runs import Change, TinyExperiment

SEARCH, SELECTION, TEST = 20, 12, 16
# Base, two experts, uniform mean and the scale line; of which 0.5 is the mean.
BASELINES, TESTED = 8, 6
WORDS_LIMIT = 6


def plan(experiment: TinyExperiment, change: Change = lambda spec: None) -> Plan:
    loaded = load_spec(experiment.spec("needs", change))
    return make_plan(loaded.spec, loaded.source_dir)


def workers(**keys: Any) -> Change:
    return lambda spec: spec["workers"].update(keys)


def test_work_is_counted_from_budget_and_tasks(tiny_experiment: TinyExperiment) -> None:
    needs = find_needs(plan(tiny_experiment))
    work = needs.work
    assert work.dimensions == len(plan(tiny_experiment).genome.genes)
    assert work.candidates == {"baselines": BASELINES, "search": 24 - BASELINES, "selection": 4, "test": TESTED}
    assert work.items == {
        "baselines": BASELINES * SEARCH,
        "search": (24 - BASELINES) * SEARCH,
        "selection": 4 * SELECTION,
        "test": TESTED * TEST,
    }
    # The search judges one forward pass; half of the other items are generated.
    assert work.written == {
        "baselines": 0,
        "search": 0,
        "selection": 4 * WORDS_LIMIT * SELECTION // 2,
        "test": TESTED * WORDS_LIMIT * TEST // 2,
    }
    assert work.read["baselines"] == BASELINES * (work.read["search"] or 0) // (24 - BASELINES)


def test_tokens_read_are_those_that_the_tokenizer_makes(tiny_experiment: TinyExperiment) -> None:
    from transformers import AutoTokenizer

    checked = plan(tiny_experiment)
    tokenizer = AutoTokenizer.from_pretrained(checked.worker.base.path)
    suite = TaskSuite.load(checked.worker.tasks)
    read = 0
    for task in suite._tasks:
        for item in task.splits["test"]:
            question = task.docs[item]["question"]
            answers = [" red", " blue", " green"] if task.definition.name == "choice" else [""]
            read += sum(len(tokenizer.encode(question + answer)) for answer in answers)
    assert suite.volume(Split.TEST, tokenizer).read == read


def test_a_budget_of_hours_says_the_time_and_not_the_work(tiny_experiment: TinyExperiment) -> None:
    needs = find_needs(plan(tiny_experiment, lambda spec: spec["search"].update(budget={"hours": 2})))
    assert needs.work.items["search"] is None
    assert needs.work.total("items") is None
    assert needs.time.hours == 2


def test_more_workers_than_memory_are_refused_with_the_numbers(tiny_experiment: TinyExperiment) -> None:
    checked = plan(tiny_experiment, workers(count=4096))
    needs = find_needs(checked)
    (room,) = needs.room
    with pytest.raises(SpecError, match=rf"process [0-9.]+ GiB.* room for {room}: .* has [0-9.]+ GiB") as caught:
        check_fits(checked, needs)
    assert caught.value.field == "workers.count"
    assert caught.value.fix == f"set workers.count: {room}"
    fitting = plan(tiny_experiment, workers(count=room))
    check_fits(fitting, find_needs(fitting))


def test_what_merging_prepares_is_counted_once_per_node_where_it_can_be_shared(tiny_experiment: TinyExperiment) -> None:
    checked = plan(tiny_experiment)
    node = Node("here", 2**40, None, None, 0, None)
    prepared = find_needs(checked, nodes=(node,)).memory.prepared
    assert prepared > 0
    fits, lacks = (
        find_needs(checked, nodes=(node, replace(node, shareable=size))).memory for size in (prepared, prepared - 1)
    )
    assert fits.prepared == prepared and "task vectors" in fits.node
    assert lacks.prepared == 0 and lacks.worker == fits.worker + prepared
    assert "task vectors" in lacks.host


def test_a_run_is_refused_before_it_is_recorded(tiny_experiment: TinyExperiment) -> None:
    loaded = load_spec(tiny_experiment.spec("needs", workers(count=4096)))
    with pytest.raises(SpecError, match=r"workers\.count"):
        plan_of(loaded.spec, loaded.source_dir)
    said: list[str] = []
    loaded = load_spec(tiny_experiment.spec("needs"))
    plan_of(loaded.spec, loaded.source_dir, say=said.append)
    assert said and "GiB" in said[0]


def test_a_text_that_does_not_fit_the_kv_cache_is_refused(tiny_experiment: TinyExperiment) -> None:
    # Two KV heads of 16 numbers in 4 blocks, keys and values in bf16.
    token = 2 * 2 * 16 * 4 * 2
    fits = 2**30 // token
    for length, ends in ((fits, None), (fits + 1, f"set workers.max_model_len: {fits} or less")):
        checked = plan(tiny_experiment, workers(engine="vllm", max_model_len=length))
        if ends is None:
            check_fits(checked, find_needs(checked))
            continue
        with pytest.raises(SpecError, match="KV cache") as caught:
            check_fits(checked, find_needs(checked))
        assert caught.value.field == "workers.max_model_len"
        assert caught.value.fix == ends


@pytest.mark.parametrize("engine", ["vllm", "transformers"])
def test_batch_invariance_is_refused_where_there_is_none(tiny_experiment: TinyExperiment, engine: str) -> None:
    with pytest.raises(SpecError, match=r"workers\.batch_invariant"):
        plan(tiny_experiment, workers(engine=engine, batch_invariant=True))
