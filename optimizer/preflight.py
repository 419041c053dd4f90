"""From a validated spec to a plan that can run: everything is checked here, before anything is spent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from evals.suite import TaskSuite
from evals.tasks import ItemRef, TaskDefinition
from evomerge.errors import SpecError
from experiments.spec import ExperimentSpec
from experiments.spec_merge import MergeSpec
from experiments.spec_sections import WorkersSpec
from experiments.states import Split
from experiments.store import Store
from merging.coefficients import filled_options
from merging.export import sha256
from merging.granularity import Granularity
from merging.models import ModelSet
from merging.operators import get_operator
from merging.recipe import Recipe
from merging.vocabulary.files import vocabulary_digest
from merging.vocabulary.policy import VocabularyPolicy
from optimizer.baselines import baselines
from optimizer.checks import check_budget, check_budget_can_end, check_engine, check_output, check_search
from optimizer.choosing import choose_items, with_chosen
from optimizer.parents import parent_hashes
from optimizer.plan import Plan
from optimizer.population import population_of
from optimizer.problem import DEFAULT_SIGMA
from optimizer.search.catalog import GREEDY_SOUP, find_algorithm
from optimizer.search.greedy_soup import check_soup
from optimizer.sources import model_ref, path_options, task_definitions, with_option_paths
from optimizer.space import Genome, build_genome
from optimizer.versions import versions
from optimizer.vocabulary import open_models, vocabulary_policy
from workers.config import WorkerConfig

if TYPE_CHECKING:
    from optimizer.early import EarlyStart


def make_plan(
    spec: ExperimentSpec,
    source_dir: Path,
    store: Store | None = None,
    recorded: Mapping[str, Any] | None = None,
    early: EarlyStart | None = None,
) -> Plan:
    """Resolve and check models, tasks, search space and engine.

    Args:
        spec: what is asked for.
        source_dir: directory that its relative paths start from.
        store: has the scores that search items are chosen by, where the spec chooses them so.
        recorded: provenance of an earlier plan of the same spec, which has the same search items.
        early: begins when what is quickly checked is checked.

    Raises:
        SpecError, ModelError, TaskError, RecipeError: naming the field and the fix.
    """
    check_search(spec.search)
    check_engine(spec.workers)
    check_output(spec, source_dir)
    base = model_ref("base", spec.base_model, source_dir, "base_model")
    experts = tuple(model_ref(name, model, source_dir, f"models.{name}") for name, model in spec.models.items())
    vocabulary = vocabulary_policy(spec.merge.tokenizer, source_dir)
    models = open_models(base, experts, vocabulary)
    merge = with_option_paths(spec.merge, source_dir)
    genome = _genome(spec, merge, models.num_blocks)
    plain_merges = baselines(tuple(spec.models))
    tasks = task_definitions(spec, source_dir)
    chosen = choose_items(spec.tasks, tasks, store) if recorded is None else recorded.get("chosen", {})
    tasks = with_chosen(tasks, chosen)
    if early is not None:
        early.begin(spec.workers, cpus_of(spec.workers))
    suite = TaskSuite.load(tasks)
    items = {split: suite.items(split.value) for split in Split}
    check_budget(spec.search, len(plain_merges), len(items[Split.SEARCH]))
    check_budget_can_end(spec, suite.describe())
    models.check_finite()
    warm = cast(Recipe, plain_merges[0].recipe)
    worker = _worker(spec, models, genome, tasks, warm, vocabulary, _depth(merge, models.num_blocks))
    inputs = _inputs(models, items, genome, merge)
    more = {"vocabulary": inputs.get("vocabulary"), "depth": worker.depth}
    parents = parent_hashes(plain_merges, models, inputs["models"], more)
    provenance = {
        "inputs": inputs,
        "vocabulary": None if vocabulary is None else asdict(vocabulary),
        "models": {ref.name: {"path": ref.path, "revision": ref.revision} for ref in (base, *experts)},
        "tasks": suite.describe(),
        **({"chosen": chosen} if chosen else {}),
        "worker_cpus": worker.cpus,
        "genes": list(genome.labels),
        "slots": Granularity.parse(genome.granularity).slot_labels(models.num_blocks),
        "versions": versions(),
    }
    return Plan(spec, source_dir, genome, plain_merges, worker, items, provenance, inputs, parents, suite, early=early)


def _worker(
    spec: ExperimentSpec,
    models: ModelSet,
    genome: Genome,
    tasks: tuple[TaskDefinition, ...],
    warm: Recipe,
    vocabulary: VocabularyPolicy | None,
    depth: int | None,
) -> WorkerConfig:
    workers = spec.workers
    return WorkerConfig(
        base=models.base,
        experts=models.experts,
        tasks=tasks,
        engine=workers.engine,
        dtype=workers.dtype,
        gpus=workers.gpus,
        cpus=cpus_of(workers),
        tensor_parallel=workers.tensor_parallel,
        max_model_len=workers.max_model_len,
        warm_recipe=warm,
        vocabulary=vocabulary,
        depth=depth,
        batch_invariant=workers.batch_invariant,
        stall_seconds=workers.stall_seconds,
        population=population_of(workers, spec.search.screening, models, genome),
        ahead=workers.merge_ahead,
    )


def _inputs(
    models: ModelSet, items: Mapping[Split, Sequence[ItemRef]], genome: Genome, merge: MergeSpec
) -> dict[str, Any]:
    """Return what decides the scores, see ``Plan``."""
    inputs = {
        "models": {name: [sha256(file) for file in found] for name, found in models.weight_files().items()},
        "items": {split: _digest([[ref.task, ref.item] for ref in refs]) for split, refs in items.items()},
        "space": genome.digest(),
        "option_files": {name: sha256(Path(str(merge.options[name]))) for name in path_options(merge)},
    }
    return inputs if models.vocabulary is None else inputs | {"vocabulary": vocabulary_digest(models.vocabulary)}


def _genome(spec: ExperimentSpec, merge: MergeSpec, num_blocks: int) -> Genome:
    sigma = DEFAULT_SIGMA if spec.search.sigma is None else spec.search.sigma
    linear = find_algorithm(spec.search.algorithm).linear
    genome = build_genome(merge, tuple(spec.models), num_blocks, sigma=sigma, seed=spec.search.seed, linear=linear)
    if spec.search.algorithm == GREEDY_SOUP:
        check_soup(genome.methods[0], genome.models, genome.genes)
    return genome


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


def cpus_of(workers: WorkersSpec) -> float:
    """Return the cores of one worker: as the spec says, or an equal share of those of this machine."""
    if workers.cpus is not None:
        return workers.cpus
    import psutil

    cores = psutil.cpu_count(logical=False) or 1
    return max(1.0, cores // workers.count) if workers.gpus == 0 else 1.0


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()[:16]
