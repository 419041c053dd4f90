"""What a stranger's spec may name on this machine; everything else is refused before anything is opened."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from api.catalog.endpoints import check_endpoint
from api.catalog.models import check_model, list_models
from api.catalog.places import locate
from api.catalog.tasks import SUFFIXES, is_allowed, list_tasks
from api.settings import Settings
from evals.opening import judge_of
from evomerge.errors import ModelError, SpecError, TaskError, nearest
from experiments.spec import BlackboxExperiment, ExperimentSpec, parse_any
from experiments.spec_sections import ModelSpec

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Methods(Protocol):
    """What is known of merge methods; see :class:`api.planning.Planner`."""

    @property
    def path_options(self) -> Mapping[str, frozenset[str]]:
        """Merge method -> its options that name a file."""
        ...


def confine(data: Mapping[str, Any], settings: Settings, methods: Methods) -> dict[str, Any]:
    """Return a spec in canonical form with absolute paths, all of them inside the server's roots.

    Args:
        data: the spec as JSON data.
        settings: what the operator allows.
        methods: knows which options of a merge name files.

    Raises:
        InvalidInput: it is no valid spec, or names what it may not; the message says which field.
    """
    spec = parse_any(data)
    if isinstance(spec, BlackboxExperiment):
        if spec.blackbox.url is None:
            problem = f"'{spec.blackbox.callable}' is Python code, which a server does not run"
            raise SpecError("blackbox.callable", problem, "serve it as blackbox.url, or use the command line")
        check_endpoint(spec.blackbox.url, settings.endpoint_hosts)
        return spec.canonical()
    if spec.output is not None:
        raise SpecError("output", "a server writes nothing where a spec says", "leave it out; export the winner")
    confined = spec.canonical()
    confined["base_model"] = _model("base_model", spec.base_model, settings)
    for name, model in spec.models.items():
        confined["models"][name] = _model(f"models.{name}", model, settings)
    for number, task in enumerate(spec.tasks):
        confined["tasks"][number]["task"] = _task(f"tasks[{number}].task", task.task or "", settings)
    _confine_files(confined["merge"], spec, settings, methods)
    return confined


def _model(field: str, model: ModelSpec, settings: Settings) -> dict[str, Any]:
    found = locate(model.model, settings.model_roots)
    if found is not None:
        if model.revision is not None:
            raise ModelError(f"{field}.revision", "a directory has no revision", "leave it out")
        check_model(field, found, settings.model_roots)
        return {"model": str(found)}
    if settings.allow_hub and _REPOSITORY.fullmatch(model.model):
        if model.revision is None or not _COMMIT.fullmatch(model.revision):
            problem = "a model of the hub is named with the commit that it is at"
            raise ModelError(f"{field}.revision", problem, "write the 40 hex digits of a commit")
        return {"model": model.model, "revision": model.revision}
    known = [one.name for one in list_models(settings.model_roots)]
    problem = f"there is no {reprlib.repr(model.model)} among this server's models"
    raise ModelError(field, problem, nearest(model.model, known) if known else "the server has none yet")


def _task(field: str, text: str, settings: Settings) -> str:
    if not text.endswith(SUFFIXES):
        if is_allowed(text, settings.tasks):
            return text
    elif (found := _file(text, settings)) is not None:
        if (judge := judge_of(Path(found))) is not None:
            check_endpoint(judge, settings.endpoint_hosts, field)
        return found
    known = [task.name for task in list_tasks(settings.task_roots, settings.tasks)]
    problem = f"there is no {reprlib.repr(text)} among this server's tasks"
    raise TaskError(field, problem, nearest(text, known) if known else "the server has none yet")


def _confine_files(merge: dict[str, Any], spec: ExperimentSpec, settings: Settings, methods: Methods) -> None:
    given = {option: value for option, value in spec.merge.options.items() if isinstance(value, str) and value}
    # Only text can name a file, so most specs are confined without asking.
    known = methods.path_options if given else {}
    named = frozenset[str]().union(*(known.get(method, ()) for method in spec.merge.choices))
    for option, value in given.items():
        if option in named:
            merge["options"][option] = needed_file(f"merge.options.{option}", value, settings)
    template = spec.merge.tokenizer and spec.merge.tokenizer.chat_template
    if template and template not in ("base", "none") and not template.startswith("model:"):
        merge["tokenizer"]["chat_template"] = needed_file("merge.tokenizer.chat_template", template, settings)


def needed_file(field: str, text: str, settings: Settings) -> str:
    """Return the absolute path of a file below the server's task directories.

    Raises:
        SpecError: there is no such file.
    """
    found = _file(text, settings)
    if found is None:
        problem = f"there is no file {reprlib.repr(text)} in this server's task directories"
        raise SpecError(field, problem, "give its path below one of them")
    return found


def _file(text: str, settings: Settings) -> str | None:
    found: Path | None = locate(text, settings.task_roots)
    return str(found) if found is not None and found.is_file() else None
