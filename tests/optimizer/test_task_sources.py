"""The tasks of a spec as the evaluation room takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from evomerge.errors import TaskError
from experiments.spec import ExperimentSpec, parse_spec
from optimizer.sources import task_definitions


def spec_of(*tasks: dict[str, object]) -> ExperimentSpec:
    common = {"name": "x", "base_model": "b", "models": {"a": "a"}, "merge": {"method": "linear"}}
    return parse_spec({**common, "tasks": list(tasks), "search": {"budget": {"evaluations": 20}}})


def test_a_suite_and_a_file_become_definitions(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("data: own.jsonl")
    # A directory of the suite's name does not stand in for the catalog.
    (tmp_path / "mathematics" / "gsm8k").mkdir(parents=True)
    found = {
        one.name: one for one in task_definitions(spec_of({"suite": "mathematics"}, {"task": "own.yaml"}), tmp_path)
    }
    gsm8k, math500, own = found["gsm8k"], found["math500"], found["own"]
    assert (gsm8k.source, gsm8k.search_from, gsm8k.num_fewshot) == ("mathematics/gsm8k", "train", 5)
    assert (gsm8k.weight, gsm8k.search, gsm8k.selection, gsm8k.test) == (1.0, 64, 64, 200)
    assert (math500.weight, math500.search, math500.selection, math500.test) == (0.0, 0, 0, 200)
    assert (own.source, own.metric, own.search_from) == (str(tmp_path / "own.yaml"), None, None)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"tasks\[0\].task: there is no file .*own.yaml"):
        task_definitions(spec_of({"task": "own.yaml"}), tmp_path)
