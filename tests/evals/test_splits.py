"""Splits: disjoint, stable across processes and data order, free of duplicates and leaks."""

from __future__ import annotations

import datetime
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.splits import cut, item_id
from evals.suite import TaskSuite
from evals.tasks import SPLITS, TaskDefinition
from evomerge.errors import TaskError

ITEMS = [f"{number:016x}" for number in range(50)]


def define(name: str = "quiz", source: str = "", **options: Any) -> TaskDefinition:
    sizes = {"search": 8, "selection": 6, "test": 8}
    return TaskDefinition(name=name, source=source, **{"metric": "exact_match", **sizes, **options})


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 20), st.integers(0, 15), st.integers(0, 15), st.integers(), st.randoms())
def test_splits_are_disjoint_full_and_independent_of_order(
    search: int, selection: int, test: int, seed: int, rng: random.Random
) -> None:
    definition = define(search=search, selection=selection, test=test, seed=seed)
    splits = cut(ITEMS, definition)
    assert {name: len(items) for name, items in splits.items()} == {
        "search": search,
        "selection": selection,
        "test": test,
    }
    assert len({item for items in splits.values() for item in items}) == search + selection + test
    shuffled = list(ITEMS)
    rng.shuffle(shuffled)
    assert cut(shuffled, definition) == splits


def test_seeds_give_other_splits_and_a_larger_search_split_keeps_the_test_items() -> None:
    assert cut(ITEMS, define(seed=1))["test"] != cut(ITEMS, define(seed=2))["test"]
    small, large = cut(ITEMS, define(search=8)), cut(ITEMS, define(search=30))
    assert (small["test"], small["selection"]) == (large["test"], large["selection"])
    assert set(small["search"]) < set(large["search"])


def test_item_ids_are_fixed_for_good() -> None:
    doc = {"q": "é", "n": 1, "x": [1.5, None], "day": datetime.date(2024, 1, 2)}
    expected = "import hashlib; print(hashlib.sha256(rb'''" + (
        '{"day":"2024-01-02","n":1,"q":"\\u00e9","x":[1.5,null]}' + "''').hexdigest()[:16])"
    )
    run = subprocess.run([sys.executable, "-c", expected], capture_output=True, text=True, check=True)
    assert item_id(doc) == run.stdout.strip()
    assert item_id(dict(reversed(doc.items()))) == item_id(doc)
    assert item_id(doc | {"optional": None}) == item_id(doc)
    assert item_id(doc | {"n": 2}) != item_id(doc)
    with pytest.raises(TypeError):
        item_id({"image": object()})


def test_another_process_cuts_the_same_items(write_task: Callable[..., str]) -> None:
    source = write_task()
    code = (
        "import sys; from evals.suite import TaskSuite; from evals.tasks import TaskDefinition\n"
        "d = TaskDefinition('quiz', sys.argv[1], 'exact_match', search=8, selection=6, test=8)\n"
        "s = TaskSuite.load([d]); print([r.item for n in ('search', 'selection', 'test') for r in s.items(n)])"
    )
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run([sys.executable, "-c", code, source], capture_output=True, text=True, check=True, cwd=root)
    suite = TaskSuite.load([define(source=source)])
    assert run.stdout.strip() == str([ref.item for split in SPLITS for ref in suite.items(split)])


def test_duplicates_count_once(write_task: Callable[..., str], rows: list[dict[str, Any]]) -> None:
    source = write_task(rows=[*rows, *rows[:10]])
    suite = TaskSuite.load([define(source=source)])
    assert suite.describe()["quiz"]["pools"]["test"]["rows"] == 34
    with pytest.raises(TaskError, match=r"25 distinct items .*has 24"):
        TaskSuite.load([define(source=source, search=11)])


def test_worked_examples_never_come_from_the_splits(write_task: Callable[..., str]) -> None:
    suite = TaskSuite.load([define(source=write_task(), num_fewshot=1)])
    task = suite._tasks[0]
    scored = {ref.item for split in SPLITS for ref in suite.items(split)}
    examples = {item_id(doc) for doc in task.task.sampler.df}
    assert len(examples) == 2
    assert not examples & scored


def test_too_few_examples_are_refused_with_numbers(write_task: Callable[..., str]) -> None:
    for shots, keys in ((3, {}), (2, {"fewshot_split": "test"})):
        with pytest.raises(TaskError, match=r"3 examples outside the splits are needed and 2 of 24 are left"):
            TaskSuite.load([define(source=write_task(**keys), num_fewshot=shots)])


def test_examples_do_not_depend_on_the_other_items(learnt: Any, write_task: Callable[..., str]) -> None:
    from evals.loading import load_task
    from evals.scoring import plan

    prompts = []
    for search in (2, 4):
        loaded = load_task(define(source=write_task(), num_fewshot=2, search=search, selection=2, test=2))
        # The pool of examples grows as the splits shrink; hold it fixed to see the random stream alone.
        loaded.task.sampler.replace_df([{"question": f"Q{n}", "answer": f"A{n}"} for n in range(9)])
        planned = [entry for split in ("search", "test") for entry in plan(learnt, loaded, split)]
        prompts.append({entry.item: entry.instances[0].args[0] for entry in planned})
    shared = prompts[0].keys() & prompts[1].keys()
    assert len(shared) == 4
    assert all(prompts[0][item] == prompts[1][item] for item in shared)
    assert len({prompt.rsplit("\n\n", 1)[0] for prompt in prompts[1].values()}) > 1


def test_one_task_must_not_search_on_the_test_items_of_another(write_task: Callable[..., str]) -> None:
    source = write_task()
    same = [define("a", source), define("b", source)]
    assert TaskSuite.load(same).items("test")[0].task == "a"
    with pytest.raises(TaskError, match="of its test items are in the search or selection split of task"):
        TaskSuite.load([define("a", source), define("b", source, seed=9)])
