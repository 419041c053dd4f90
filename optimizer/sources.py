"""What a spec names, found on this machine: models, tasks, files of options, the place of the output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evals.catalog import find
from evals.tasks import TaskDefinition
from evomerge.errors import ModelError, SpecError, TaskError
from experiments.spec import ExperimentSpec, resolve_path
from experiments.spec_merge import MergeSpec
from experiments.spec_sections import ModelSpec
from experiments.spec_tasks import TaskSpec
from merging.models import ModelRef
from merging.operators import get_operator
from merging.resolve import resolve_model


def model_ref(name: str, model: ModelSpec, source_dir: Path, field: str) -> ModelRef:
    """Find a model on this machine.

    Raises:
        ModelError: naming ``field``.
    """
    try:
        found = resolve_model(model.model, model.revision, source_dir)
    except ModelError as error:
        raise ModelError(f"{field}: {error.field}", error.problem, error.fix) from error
    return ModelRef(name, str(found.path), found.revision)


def task_definitions(spec: ExperimentSpec, source_dir: Path) -> tuple[TaskDefinition, ...]:
    """Return the spec's tasks as the evaluation room takes them.

    Raises:
        TaskError: a task file does not exist.
    """
    return definitions_of(spec.tasks, source_dir)


def definitions_of(tasks: Sequence[TaskSpec], source_dir: Path) -> tuple[TaskDefinition, ...]:
    """Return tasks of a spec as the evaluation room takes them.

    Raises:
        TaskError: a task file does not exist.
    """
    return tuple(_task_definition(task, index, source_dir) for index, task in enumerate(tasks))


def output_path(spec: ExperimentSpec, source_dir: Path, experiment: str) -> Path | None:
    """Where the best merge goes: ``output`` relative to the spec, with ``{id}`` replaced by the experiment's id."""
    if spec.output is None:
        return None
    return (source_dir / Path(spec.output.replace("{id}", experiment)).expanduser()).resolve()


def path_options(merge: MergeSpec) -> list[str]:
    """Return the options that are given and name a file."""
    options = {one.name: one for method in merge.choices for one in get_operator(method).all_options()}
    return [name for name, option in options.items() if option.path and merge.options.get(name)]


def with_option_paths(merge: MergeSpec, source_dir: Path) -> MergeSpec:
    """Make the files that options name absolute: a recipe is read on other machines and in other directories."""
    found = {name: resolve_path(str(merge.options[name]), source_dir) for name in path_options(merge)}
    for name, path in found.items():
        if not Path(path).is_file():
            raise SpecError(
                f"merge.options.{name}",
                f"there is no file '{source_dir / str(merge.options[name])}'",
                "give a path relative to the spec file",
            )
    return merge.model_copy(update={"options": {**merge.options, **found}})


def _task_definition(task: TaskSpec, index: int, source_dir: Path) -> TaskDefinition:
    named = task.task or ""
    source = named if find(named) else resolve_path(named, source_dir)
    if named.endswith((".yaml", ".yml")) and not Path(source).is_file():
        raise TaskError(
            f"tasks[{index}].task",
            f"there is no file '{source_dir / named}'",
            "give a path relative to the spec file, or the name of a task of lm-eval or the catalog",
        )
    return TaskDefinition(
        name=task.name,
        source=source,
        metric=task.metric,
        weight=task.weight,
        num_fewshot=task.num_fewshot,
        chat_template=task.chat_template,
        max_tokens=task.max_tokens,
        teacher_forced=task.teacher_forced,
        search=task.splits.search,
        selection=task.splits.selection,
        test=task.splits.test,
        search_from=task.search_from,
        # Not the search seed: two searches of one task must see the same items to be comparable.
        seed=0,
    )
