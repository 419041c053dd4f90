"""The sections of the experiment spec: every key, its type, its limits and its meaning."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, field_validator
from pydantic_core.core_schema import ValidationInfo

from evomerge.errors import nearest
from experiments.spec_base import NAME, SHORT_NAME, Text
from experiments.spec_base import Section as _Section
from experiments.spec_errors import complaint
from experiments.spec_merge import MergeSpec
from experiments.spec_search import SearchSpec
from experiments.spec_tasks import TaskSpec, written_out

_HUB_ID_WITH_REVISION = re.compile(r"(?P<model>\w[\w.-]*(?:/\w[\w.-]*)?)@(?P<revision>[^@\s]+)")


class ModelSpec(_Section):
    """A checkpoint or adapter: a local directory or a Hugging Face hub id."""

    model: Text = Field(description="Directory (relative to the spec file) or hub id.")
    revision: Text | None = Field(default=None, description="Branch, tag or commit of a hub id; null = its default.")


def _model_from_text(value: object) -> object:
    if isinstance(value, str):
        # Only a hub id has a revision: "./a@b" is a directory whose name holds an @.
        match = _HUB_ID_WITH_REVISION.fullmatch(value)
        return match.groupdict() if match else {"model": value}
    if not isinstance(value, Mapping | ModelSpec):
        raise complaint(
            f"found {reprlib.repr(value)}, expected a model",
            "write a directory or hub id, or {model: ..., revision: ...}",
        )
    return value


ModelField = Annotated[ModelSpec, BeforeValidator(_model_from_text, json_schema_input_type=Text | ModelSpec)]


class WorkersSpec(_Section):
    """The workers that merge and score candidates."""

    engine: Literal["vllm", "transformers"] = Field(default="vllm", description="Inference engine.")
    count: int = Field(default=1, ge=1, description="Number of workers.")
    gpus: float = Field(default=0, ge=0, allow_inf_nan=False, description="GPUs of one worker; 0 = CPU.")
    cpus: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="CPU cores of one worker; null = shared out."
    )
    tensor_parallel: int = Field(default=1, ge=1, description="GPUs that one model is split over.")
    dtype: Literal["bfloat16", "float16", "float32"] = Field(
        default="bfloat16", description="Number format of the engine."
    )
    max_model_len: int | None = Field(
        default=None, ge=1, description="Context length in tokens; null = the engine's choice."
    )
    batch_invariant: bool = Field(
        default=False,
        description="Answers that do not depend on which items are scored together: vLLM on GPUs; slower.",
    )
    stall_seconds: float = Field(
        default=600.0,
        gt=0,
        allow_inf_nan=False,
        description="A worker whose engine makes no step for so long is killed, and its work is done again.",
    )
    population: Literal["auto", "off"] | Annotated[int, Field(ge=2, le=256)] = Field(
        default="auto",
        description="Candidates of LoRA experts that a worker scores at once, as adapters on the base: a number, off, "
        "or auto = 8 where that is measured to be faster; never for selection and test items.",
    )
    merge_ahead: bool = Field(
        default=False,
        description="Merge the next candidate while the present one is scored, in memory of the size of the weights. "
        "The search is then asked for one candidate more before it hears of the present one.",
    )


class ExperimentSpec(_Section):
    """One experiment: which models to merge, how, for which tasks, and how long to search."""

    name: Annotated[str, StringConstraints(pattern=NAME)] = Field(description="Name of the experiment.")
    base_model: ModelField = Field(description="The model that all experts were fine-tuned from.")
    models: dict[Annotated[str, StringConstraints(pattern=SHORT_NAME)], ModelField] = Field(
        min_length=1, description="Short name -> expert: directory or hub id, optionally with a revision."
    )
    merge: MergeSpec = Field(description="The merge method and what is searched of it.")
    tasks: Annotated[tuple[TaskSpec, ...], Field(strict=False)] = Field(
        description="The tasks that define the fitness.", json_schema_extra={"minItems": 1}
    )
    search: SearchSpec = Field(description="The search algorithm and its budget.")
    workers: WorkersSpec = Field(WorkersSpec(), description="The workers that score candidates.")
    output: Text | None = Field(
        default=None,
        description="Directory (relative to the spec file) of the best merge; {id} = experiment; null = not exported.",
    )

    @field_validator("tasks")
    @classmethod
    def _some_with_unique_names(cls, value: tuple[TaskSpec, ...]) -> tuple[TaskSpec, ...]:
        if not value:
            raise complaint("there is no task", "add at least one, with 'task' and 'metric'")
        value = written_out(value)
        if not any(task.splits.search for task in value):
            raise complaint("no task has search items: all are for the report alone", "add one that the search can use")
        names = [task.name for task in value]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise complaint(f"two tasks are named '{double}'", "give one of them another 'name'")
        return value

    @field_validator("search")
    @classmethod
    def _fits_its_tasks(cls, value: SearchSpec, info: ValidationInfo) -> SearchSpec:
        names = [task.name for task in info.data.get("tasks", ()) if task.splits.search]
        if value.objectives == "pareto" and len(names) == 1:
            raise complaint(
                "objectives 'pareto' needs two tasks to search on, and there is one", "add one, or use weighted"
            )
        for number, constraint in enumerate(value.constraints if names else ()):
            if constraint.task not in names:
                raise complaint(
                    f"constraints[{number}] is about a task named '{constraint.task}', and none is searched on",
                    nearest(constraint.task, names),
                )
        return value

    def canonical(self) -> dict[str, Any]:
        """Return the spec as JSON data with every default written out; ``parse_spec`` reads it back."""
        return self.model_dump(mode="json", exclude_none=True)
