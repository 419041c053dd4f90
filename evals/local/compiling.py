"""From a task file in the short form to an lm-eval task: its configuration and its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evals.local.form import (
    Choice,
    Code,
    Exact,
    Files,
    Form,
    HubData,
    JsonValue,
    Judged,
    LocalData,
    Numeric,
    Refused,
    Regex,
)
from evals.local.judge import Judge
from evals.local.places import place
from evals.local.programs import Programs
from evals.local.refusals import Refusal
from evals.local.rows import Row, read_rows
from evals.local.sandbox import Limits
from evals.local.scorer import Scorer, scored_by
from evals.local.values import NUMBER, Json, Near, check_schema
from evomerge.errors import TaskError, nearest

# What the texts of one number may differ in: commas, dollar signs, zeros at either end.
SAME_NUMBER = [
    ",",
    r"\$",
    r"\.0*$",
    r"(?<![\d.])0+(?=[\d.])",
    *(rf"(?<=\.\d{{{places}}})0+$" for places in range(1, 9)),
]


@dataclass(frozen=True)
class Compiled:
    """An lm-eval task in the making.

    Attributes:
        config: keys of lm-eval's task configuration, without the data set.
        rows: rows of each data split that is on this machine; empty for a data set of the hub.
        hub: where the data set is on the hub, if it is there.
        search_from: data split of the search and selection items; None cuts them from the test split.
        scorer: what scores the answers where lm-eval does not.
    """

    config: dict[str, Any]
    rows: Mapping[str, list[Row]]
    hub: HubData | None
    search_from: str | None
    scorer: Scorer | None


def read_form(path: Path, data: Mapping[str, Any]) -> Form:
    """Check the keys of a task file in the short form.

    Raises:
        TaskError: naming the line, the key, what was expected and the fix.
    """
    try:
        return Form.model_validate(data)
    except ValidationError as error:
        # A misspelt key is usually why another one is missing.
        first = min(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
        kinds = {"choice", "exact", "regex", "numeric", "json", "code", "judge", "refusal", "local", "hub"}
        # pydantic writes the member of a union that it chose into the path.
        keys = [key for number, key in enumerate(first["loc"]) if not (number == 1 and key in kinds)]
        message = str(first["msg"]).removeprefix("Value error, ")
        found = "" if first["type"] in ("missing", "value_error") else f"; found {first['input']!r:.60}"
        raise TaskError(place(path, *keys), f"{message}{found}", _fix(first["type"], keys)) from None


def _fix(kind: str, keys: Sequence[str | int]) -> str:
    if kind == "extra_forbidden" and len(keys) == 1:
        return nearest(str(keys[0]), Form.model_fields)
    return "correct it; docs/tasks.md has an example of every kind of score"


def compile_form(path: Path, form: Form) -> Compiled:
    """Return the lm-eval task of a short form.

    Raises:
        TaskError: a data file or schema cannot be used, or a row lacks what a template asks for.
    """
    hub = form.data if isinstance(form.data, HubData) else None
    rows = {} if isinstance(form.data, HubData) else _read(path, form.data)
    if not isinstance(form.score, Choice):
        as_json = isinstance(form.score, JsonValue)
        rows = {split: [_with_text(row, form.answer, as_json) for row in found] for split, found in rows.items()}
    for split, found in rows.items():
        _check_columns(path, form, found, scored=split != "examples")
    scorer = _scorer(path, form)
    names = {split: getattr(form.data, split) if hub else split for split in ("test", "search", "examples")}
    given = {split: name for split, name in names.items() if getattr(form.data, split) is not None}
    config = {
        "test_split": given["test"],
        "training_split": given.get("search"),
        "fewshot_split": given.get("examples"),
        "doc_to_text": form.prompt,
        # lm-eval needs some target, and an empty one has no likelihood; that of the word "refuse" would say nothing.
        "doc_to_target": "" if isinstance(form.score, Refused) else form.answer or "",
        "description": form.system or "",
        "num_fewshot": form.examples,
        "target_delimiter": (" " if form.choices else "") if form.separator is None else form.separator,
        **_answering(form, scorer),
    }
    return Compiled({k: v for k, v in config.items() if v is not None}, rows, hub, given.get("search"), scorer)


def _answering(form: Form, scorer: Scorer | None) -> dict[str, Any]:
    if isinstance(form.score, Choice):
        metric = "acc_norm" if form.score.normalize else "acc"
        return {"output_type": "multiple_choice", "doc_to_choice": form.choices, "metric_list": [_mean(metric)]}
    sampling = {"do_sample": True, "temperature": form.temperature} if form.temperature else {"do_sample": False}
    generating = {
        "output_type": "generate_until",
        "generation_kwargs": {"until": form.stop, "max_gen_toks": form.max_tokens, **sampling},
        "repeats": form.score.samples if isinstance(form.score, Code) else 1,
    }
    return generating | (scored_by(scorer) if scorer else _matching(form))


def _matching(form: Form) -> dict[str, Any]:
    """Return the keys of a task that lm-eval scores by exact match of what its filters leave."""
    steps: list[dict[str, Any]] = []
    options: dict[str, Any] = {}
    score = form.score
    if isinstance(score, Exact):
        steps = [{"function": "remove_whitespace"}] if score.strip else []
        options = {key: True for key in ("ignore_case", "ignore_punctuation") if getattr(score, key)}
    elif isinstance(score, Regex | Numeric):
        pattern = score.pattern if isinstance(score, Regex) else NUMBER
        steps = [{"function": "regex", "regex_pattern": pattern, "group_select": 0 if score.which == "first" else -1}]
        if isinstance(score, Numeric):
            options = {"regexes_to_ignore": SAME_NUMBER}
        elif score.ignore_case:
            options = {"ignore_case": True}
    return {
        "filter_list": [{"name": score.kind, "filter": [*steps, {"function": "take_first"}]}],
        "metric_list": [_mean("exact_match") | options],
    }


def _mean(metric: str) -> dict[str, Any]:
    return {"metric": metric, "aggregation": "mean", "higher_is_better": True}


def _scorer(path: Path, form: Form) -> Scorer | None:
    score = form.score
    if isinstance(score, Numeric) and score.tolerance is not None:
        return Near(str(form.answer), score.tolerance, score.which)
    if isinstance(score, JsonValue):
        return Json(form.answer, _schema(path, score.json_schema), score.fenced)
    if isinstance(score, Code):
        return Programs(score.program, form.answer, score.k, Limits(score.cpu_s, score.memory_mb))
    if isinstance(score, Judged):
        low, high = score.scale
        return Judge(score.url, score.model, score.rubric, low, high, score.max_tokens, score.timeout_s)
    if isinstance(score, Refused):
        return Refusal(form.answer, score.pattern)
    return None


def _schema(path: Path, given: dict[str, Any] | str | None) -> dict[str, Any] | None:
    if given is None:
        return None
    where = place(path, "score", "schema")
    if isinstance(given, str):
        file = (path.parent / given).resolve()
        try:
            given = json.loads(file.read_text("utf-8"))
        except json.JSONDecodeError as error:
            raise TaskError(
                f"{file}:{error.lineno}", f"is not valid JSON: {error.msg}", "correct the schema"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise TaskError(where, f"{file} cannot be read: {error}", "name a file beside the task file") from error
    if problem := check_schema(given):
        raise TaskError(where, f"is no JSON schema: {problem}", "correct the schema")
    assert isinstance(given, dict)
    return given


def _read(path: Path, data: LocalData) -> dict[str, list[Row]]:
    def read(files: Files) -> list[Row]:
        names = [files] if isinstance(files, str) else files
        return [row for name in names for row in read_rows((path.parent / name).resolve())]

    given = {split: getattr(data, split) for split in ("test", "search", "examples")}
    return {split: read(files) for split, files in given.items() if files is not None}


def _with_text(row: Row, answer: str | None, as_json: bool) -> Row:
    """Write a reference out: lm-eval shows no numbers as examples, and a table gives all objects the same keys."""
    value = row.values.get(answer or "")
    if value is None or isinstance(value, str) or (isinstance(value, list) and not as_json):
        return row
    text = json.dumps(value, ensure_ascii=False) if as_json else str(value)
    return replace(row, values={**row.values, str(answer): text})


def _check_columns(path: Path, form: Form, rows: Sequence[Row], scored: bool) -> None:
    """Refuse rows without a value where a template or a name of a column asks for one."""
    from jinja2 import Environment, TemplateSyntaxError, meta

    environment = Environment()
    columns = list(dict.fromkeys(name for row in rows for name in row.values))
    used: dict[tuple[str, ...], str | None] = {("prompt",): form.prompt, ("answer",): form.answer}
    used[("choices",)] = form.choices if isinstance(form.choices, str) else None
    used |= {("score", key): getattr(form.score, key, None) for key in ("program", "rubric") if scored}
    for keys, template in used.items():
        if not template:
            continue
        if "{" not in template:
            names = {template}
        else:
            try:
                known = {"code", "output", *environment.globals}
                names = meta.find_undeclared_variables(environment.parse(template)) - known
            except TemplateSyntaxError as error:
                raise TaskError(place(path, *keys), f"is no template: {error}", "correct it") from error
        for name in sorted(names):
            if name not in columns:
                raise TaskError(place(path, *keys), f"{name!r} is not a column of the data", nearest(name, columns))
            if empty := next((row for row in rows if row.values.get(name) is None), None):
                raise TaskError(empty.place, f"has no {name!r}, which {'.'.join(keys)} needs", "fill it in")
