"""Every mistake in a task file or its data: refused before a model runs, with file, line and fix."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from legs import rows

from evals.local.rows import read_rows
from evals.suite import TaskSuite
from evals.tasks import TaskDefinition
from evomerge.errors import TaskError


def load(path: Path, **options: Any) -> TaskSuite:
    return TaskSuite.load([TaskDefinition("legs", str(path), search=6, selection=3, test=3, **options)])


CHOICE = {"score": "choice", "choices": ["a", "b"], "answer": "side"}
JUDGE = {"kind": "judge", "url": "http://judge/v1", "model": "m", "rubric": "{{output}}"}


@pytest.mark.parametrize(
    ("keys", "line_of", "message"),
    [
        ({"promt": "x"}, "promt", "did you mean 'prompt'"),
        ({"prompt": None}, "", "Field required"),
        ({"prompt": "question?"}, "prompt", "'question\\?' is not a column"),
        ({"prompt": "{{qestion}}"}, "prompt", "'qestion' is not a column.*did you mean 'question'"),
        ({"prompt": "{{question"}, "prompt", "is no template"),
        ({"answer": "{{totl}}"}, "answer", "did you mean 'total'"),
        ({"answer": None}, "", "score numeric compares with one"),
        ({"choices": ["a", "b"]}, "", "choices belong to score: choice"),
        (CHOICE | {"choices": None}, "", "choices belong to score: choice, and it needs them"),
        (CHOICE | {"choices": "sides"}, "choices", "did you mean 'side'"),
        ({"score": "number"}, "score", "does not match any of the expected tags"),
        ({"score": {"kind": "numeric", "tolerance": -1}}, "tolerance", "greater than or equal to 0.*found -1"),
        ({"score": {"kind": "regex", "pattern": "("}}, "score", "is no regular expression"),
        ({"score": {"kind": "exact", "case": True}}, "case", "not permitted"),
        ({"score": {"kind": "json", "schema": {"type": "objct"}}, "answer": None}, "schema", "is no JSON schema"),
        ({"score": {"kind": "json", "schema": "absent.json"}, "answer": None}, "schema", "cannot be read"),
        ({"score": {"kind": "code", "k": 5}, "answer": None}, "score", "fewer than the k = 5"),
        ({"score": {"kind": "code", "program": "{{tests}}"}, "answer": None}, "score", "does not use {{code}}"),
        ({"score": {"kind": "code", "samples": 9}, "answer": None}, "", "are all the same"),
        ({"score": JUDGE | {"scale": [5, 1]}, "answer": None}, "score", r"expected \[lowest, highest\]"),
        ({"score": JUDGE | {"url": "judge/v1"}, "answer": None}, "url", "match pattern"),
        ({"score": JUDGE | {"url": "http://me:pw@judge/v1"}, "answer": None}, "url", "match pattern"),
        ({"score": JUDGE | {"rubric": "Well?"}, "answer": None}, "score", "does not use {{output}}"),
        ({"score": JUDGE | {"rubric": "{{outpt}} {{output}}"}, "answer": None}, "rubric", "'outpt' is not a column"),
        ({"score": {"kind": "refusal", "pattern": "("}}, "score", "is no regular expression"),
        ({"score": "refusal", "answer": "letter", "examples": 1}, "", "examples show answers"),
        ({"max_tokens": 0}, "max_tokens", "greater than or equal to 1"),
        ({"max_tokens": "9"}, "max_tokens", "valid integer; found '9'"),
        ({"data": {"search": "legs.jsonl"}}, "data", "Field required"),
        ({"data": {"test": "legs.jsonl", "train": "x"}}, "train", "not permitted"),
        ({"data": {"hub": "o/n", "tests": "test"}}, "tests", "not permitted"),
        ({"data": {"hub": "o/n"}}, "data", "Field required"),
        ({"data": "legs.txt"}, None, "'.txt' is no known format"),
    ],
)
def test_task_files(
    write_form: Callable[..., Path],
    keys: dict[str, Any],
    line_of: str | None,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EVOMERGE_ALLOW_CODE_TASKS", "1")
    path = write_form(**keys)
    with pytest.raises(TaskError, match=f"(?s){message}") as caught:
        load(path)
    if line_of is not None:
        lines = path.read_text().splitlines()
        found = [number for number, text in enumerate(lines, 1) if text.strip().startswith(f"{line_of}:")] or [1]
        assert caught.value.field.startswith(f"{path}:{found[0]}")
    assert caught.value.fix


@pytest.mark.parametrize(
    ("keys", "change", "message"),
    [
        ({}, {"total": None}, "has no 'total', which answer needs"),
        ({}, {"question": None}, "has no 'question', which prompt needs"),
        (CHOICE, {"side": 2}, "names no right choice"),
        ({"score": {"kind": "numeric", "tolerance": 0.1}, "answer": "letter"}, {}, "is no number"),
        ({"score": "json", "answer": "letter"}, {}, "'legs' is no JSON"),
        (
            {"score": {"kind": "json", "schema": {"required": ["arms"]}}, "answer": "value"},
            {},
            "does not fit the schema",
        ),
        ({"score": {"kind": "code", "program": "{{code}}\nassert x == 3"}, "answer": "letter"}, {}, "fails the item's"),
        ({"score": "refusal", "answer": "letter"}, {}, "'legs' is neither 'refuse' nor 'answer'"),
        ({"prompt": "{{value.arms.left}}"}, {}, "a template fails"),
    ],
)
def test_rows(
    write_form: Callable[..., Path],
    keys: dict[str, Any],
    change: dict[str, Any],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EVOMERGE_ALLOW_CODE_TASKS", "1")
    data = [
        row | {"letter": {"numeric": "5", "json": "{}", "code": "x = 3", "refusal": "refuse"}.get(_kind(keys), "a")}
        for row in rows()
    ]
    if "value" in str(keys.get("prompt")):
        data = [row | {"value": {"arms": {"left": 1}}} for row in data]
        change = {"value": {"arms": None}}
    if "arms" in str(keys.get("score")):
        data = [row | {"value": {"arms": 1}} for row in data]
        change = {"value": {"legs": 1}}
    data[7] |= change or {"letter": "legs"}
    path = write_form(data_rows=data, **keys)
    with pytest.raises(TaskError, match=message) as caught:
        load(path)
    assert caught.value.field == f"{path.with_suffix('.jsonl')}:8"


def _kind(keys: dict[str, Any]) -> str:
    score = keys.get("score", "numeric")
    return str(score if isinstance(score, str) else score["kind"])


@pytest.mark.parametrize(
    ("name", "text", "place", "message"),
    [
        ("a.csv", "a,b\n1,2\n3\n", ":3", "1 values in a table of 2 columns"),
        ("a.csv", 'a,b\n"1\n2",3\n4,5,6\n', ":4", "3 values in a table of 2 columns"),
        ("a.csv", 'a,b\n1,"2\n', ":2", "is not valid CSV"),
        ("a.csv", "a,a\n1,2\n", ":1", "names a column 'a' twice"),
        ("a.csv", "a,b\n", "", "holds no items"),
        ("a.jsonl", '{"a": 1}\n{"a": \n', ":2", "is not valid JSON"),
        ("a.jsonl", '{"a": 1}\n\n7\n', ":3", "expected an object"),
        ("a.jsonl", '{"a": 1}\n{"a": "1"}\n', ":2", "'a' holds a text, and a number"),
        ("a.json", '[{"a": 1}, 7]', "[1]", "expected an object"),
        ("a.parquet", "PAR?", "", "cannot be read"),
        ("a.tsv", "a\tb\n", "", "'.tsv' is no known format"),
    ],
)
def test_data_files(tmp_path: Path, name: str, text: str, place: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(TaskError, match=message) as caught:
        read_rows(tmp_path / name)
    assert caught.value.field == f"{tmp_path / name}{place}"


def test_the_same_rows_from_every_format(tmp_path: Path) -> None:
    import datasets

    table = [{"a": "x, y", "b": "1"}, {"a": "line\nline", "b": "2"}]
    (tmp_path / "t.csv").write_text('\ufeffa,b\n"x, y",1\n\n"line\nline",2\n')
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table))
    (tmp_path / "t.json").write_text(json.dumps(table))
    datasets.Dataset.from_list(table).to_parquet(tmp_path / "t.parquet")
    found = {kind: read_rows(tmp_path / f"t.{kind}") for kind in ("csv", "jsonl", "json", "parquet")}
    assert all([row.values for row in read] == table for read in found.values())
    assert [row.place.rpartition("t.csv")[2] for row in found["csv"]] == [":2", ":4"]


def test_a_second_file_lacks_a_column(write_form: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "more.jsonl").write_text('{"question": "What else?"}\n')
    with pytest.raises(TaskError, match="has no 'total', which answer needs") as caught:
        load(write_form(data=["legs.jsonl", "more.jsonl"]))
    assert caught.value.field == f"{tmp_path / 'more.jsonl'}:1"


def test_code_runs_only_where_it_is_allowed(write_form: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVOMERGE_ALLOW_CODE_TASKS", raising=False)
    path = write_form(score={"kind": "code", "program": "{{code}}"}, answer=None)
    with pytest.raises(TaskError, match=r"off on this machine.*EVOMERGE_ALLOW_CODE_TASKS=1"):
        load(path)


def test_schemas_come_from_files_and_fetch_nothing(write_form: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "legs.json").write_text(json.dumps({"type": "object"}))
    load(write_form(score={"kind": "json", "schema": "legs.json"}, answer="value"))
    (tmp_path / "legs.json").write_text('{\n"type": }')
    with pytest.raises(TaskError, match="not valid JSON") as caught:
        load(write_form(score={"kind": "json", "schema": "legs.json"}, answer="value"))
    assert caught.value.field == f"{tmp_path / 'legs.json'}:2"
    (tmp_path / "legs.json").write_text(json.dumps({"$ref": "http://127.0.0.1:9/schema.json"}))
    with pytest.raises(TaskError, match=r"refers to .*schema.json.*, which is not in it"):
        load(write_form(score={"kind": "json", "schema": "legs.json"}, answer="value"))


def test_a_report_only_task_has_neither_search_nor_selection_items(write_form: Callable[..., Path]) -> None:
    source = str(write_form())
    suite = TaskSuite.load([TaskDefinition("legs", source, weight=0.0, search=0, selection=0, test=12)])
    assert [len(suite.items(split)) for split in ("search", "selection", "test")] == [0, 0, 12]
    with pytest.raises(TaskError, match="without search items"):
        TaskSuite.load([TaskDefinition("legs", source, search=0, selection=2, test=2)])


def test_a_search_split_that_the_task_lacks(write_form: Callable[..., Path]) -> None:
    with pytest.raises(TaskError, match=r"no data split 'train'.*known: test"):
        load(write_form(), search_from="train")


def test_the_description_tells_scores_apart(write_form: Callable[..., Path]) -> None:
    def digest(**keys: Any) -> Any:
        return load(write_form(**keys)).describe()["legs"]["config_hash"]

    near = [digest(score={"kind": "numeric", "tolerance": share}) for share in (0.1, 0.1, 0.2)]
    assert near[0] == near[1] != near[2]
    schema = [digest(score={"kind": "json", "schema": {"type": kind}}, answer=None) for kind in ("object", "array")]
    assert schema[0] != schema[1]
    assert yaml.safe_load(write_form().read_text())["score"] == "numeric"
