"""A spec as a server can read it: paths of this machine mean something to a server on this machine only."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from api.schemas.catalog import ModelList, TaskList
from evomerge.client.connection import Connection
from evomerge.client.retry import fetched
from evomerge.client.steps import Ask, Steps
from evomerge.errors import InvalidInput, ModelError, SpecError, TaskError, nearest

_Put = Callable[[str], None]


def spec_to_send(connection: Connection, spec: Mapping[str, Any] | str | Path) -> Steps[dict[str, Any]]:
    """Return a spec as JSON data.

    Args:
        connection: says whether the server is on this machine.
        spec: data, which is sent as it is, or the path of a YAML file.

    Raises:
        NotFound: there is no such file.
        SpecError: it is no valid spec.
        InvalidInput: it names files of this machine, and the server is on another one.
    """
    if isinstance(spec, Mapping):
        return dict(spec)
    from experiments.spec import load_any

    loaded = load_any(spec)
    data = loaded.spec.canonical()
    known: dict[str, list[str]] = {}
    for field, kind, text, put in _named(data):
        path = os.path.join(loaded.source_dir, os.path.expanduser(text))  # noqa: PTH111, PTH118 (pathlib raises on ~nobody)
        is_there = os.path.isdir if kind == "model" else os.path.isfile
        if not is_there(path):
            continue
        if connection.is_loopback:
            put(os.path.realpath(path))
        else:
            if kind not in known:
                known[kind] = yield from _offered(connection, kind)
            if text not in known[kind]:
                raise _stranger(field, kind, text, known[kind])
    return data


def _named(data: dict[str, Any]) -> list[tuple[str, str, str, _Put]]:
    """Return whatever may be a path: its field, what it names, the text, and what replaces it."""
    if "blackbox" in data:
        return []
    models = [("base_model", data["base_model"])]
    models += [(f"models.{name}", model) for name, model in data["models"].items()]
    found: list[tuple[str, str, str, _Put]] = [
        (field, "model", model["model"], _putter(model, "model")) for field, model in models
    ]
    for number, task in enumerate(data["tasks"]):
        found.append((f"tasks[{number}].task", "task", task["task"], _putter(task, "task")))
    for name, value in data["merge"]["options"].items():
        # Other options are words, which may be the names of files by chance.
        if isinstance(value, str) and Path(value).suffix:
            found.append((f"merge.options.{name}", "file", value, _putter(data["merge"]["options"], name)))
    tokenizer = data["merge"].get("tokenizer") or {}
    if isinstance(template := tokenizer.get("chat_template"), str) and Path(template).suffix:
        found.append(("merge.tokenizer.chat_template", "file", template, _putter(tokenizer, "chat_template")))
    return found


def _putter(holder: dict[str, Any], key: str) -> _Put:
    return lambda text: holder.__setitem__(key, text)


def _offered(connection: Connection, kind: str) -> Steps[list[str]]:
    if kind == "model":
        return [one.name for one in (yield from fetched(connection, Ask("GET", "/models"), ModelList)).models]
    if kind == "task":
        return [one.name for one in (yield from fetched(connection, Ask("GET", "/tasks"), TaskList)).tasks]
    return []


def _stranger(field: str, kind: str, text: str, known: list[str]) -> InvalidInput:
    problem = f"'{text}' is a path of this machine, which the server does not see"
    if kind == "file":
        return SpecError(field, problem, "copy it below the server's task directories and give its path there")
    verb = f"evomerge {kind}s"
    fix = f"name one that '{verb}' lists: {nearest(text, known)}" if known else f"the server has no {kind}s yet"
    return (ModelError if kind == "model" else TaskError)(field, problem, fix)
