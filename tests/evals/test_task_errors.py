"""Everything that can be wrong with a task is said before a model runs, with the place and the fix."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from evals.suite import TaskSuite
from evals.tasks import TaskDefinition
from evomerge.errors import TaskError

MEAN = {"aggregation": "mean", "higher_is_better": True}
CHOICE: dict[str, Any] = {
    "output_type": "multiple_choice",
    "doc_to_choice": "{{choices}}",
    "doc_to_target": "{{label}}",
    "generation_kwargs": None,
}


def load(source: str, metric: str = "exact_match", **options: Any) -> TaskSuite:
    sizes = {"search": 8, "selection": 6, "test": 8}
    return TaskSuite.load([TaskDefinition("quiz", source, metric, **{**sizes, **options})])


@pytest.mark.parametrize(
    ("keys", "metric", "message"),
    [
        ({"doc_to_text": "{{quetion}}"}, "exact_match", "'quetion' is undefined.*columns of the data: question"),
        ({"doc_to_text": "quetion"}, "exact_match", "neither a column.*did you mean 'question'"),
        ({"doc_to_target": "{{answr}}"}, "exact_match", "'answr' is undefined"),
        ({"output_type": "loglikelihood_rolling"}, "exact_match", "output type 'loglikelihood_rolling'"),
        ({}, "exact_mach", "does not produce 'exact_mach'.*did you mean 'exact_match'"),
        ({"metric_list": [{"metric": "bleu"}]}, "bleu", "whole corpus"),
        (
            {"output_type": "loglikelihood", "metric_list": [{"metric": "perplexity"}, {"metric": "acc"}]},
            "perplexity",
            r"whole corpus \(perplexity\).*averaged over items \(acc\)",
        ),
        (CHOICE | {"metric_list": [{"metric": "f1"}]}, "f1", "whole corpus"),
        (CHOICE | {"metric_list": [{"metric": "likelihood"}]}, "likelihood", "not a number"),
        ({"metric_list": [{"metric": "exact_mtch"}]}, "exact_match", "did you mean 'exact_match'"),
        ({"metric_list": [{"metric": "acc", "hf_evaluate": True}]}, "acc", "would run code"),
        (
            CHOICE | {"doc_to_target": "{{label if label == 0 else 7}}", "metric_list": [{"metric": "acc"}]},
            "acc",
            "no right choice",
        ),
        ({"test_split": "tset"}, "exact_match", "not a split of data_files.*did you mean 'test'"),
        ({"test_split": None}, "exact_match", "names no split"),
        ({"doc_to_txt": "x"}, "exact_match", "did you mean 'doc_to_text'"),
        ({"dataset_path": "gsm8k"}, "exact_match", "local data only"),
        ({"dataset_kwargs": {"data_files": "q.jsonl", "num_proc": 8}}, "exact_match", "data_files, was expected"),
        ({"task": ["a", "b"]}, "exact_match", "group of tasks"),
        ({"group": "g"}, "exact_match", "group of tasks"),
        ({"unsafe_code": True}, "exact_match", "needs Python code"),
        ({"process_docs": "utils.process"}, "exact_match", "needs Python code"),
        ({"class": "Thing"}, "exact_match", "needs Python code"),
        ({"doc_to_image": "question"}, "exact_match", "images"),
        ({"filter_list": [{"name": "f", "filter": [{"function": "nothing"}]}]}, "exact_match", "nothing"),
        (
            {"filter_list": [{"name": n, "filter": [{"function": "take_first"}]} for n in "ab"]},
            "exact_match",
            "'exact_match,a' or 'exact_match,b'",
        ),
        ({}, "exact_match,nofilter", "no filter 'nofilter'"),
    ],
)
def test_task_files(write_task: Callable[..., str], keys: dict[str, Any], metric: str, message: str) -> None:
    with pytest.raises(TaskError, match=f"(?s){message}"):
        load(write_task(**keys), metric)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('{"question": "a", "answer": "b"}\n\n{"question": \n', 3, "not valid JSON"),
        ('{"question": "a", "answer": "b"}\n["a"]\n', 2, "expected an object"),
        ('[{"question": "a"},\n {"question": }]', 2, "not valid JSON"),
    ],
)
def test_malformed_lines_are_named(write_task: Callable[..., str], text: str, line: int, message: str) -> None:
    source = write_task()
    Path(source).with_suffix(".jsonl").write_text(text)
    with pytest.raises(TaskError, match=message) as caught:
        load(source)
    assert caught.value.field == f"{Path(source).with_suffix('.jsonl')}:{line}"


def test_missing_empty_and_undecodable_files(write_task: Callable[..., str], tmp_path: Path) -> None:
    source = write_task()
    data = Path(source).with_suffix(".jsonl")
    data.write_text("\n")
    with pytest.raises(TaskError, match="holds no items"):
        load(source)
    data.write_bytes(b'{"question": "\xff"}')
    with pytest.raises(TaskError, match="cannot be read"):
        load(source)
    data.unlink()
    with pytest.raises(TaskError, match="No such file"):
        load(source)
    with pytest.raises(TaskError, match="No such file"):
        load(str(tmp_path / "absent.yaml"))
    with pytest.raises(TaskError, match="parquet"):
        load(write_task(dataset_path="parquet"))


def test_mixed_column_types_are_refused(write_task: Callable[..., str], rows: list[dict[str, Any]]) -> None:
    with pytest.raises(TaskError, match=r"quiz.jsonl:25: .question. holds a list, and a text"):
        load(write_task(rows=[*rows, {"question": ["a"], "answer": "b"}]))


@pytest.mark.parametrize(
    "line",
    [
        "process_docs: !function utils.f",
        "doc_to_text: !!python/name:os.system",
        "x: !!python/object/apply:os.getcwd []",
    ],
)
def test_yaml_tags_that_call_code_are_refused(write_task: Callable[..., str], tmp_path: Path, line: str) -> None:
    (tmp_path / "utils.py").write_text("raise SystemExit('executed')\n")
    path = tmp_path / "evil.yaml"
    path.write_text(f"task: evil\n{line}\n")
    with pytest.raises(TaskError, match="must not call code") as caught:
        load(str(path))
    assert caught.value.field == f"{path}:2"
    included = write_task(include="evil.yaml")
    with pytest.raises(TaskError, match="must not call code"):
        load(included)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ question['__cl' ~ 'ass__'] }}",
        "{{ cycler.__init__.__globals__.os.getcwd() }}",
    ],
)
def test_templates_cannot_reach_python(write_task: Callable[..., str], template: str) -> None:
    with pytest.raises(TaskError, match="unsafe"):
        load(write_task(doc_to_text=template))


def test_includes_and_relative_paths(
    write_task: Callable[..., str], tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    base = yaml.safe_load(Path(write_task()).read_text())
    base["dataset_kwargs"] = {"data_files": {"test": "items.jsonl"}}
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "base.yaml").write_text(yaml.safe_dump(base))
    child = tmp_path / "child.yaml"
    child.write_text("include: shared/base.yaml\ndoc_to_text: 'Q: {{question}}'\n")
    task = load(str(child))._tasks[0].task
    assert task.config.doc_to_text == "Q: {{question}}"
    assert task.config.target_delimiter == ""
    child.write_text("include: child.yaml\n")
    with pytest.raises(TaskError, match="includes itself"):
        load(str(child))
    child.write_text("- a list\n")
    with pytest.raises(TaskError, match="expected a mapping"):
        load(str(child))
    child.write_text("a: [\n")
    with pytest.raises(TaskError, match="not valid YAML"):
        load(str(child))


def test_parquet_training_split_and_dates_that_stay_text(
    write_task: Callable[..., str], tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    import datasets

    dated = [row | {"day": "2024-01-02"} for row in rows]
    datasets.Dataset.from_list(dated).to_parquet(tmp_path / "items.parquet")
    keys = {"test_split": None, "training_split": "train"}
    columnar = write_task("c", dataset_path="parquet", dataset_kwargs={"data_files": "items.parquet"}, **keys)
    lines = write_task("l", rows=dated, dataset_kwargs={"data_files": "l.jsonl"}, **keys)
    items = [ref.item for ref in load(columnar).items("search")]
    assert items == [ref.item for ref in load(lines).items("search")]
    assert next(iter(load(lines)._tasks[0].docs.values()))["day"] == "2024-01-02"


@pytest.mark.parametrize("field", ["search", "selection", "test", "num_fewshot", "max_tokens", "weight"])
def test_numbers_out_of_range(write_task: Callable[..., str], field: str) -> None:
    with pytest.raises(TaskError) as caught:
        load(write_task(), **{field: -1})
    assert caught.value.field == f"tasks[quiz].{field}"


def test_limits_names_and_splits(write_task: Callable[..., str]) -> None:
    source = write_task()
    with pytest.raises(TaskError, match="generates nothing"):
        load(write_task("choice", **CHOICE, metric_list=[{"metric": "acc", **MEAN}]), "acc", max_tokens=4)
    definition = TaskDefinition("quiz", source, "exact_match", search=8, selection=6, test=8)
    with pytest.raises(TaskError, match="two tasks have this name"):
        TaskSuite.load([definition, definition])
    with pytest.raises(TaskError, match="did you mean 'search'"):
        load(source).items("serch")


def test_tasks_by_name() -> None:
    with pytest.raises(TaskError, match=r"did you mean .*'gsm8k'"):
        load("gsm8kk")
    with pytest.raises(TaskError, match=r"is a group.*mmlu_humanities, .*mmlu_stem"):
        load("mmlu", "acc")
    with pytest.raises(TaskError, match=r"is a group.*arithmetic_1dc"):
        load("arithmetic", "acc")
    with pytest.raises(TaskError, match=r"cannot open task 'gsm8k'.*local cache"):
        load("gsm8k", "exact_match,strict-match")
