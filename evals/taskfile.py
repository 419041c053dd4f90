"""Local lm-eval task files: YAML without code, on JSON, JSON Lines or Parquet files beside it.

A task file is data that a stranger may have written, so nothing in it is ever executed: YAML tags that
import functions, hub metrics that download code and the keys that name Python objects are refused, and its
Jinja templates are rendered in a sandbox.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from evals.local.places import place
from evals.local.rows import Row, read_rows
from evomerge.errors import TaskError, nearest

CODE_KEYS = ("class", "custom_dataset", "process_docs", "process_results", "use_prompt", "unsafe_code")
SPLIT_KEYS = ("training_split", "validation_split", "test_split", "fewshot_split")


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a task file and the files that it includes; its own keys win over included ones.

    Paths under ``dataset_kwargs.data_files`` come back absolute, resolved against the folder of the file
    that names them.

    Raises:
        TaskError: unreadable or invalid YAML, an include cycle, or code.
    """
    return _read_yaml(path.resolve(), ())


def check_config(path: Path, config: Mapping[str, Any]) -> None:
    """Refuse what an lm-eval task file must not hold.

    Raises:
        TaskError: code, unknown keys, or a group of tasks.
    """
    _check_keys(path, config)
    _check_metrics(path, config)


def read_data(path: Path, config: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Return the rows of every data split that a task file names.

    Raises:
        TaskError: a file is missing, empty or malformed (the message gives file and line), or a split key
            names a split without data.
    """
    kind = config.get("dataset_path")
    if kind not in ("json", "parquet"):
        raise TaskError(
            place(path, "dataset_path"),
            f"found {kind!r}; a local task file reads local data only, so 'json' or 'parquet' was expected",
            "save the data as JSON Lines or Parquet, or name a task that ships with lm-eval as the source",
        )
    options = config.get("dataset_kwargs") or {}
    files = options.get("data_files") if isinstance(options, Mapping) else None
    if not files or set(options) - {"data_files"}:
        raise TaskError(
            place(path, "dataset_kwargs"),
            f"found {options!r}; exactly one key, data_files, was expected",
            "write dataset_kwargs: {data_files: {test: items.jsonl}}",
        )
    splits = files if isinstance(files, Mapping) else {"train": files}
    data: dict[str, list[Row]] = {}
    for split, names in splits.items():
        paths = [Path(name) for name in ([names] if isinstance(names, str) else names)]
        data[split] = [row for source in paths for row in read_rows(source, kind)]
    for key in SPLIT_KEYS:
        if (split := config.get(key)) is not None and split not in data:
            raise TaskError(place(path, key), f"{split!r} is not a split of data_files", nearest(str(split), data))
    return data


def check_prompt_columns(path: Path, config: Mapping[str, Any], columns: list[str]) -> None:
    """Refuse a plain word that is no column: lm-eval would send that same word as every item's prompt.

    Raises:
        TaskError: ``doc_to_text`` or ``doc_to_target`` is neither a column nor a template.
    """
    for key in ("doc_to_text", "doc_to_target"):
        value = config.get(key)
        if isinstance(value, str) and value and "{" not in value and value not in columns:
            raise TaskError(
                place(path, key),
                f"{value!r} is neither a column of the data nor a template",
                nearest(value, columns),
            )


def sandbox_templates() -> None:
    """Let lm-eval render task templates in Jinja's sandbox, for the whole process.

    lm-eval's own environment is open: an expression in a template can walk from any string to any Python
    object. The sandbox renders the same text and refuses such walks.
    """
    import lm_eval.utils
    from jinja2 import BaseLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    if isinstance(lm_eval.utils.env, SandboxedEnvironment):
        return
    sandbox = SandboxedEnvironment(loader=BaseLoader(), undefined=StrictUndefined, keep_trailing_newline=True)
    sandbox.filters.update(lm_eval.utils.env.filters)
    lm_eval.utils.env = sandbox


def _read_yaml(path: Path, parents: tuple[Path, ...]) -> dict[str, Any]:
    if path in parents:
        raise TaskError(str(path), "the file includes itself", "remove the circular include")
    try:
        config = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(str(path), f"cannot be read: {error}", "give the path of a task file") from error
    except yaml.constructor.ConstructorError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TaskError(
            f"{path}:{line}",
            f"a task file must not call code: {error.problem}",
            "express the task with templates and filters, or use a task that ships with lm-eval",
        ) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TaskError(f"{path}:{line}", f"is not valid YAML: {error.problem}", "correct the file") from error
    except yaml.YAMLError as error:
        raise TaskError(str(path), f"is not valid YAML: {error}", "correct the file") from error
    if not isinstance(config, dict):
        found = type(config).__name__
        raise TaskError(str(path), f"found a {found}, expected a mapping", "see docs/tasks.md")
    _resolve_data_files(path, config)
    includes = config.pop("include", [])
    merged: dict[str, Any] = {}
    for include in [includes] if isinstance(includes, str) else includes:
        merged |= _read_yaml((path.parent / str(include)).resolve(), (*parents, path))
    return merged | config


def _resolve_data_files(path: Path, config: dict[str, Any]) -> None:
    def resolve(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: resolve(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [resolve(entry) for entry in value]
        if not isinstance(value, str):
            raise TaskError(f"{path}: data_files", f"found {value!r}, expected a path", "name a file")
        return str((path.parent / value).resolve())

    options = config.get("dataset_kwargs")
    if isinstance(options, dict) and "data_files" in options:
        config["dataset_kwargs"] = options | {"data_files": resolve(options["data_files"])}


def _check_keys(path: Path, config: Mapping[str, Any]) -> None:
    from lm_eval.config.task import TaskConfig

    if "group" in config or "task_list" in config or not isinstance(config.get("task", ""), str):
        raise TaskError(str(path), "is a group of tasks", "name one task file per task")
    for key in CODE_KEYS:
        if config.get(key):
            raise TaskError(
                place(path, key),
                "needs Python code, which a task file must not bring",
                "express the task with templates and filters, or use a task that ships with lm-eval",
            )
    known = [field.name for field in dataclasses.fields(TaskConfig)]
    for key in config:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "remove it"
            raise TaskError(place(path, key), "is not a key of lm-eval task files", hint)


def _check_metrics(path: Path, config: Mapping[str, Any]) -> None:
    import lm_eval.api.metrics  # noqa: F401  (fills the registry)
    from lm_eval.api.registry import metric_registry

    for entry in config.get("metric_list") or []:
        name = entry.get("metric") if isinstance(entry, Mapping) else None
        if not isinstance(name, str) or name not in metric_registry or entry.get("hf_evaluate"):
            raise TaskError(
                place(path, "metric_list"),
                f"found {entry!r}; a metric that ships with lm-eval was expected (others would run code)",
                nearest(str(name), metric_registry.keys()),
            )
