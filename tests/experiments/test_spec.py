"""The spec: what it accepts, what it means, and how it says no."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from evomerge.errors import NotFound, SpecError
from experiments.spec import ExperimentSpec, json_schema, load_spec, parse_any, parse_spec, resolve_path

FULL = """\
name: json-math
base_model: ../models/smollm2
models:
  arithmetic: experts/arithmetic
  json: {model: org/name, revision: abc123}
merge:
  method: task_arithmetic
  granularity: group:6+module
  parameters:
    weight: {range: [-0.5, 1.8], init: 0.7, granularity: layer}
    lambda: 1e-3
    density: {fixed: 0.5}
  options: {normalize: false}
  tokenizer:
    source: union
    tokens: {"<|im_start|>": {source: model:json, force: true}, "<|new|>": {source: base, token: "<|im_end|>"}}
    pad_to_multiple_of: 64
    chat_template: model:json
tasks:
  - name: arithmetic_json
    task: tasks/arithmetic_json.yaml
    metric: exact_match
    weight: 1.0
    num_fewshot: 0
    chat_template: false
    max_tokens: 24
    teacher_forced: true
    splits: {search: 64, selection: 64, test: 200}
search:
  algorithm: cma
  budget: {evaluations: 96, items: null, generated_tokens: null, hours: null}
  options: {popsize: 10}
  block_size: null
  prior: none
  constraints: [{task: arithmetic_json, max_drop: 0.02, versus: best_parent}]
  estimator: effects
  sigma: null
  seed: 0
  reference_weight: 0.02
  finalists: 4
