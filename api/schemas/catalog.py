"""What a server offers, and what a spec would need there."""

from __future__ import annotations

from typing import Any, Literal

from api.schemas.base import Answer

Value = bool | int | float | str


class ModelView(Answer):
    """A model that specs may name."""

    name: str
    kind: Literal["checkpoint", "adapter", "delta pack"]
    architecture: str | None
    size_bytes: int
    """Of its weight files."""
    problem: str | None
    """Why a spec that names it is refused; null where nothing is known against it."""


class ModelList(Answer):
    """The models below the server's directories."""

    models: list[ModelView]


class BenchmarkView(Answer):
    """What the catalog says about a task."""

    suite: str
    """Its domain; specs may name all tasks of it at once."""
    metric: str
    search: str | None
    """Data split that a search sees; null where the task is for reports alone."""
    test: str
    """Data split that is scored for the report alone."""
    runs_code: bool
    """Whether it runs programs that the model wrote."""
    licence: str
    source: str


class TaskView(Answer):
    """A task that specs may name."""

    name: str
    kind: Literal["file", "catalog", "lm-eval"]
    benchmark: BenchmarkView | None
    """Null for tasks that are not of the catalog."""


class TaskList(Answer):
    """The tasks below the server's directories, and what it allows of the catalog and of lm-eval."""

    tasks: list[TaskView]


class ParameterView(Answer):
    """A coefficient of a merge method."""

    name: str
    scope: str
    """Whether there is one for each model, for the merge, or for each step."""
    granular: bool
    default: float
    low: float
    high: float
    doc: str
    searched: bool
    domain: str
    coding: str


class OptionView(Answer):
    """A switch of a merge method."""

    name: str
    default: Value
    choices: list[Value] | None
    doc: str
    path: bool
    """Whether it names a file."""


class MethodView(Answer):
    """A merge method."""

    name: str
    summary: str
    paper: str
    linear: str
    cost: str
    data: str
    needs_base: bool
    min_models: int
    max_models: int | None
    parameters: list[ParameterView]
    options: list[OptionView]


class MethodList(Answer):
    """The merge methods."""

    methods: list[MethodView]


class AlgorithmOption(Answer):
    """A switch of a search algorithm."""

    name: str
    kind: str
    default: Value | None
    doc: str


class AlgorithmView(Answer):
    """A search algorithm."""

    name: str
    summary: str
    source: str
    options: list[AlgorithmOption]


class AlgorithmList(Answer):
    """The search algorithms."""

    algorithms: list[AlgorithmView]


class StageView(Answer):
    """What one stage of a run takes at most; null where the budget does not say."""

    stage: str
    candidates: int | None
    items: int | None
    prompt_tokens: int | None
    generated_tokens: int | None


class NodeView(Answer):
    """A machine that workers can run on."""

    name: str
    memory_bytes: int
    free_bytes: int | None
    workers: int
    """That it has room for."""


class NeedsView(Answer):
    """What a run takes in work, memory, disk and time, and what there is."""

    workers: int
    stages: list[StageView]
    host_bytes: dict[str, int]
    """Memory of one worker by part."""
    node_bytes: dict[str, int]
    """Memory that the workers of a node share, by part."""
    device_bytes: dict[str, int]
    """Memory of each of its GPUs by part."""
    assumed: list[str]
    """Merge methods whose own state is assumed."""
    mapped_bytes: int
    """What the workers of a node share, together."""
    mirror_bytes: int
    """What a merge on a GPU keeps there as far as it fits."""
    store_bytes: int | None
    export_bytes: int
    """Of the winner's checkpoint."""
    hours: float | None
    hours_source: str
    """What the expectation rests on."""
    nodes: list[NodeView]


class Plan(Answer):
    """A spec that was checked in full."""

    spec: dict[str, Any]
    """With every default written out and every path found."""
    dimensions: int
    """Coefficients that are searched."""
    genes: list[str]
    """Their names."""
    needs: NeedsView | None
    """Null for a black box, which runs elsewhere."""