workers: {engine: vllm, count: 1, gpus: 0, cpus: null, tensor_parallel: 1, dtype: bfloat16}
output: ../merged/json-math
"""
MINIMAL: dict[str, Any] = {
    "name": "small",
    "base_model": "org/base",
    "models": {"a": "org/a"},
    "merge": {"method": "linear"},
    "tasks": [{"task": "gsm8k", "metric": "exact_match"}],
    "search": {"budget": {"hours": 2}},
}


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], ExperimentSpec]:
    def from_text(text: str) -> ExperimentSpec:
        path = tmp_path / "spec.yaml"
        path.write_text(text)
        return load_spec(path).spec

    return from_text


def changed(**changes: Any) -> dict[str, Any]:
    """The minimal spec with values set at dotted paths (double underscore = dot); None removes."""
    data = json.loads(json.dumps(MINIMAL))
    for path, value in changes.items():
        *parents, last = path.split("__")
        section: Any = data
        for parent in parents:
            section = section[int(parent)] if isinstance(section, list) else section.setdefault(parent, {})
        if value is None:
            del section[last]
        else:
            section[last] = value
    return data


def test_full_spec(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(FULL)
    loaded = load_spec(path)
    assert loaded.source_dir == tmp_path.resolve() and loaded.text == FULL
    spec = loaded.spec
    assert (spec.base_model.model, spec.base_model.revision) == ("../models/smollm2", None)
    assert list(spec.models) == ["arithmetic", "json"]
    assert (spec.models["json"].model, spec.models["json"].revision) == ("org/name", "abc123")
    weight = spec.merge.parameters["weight"]
    assert (weight.range, weight.init, weight.granularity) == ((-0.5, 1.8), 0.7, "layer")
    assert spec.merge.parameters["lambda"].fixed == 0.001
    assert spec.merge.parameters["density"].fixed == 0.5
    assert spec.merge.options == {"normalize": False}
    assert spec.merge.tokenizer is not None and spec.merge.tokenizer.source == "union"
    assert spec.merge.tokenizer.tokens["<|new|>"].token == "<|im_end|>"
    assert spec.tasks[0].splits.test == 200
    assert spec.search.budget.evaluations == 96
    assert spec.output == "../merged/json-math"


def test_defaults() -> None:
    spec = parse_spec(MINIMAL)
    assert spec.merge.granularity == "global" and spec.merge.parameters == {}
    assert (spec.search.algorithm, spec.search.seed, spec.search.finalists) == ("auto", 0, 4)
    assert (spec.search.prior, spec.search.block_size, spec.search.constraints) == ("none", None, ())
    assert spec.search.reference_weight == 0.02
    assert (spec.workers.engine, spec.workers.count, spec.workers.dtype) == ("vllm", 1, "bfloat16")
    task = spec.tasks[0]
    assert (task.name, task.weight, task.num_fewshot, task.teacher_forced) == ("gsm8k", 1.0, None, False)
    assert (task.splits.search, task.splits.selection, task.splits.test) == (64, 64, 200)
    assert spec.output is None


@pytest.mark.parametrize("text", [FULL, yaml.safe_dump(MINIMAL)])
def test_canonical_form_is_json_and_reads_back(text: str, load: Callable[[str], ExperimentSpec]) -> None:
    spec = load(text)
    stored = json.loads(json.dumps(spec.canonical(), allow_nan=False))
    assert parse_spec(stored) == spec
    assert parse_spec(stored).canonical() == stored


def test_canonical_form_keeps_the_order_of_models() -> None:
    data = changed(models={"z": "org/z", "a": "org/a"})
    assert list(parse_spec(parse_spec(data).canonical()).models) == ["z", "a"]


@pytest.mark.parametrize(
    ("text", "model", "revision"),
    [
        ("org/name@abc", "org/name", "abc"),
        ("gpt2@refs/pr/1", "gpt2", "refs/pr/1"),
        ("org/name", "org/name", None),
        ("./dir@2", "./dir@2", None),
        ("../dir@2", "../dir@2", None),
        ("/data/dir@2", "/data/dir@2", None),
        ("a/b/c@2", "a/b/c@2", None),
        ({"model": "dir@2"}, "dir@2", None),
    ],
)
def test_only_a_hub_id_has_a_revision(text: object, model: str, revision: str | None) -> None:
    found = parse_spec(changed(base_model=text)).base_model
    assert (found.model, found.revision) == (model, revision)


def test_task_name_is_derived_from_the_task() -> None:
    tasks = [{"task": t, "metric": "acc"} for t in ("tasks/sums.yaml", "../x/caps.yml", "arc_easy")]
    assert [task.name for task in parse_spec(changed(tasks=tasks)).tasks] == ["sums", "caps", "arc_easy"]


@pytest.mark.parametrize(
    ("changes", "field", "problem", "fix"),
    [
        ({"serach": {}}, "serach", "unknown key; did you mean 'search'?", "correct or remove"),
        ({"merge__methd": "x"}, "merge.methd", "did you mean 'method'? (known: deviation, granularity,", ""),
        ({"tasks__0__metrics": "x"}, "tasks[0].metrics", "did you mean 'metric'?", ""),
        ({"tasks__0__splits__tst": 3}, "tasks[0].splits.tst", "did you mean 'test'?", ""),
        ({"search__budget__hour": 3}, "search.budget.hour", "did you mean 'hours'?", ""),
        ({"workers__gpu": 1}, "workers.gpu", "did you mean 'gpus'?", ""),
        ({"tasks__0__task": 5}, "tasks[0].task", "found 5, expected text", ""),
        ({"name": "\ud800"}, "name", "expected text in Unicode", ""),
        ({"models__a": {"model": "x", "rev": "y"}}, "models.a.rev", "did you mean 'revision'?", ""),
        (
            {"models": {"model": {"model": "x", "rev": "y"}}},
            "models.model.rev",
            "did you mean 'revision'? (known: model, revision)",
            "",
        ),
        (
            {"merge__parameters": {"range": {"rnge": [0, 1]}}},
            "merge.parameters.range.rnge",
            "did you mean 'range'? (known: coding, fixed,",
            "",
        ),
        ({"name": None}, "name", "missing", "add it: Name of the experiment"),
        ({"tasks__0__task": None}, "tasks[0]", "neither task nor suite", "give one of them"),
        ({"search__budget": None}, "search.budget", "missing", "at least one limit"),
        ({"name": "Json Math"}, "name", "found 'Json Math', expected 1 to 64 lower-case letters", ""),
        ({"name": "x" * 65}, "name", "1 to 64 lower-case", ""),
        ({"name": "trailing\n"}, "name", "1 to 64 lower-case", ""),
        ({"name": 7}, "name", "found 7, expected text (quote it", ""),
        ({"models": {}}, "models", "found {}, expected at least 1 entry", ""),
        ({"models": {"a b": "x"}}, "models.a b", "found 'a b', expected 1 to 64 letters", ""),
        ({"models__a": 3}, "models.a", "found 3, expected a model", "{model: ..., revision: ...}"),
        ({"models__a": {"revision": "x"}}, "models.a.model", "missing", "hub id"),
        ({"base_model": ""}, "base_model.model", "at least 1 character", ""),
        ({"merge": "ties"}, "merge", "found 'ties', expected a mapping", ""),
        ({"merge__granularity": "groups:6"}, "merge.granularity", "global, layer or group:K", ""),
        ({"merge__granularity": "group:0"}, "merge.granularity", "global, layer or group:K", ""),
        ({"merge__options": {"x": [1]}}, "merge.options.x", "found [1], expected true, false", ""),
        ({"merge__options": {"x": float("nan")}}, "merge.options.x", "found nan", ""),
        ({"merge__parameters": {"w": "0.5"}}, "merge.parameters.w", "found '0.5', expected a number or", ""),
        ({"merge__parameters": {"w": True}}, "merge.parameters.w", "found True, expected a number or", ""),
        (
            {"merge__parameters": {"w": {"range": [1, 1]}}},
            "merge.parameters.w.range",
            "low 1.0 is not below high 1.0",
            "low < high",
        ),
        (
            {"merge__parameters": {"w": {"range": [0, float("inf")]}}},
            "merge.parameters.w.range[1]",
            "found inf, expected a finite number",
            "",
        ),
        ({"merge__parameters": {"w": {"range": [0]}}}, "merge.parameters.w.range[1]", "missing", ""),
        (
            {"merge__parameters": {"w": {"range": [0, 1, 2]}}},
            "merge.parameters.w.range",
            "expected at most 2 entries",
            "",
        ),
        ({"merge__parameters": {"w": {"range": 3}}}, "merge.parameters.w.range", "expected a list", ""),
        (
            {"merge__parameters": {"w": {"range": [0, 1], "init": 1.5}}},
            "merge.parameters.w.init",
            "1.5 is outside the range [0.0, 1.0]",
            "move it",
        ),
        (
            {"merge__parameters": {"w": {"fixed": 1, "range": [0, 1]}}},
            "merge.parameters.w",
            "'fixed' cannot stand beside range",
            "keep either",
        ),
        ({"merge__tokenizer": {"sorce": "base"}}, "merge.tokenizer.sorce", "did you mean 'source'?", ""),
        ({"merge__tokenizer": {"source": "a"}}, "merge.tokenizer.source", "base, union or model:<short name>", ""),
        ({"merge__tokenizer": {"tokens": {"<x>": {}}}}, "merge.tokenizer.tokens.<x>.source", "missing", "zero"),
        (
            {"merge__tokenizer": {"tokens": {"<x>": {"source": "union"}}}},
            "merge.tokenizer.tokens.<x>.source",
            "found 'union', expected base, zero or model:<short name>",
            "",
        ),
        ({"merge__tokenizer": {"pad_to_multiple_of": 0}}, "merge.tokenizer.pad_to_multiple_of", "at least 1", ""),
        ({"tasks": []}, "tasks", "there is no task", "add at least one"),
        ({"tasks": {"task": "x"}}, "tasks", "expected a list", ""),
        ({"tasks": MINIMAL["tasks"] * 2}, "tasks", "two tasks are named 'gsm8k'", "another 'name'"),
        ({"tasks__0__weight": -1}, "tasks[0].weight", "found -1, expected a number of at least 0", ""),
        ({"tasks__0__weight": float("nan")}, "tasks[0].weight", "expected a finite number", ""),
        ({"tasks__0__num_fewshot": -1}, "tasks[0].num_fewshot", "a number of at least 0", ""),
        ({"tasks__0__num_fewshot": 1.5}, "tasks[0].num_fewshot", "found 1.5, expected a whole number", ""),
        ({"tasks__0__chat_template": "yes"}, "tasks[0].chat_template", "expected true or false", ""),
        ({"tasks__0__splits": {"test": 0}}, "tasks[0].splits.test", "at least 1", ""),
        (
            {"search__budget": {}},
            "search.budget",
            "no limit is set",
            "evaluations, items, generated_tokens or hours",
        ),
        ({"search__budget": {"hours": 0}}, "search.budget.hours", "greater than 0", ""),
        (
            {"search__budget": {"evaluations": "96"}},
            "search.budget.evaluations",
            "found '96', expected a whole",
            "",
        ),
        ({"search__block_size": 0}, "search.block_size", "at least 1", ""),
        ({"search__prior": "magic"}, "search.prior", "found 'magic', expected 'auto'", ""),
        ({"search__options": {"popsize": [1]}}, "search.options.popsize", "found [1], expected true, false", ""),
        ({"search__constraints": [{"task": "x"}]}, "search", "constraints[0] is about a task named 'x'", "gsm8k"),
        (
            {"search__constraints": [{"task": "gsm8k", "max_drop": -1}]},
            "search.constraints[0].max_drop",
            "at least 0",
            "",
        ),
        ({"search__sigma": 1.5}, "search.sigma", "a number of at most 1", ""),
        ({"search__seed": 2**32}, "search.seed", "a number less than 4294967296", ""),
        ({"workers__engine": "vlm"}, "workers.engine", "found 'vlm', expected 'vllm' or 'transformers'", ""),
        ({"workers__gpus": True}, "workers.gpus", "found True, expected a number", ""),
    ],
)
def test_problem_is_named(changes: dict[str, Any], field: str, problem: str, fix: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(changed(**changes))
    error = caught.value
    assert error.field == field
    assert problem in error.problem
    assert error.fix and fix in error.fix
    assert "more:" not in error.fix, "one mistake, one complaint"
    for raw in ("pydantic", "Input should", "validation error", "type="):
        assert raw not in str(error)


def test_every_problem_is_listed_unknown_keys_first() -> None:
    data = changed(name="Bad Name", workers__count=0)
    data["tasks"][0] = {"task": "x", "metrics": "acc"}
    with pytest.raises(SpecError) as caught:
        parse_spec(data)
    assert caught.value.field == "tasks[0].metrics"
    assert "2 more:" in caught.value.fix
    for field in ("name: found 'Bad Name'", "workers.count: found 0"):
        assert f"\n  {field}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "field", "problem"),
    [
        (
            "name: a\nmerge:\n  method: x\n  method: y\n",
            "line 4",
            "'method' is written twice (first on line 3)",
        ),
        ("a: 1\nb: 2\na: 3\n", "line 3", "key 'a' is written twice (first on line 1)"),
        ("name: a\nmodels:\n  on: x\n", "line 3", "key on is not text"),
        ("name: a\n1: x\n", "line 2", "key 1 is not text"),
        ("name: a\n[1, 2]: x\n", "line 2", "key a nested value is not text"),
        ("name: [a\nmodels: b\n", "line 2", "not valid YAML"),
        ("name: a\n\tb: c\n", "line 2", "not valid YAML"),
        ("name: !!python/object/apply:os.system [ls]\n", "line 1", "not valid YAML: could not determine"),
        ("a: 1\n---\nb: 2\n", "line 2", "not valid YAML: but found another document"),
        ("name: \x01\n", "spec", "not valid YAML"),
        ("[" * 1500, "spec", "nested too deeply"),
        ("", "spec", "it is empty"),
        ("# only a comment\n", "spec", "it is empty"),
        ("just words\n", "spec", "found 'just words', expected a mapping"),
        ("- a\n- b\n", "spec", "found ['a', 'b'], expected a mapping"),
    ],
)
def test_bad_yaml(text: str, field: str, problem: str, load: Callable[[str], ExperimentSpec]) -> None:
    with pytest.raises(SpecError) as caught:
        load(text)
    assert caught.value.field == field
    assert problem in caught.value.problem


def test_problem_in_a_file_names_its_line(load: Callable[[str], ExperimentSpec]) -> None:
    for old, new, field, line in (
        ("group:6+module", "groups:6", "merge.granularity", 8),
        ("search: 64", "search: 0", "tasks[0].splits", 28),
        ("algorithm: cma", "algoritm: cma", "search.algoritm", 30),
        ("range: [-0.5, 1.8]", "range: [1.8, -0.5]", "merge.parameters.weight.range", 10),
        ("    task: tasks/arithmetic_json.yaml\n", "", "tasks[0]", 20),
    ):
        with pytest.raises(SpecError) as caught:
            load(FULL.replace(old, new))
        assert caught.value.field == field
        assert f"(line {line})" in caught.value.problem


def test_alias_bomb_is_refused_quickly(load: Callable[[str], ExperimentSpec]) -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    with pytest.raises(SpecError, match="unknown key"):
        load("\n".join([*lines, "merge: {options: {x: *a59}}", "base_model: *a59"]))


def test_anchors_and_merge_keys_work(load: Callable[[str], ExperimentSpec]) -> None:
    tasks = """tasks:
  - &first {task: a, metric: acc, splits: {search: 8}}
  - {<<: *first, task: b, metric: exact_match}
"""
    spec = load(yaml.safe_dump({k: v for k, v in MINIMAL.items() if k != "tasks"}) + tasks)
    assert [(t.task, t.metric, t.splits.search) for t in spec.tasks] == [
        ("a", "acc", 8),
        ("b", "exact_match", 8),
    ]


def test_dates_and_exponents_are_what_they_look_like(load: Callable[[str], ExperimentSpec]) -> None:
    text = yaml.safe_dump(MINIMAL).replace("model: org/base", "model: {model: org/b, revision: 2024-01-31}")
    spec = load(text.replace("hours: 2", "hours: 2e-1"))
    assert spec.base_model.revision == "2024-01-31"
    assert spec.search.budget.hours == 0.2


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No such file"):
        load_spec(tmp_path / "absent.yaml")
    with pytest.raises(NotFound, match="Is a directory"):
        load_spec(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x80")
    with pytest.raises(SpecError, match="not UTF-8"):
        load_spec(tmp_path / "binary")
    (tmp_path / "large").write_text("#" * 2_000_000)
    with pytest.raises(SpecError, match="2000000 bytes; a spec has at most"):
        load_spec(tmp_path / "large")


def test_json_schema_accepts_what_the_spec_accepts() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    full = yaml.safe_load(FULL.replace("1e-3", "0.001"))
    for data in (full, MINIMAL, parse_spec(full).canonical(), parse_spec(MINIMAL).canonical()):
        validator.validate(data)
    for bad in (
        changed(name="Bad Name"),
        changed(tasks=[]),
        changed(models={}),
        changed(serach={}),
        changed(merge__parameters={"w": {"range": [0]}}),
        changed(merge__granularity="groups:6"),
        changed(workers__engine="vlm"),
    ):
        assert not validator.is_valid(bad)


def test_json_schema_is_that_of_black_boxes_too() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    box = {"callable": "scorer:score", "parameters": {"x": {"range": [0, 1]}}}
    spec = {"name": "box", "blackbox": box, "search": {"budget": {"evaluations": 9}}}
    for data in (spec, parse_any(spec).canonical()):
        validator.validate(data)
    for bad in (
        spec | {"merge": MINIMAL["merge"]},
        spec | {"blackbox": box | {"calable": "x:y"}},
        spec | {"blackbox": box | {"parameters": {"x": {"range": [0, 1], "init": "low"}}}},
        spec | {"search": {}},
    ):
        assert not validator.is_valid(bad)
    # The problem is told of the kind that was meant.
    (problem,) = validator.iter_errors(spec | {"blackbox": box | {"calable": "x:y"}})
    assert "'calable' was unexpected" in problem.message


def test_every_key_of_the_schema_is_described() -> None:
    schema = json_schema()
    sections = schema["$defs"]
    assert {"ExperimentSpec", "BlackboxExperiment", "BlackboxParameter", "SearchSpec"} < sections.keys()
    for name, section in sections.items():
        assert section["additionalProperties"] is False
        for key, value in section["properties"].items():
            section_meant = schema["$defs"].get(value.get("$ref", "").removeprefix("#/$defs/"), {})
            assert value.get("description") or section_meant.get("description"), f"{name}.{key}"
        assert section["description"], name


def test_resolve_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "experts" / "a").mkdir(parents=True)
    source = tmp_path / "specs"
    source.mkdir()
    expert = str((tmp_path / "experts" / "a").resolve())
    assert resolve_path("../experts/a", source) == expert
    assert resolve_path("~/experts/a", source) == expert
    assert resolve_path(expert, source) == expert
    for other in ("org/name", "~nobody-here/x", "x" * 300, "experts/a"):
        assert resolve_path(other, source) == other


def test_documentation_names_every_key() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "spec.md").read_text()
    schema = json_schema()
    keys = {key for part in schema["$defs"].values() for key in part["properties"]}
    assert {key for key in keys if f"| `{key}` |" not in text} == set()
    _, _, without_models = text.partition("## Without models")
    boxes = [part["properties"] for name, part in schema["$defs"].items() if name.startswith("Blackbox")]
    named = {key for part in boxes for key in part if key not in ("name", "search")}
    assert len(named) == 12
    assert {key for key in named if f"| `{key}` |" not in without_models} == set()


def test_a_deviation_needs_a_hierarchy() -> None:
    merge = {"method": "ties", "granularity": "layer", "deviation": 0.2}
    with pytest.raises(SpecError, match="no hierarchy"):
        parse_spec(MINIMAL | {"merge": merge})
    assert parse_spec(MINIMAL | {"merge": merge | {"hierarchy": ["global"]}}).merge.deviation == 0.2
