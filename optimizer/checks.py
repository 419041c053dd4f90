"""What cannot work is refused before a worker is started."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evomerge.errors import SpecError
from experiments.spec import ExperimentSpec
from experiments.spec_search import SearchSpec
from experiments.spec_sections import WorkersSpec
from optimizer.search.catalog import AUTO, PRESELECTING, algorithms, check_algorithm
from optimizer.sources import output_path


def check_engine(workers: WorkersSpec) -> None:
    """Refuse an engine that is not installed or cannot be spread as asked."""
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
    if workers.merge_ahead and workers.tensor_parallel > 1:
        raise SpecError(
            "workers.merge_ahead",
            "a model that is split over GPUs is merged by processes that cannot be told meanwhile",
            "set merge_ahead: false, or tensor_parallel: 1",
        )
    if workers.batch_invariant and (workers.gpus == 0 or workers.engine != "vllm"):
        raise SpecError(
            "workers.batch_invariant",
            "only vLLM's kernels for GPUs have this mode; elsewhere the same candidate scored on the same items gives "
            "the same answers, but other batches may change low bits",
            "remove it, or use engine: vllm with workers.gpus",
        )


def check_output(spec: ExperimentSpec, source_dir: Path) -> None:
    """Refuse an output directory that holds something."""
    if spec.output is None or "{id}" in spec.output:
        return
    path = output_path(spec, source_dir, "")
    if path is not None and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise SpecError(
            "output",
            f"{path} holds something already",
            "remove it, or let every run have its own: add {id} to the path",
        )


def check_search(spec: SearchSpec) -> None:
    """Refuse an unknown algorithm or option, one that sees no trade-offs where they are wanted, and idle blocks."""
    found = check_algorithm(spec.algorithm, spec.options)
    pareto = spec.objectives == "pareto"
    if pareto and not found.pareto and found.name != AUTO:
        known = ", ".join(one.name for one in algorithms() if one.pareto)
        raise SpecError(
            "search.algorithm",
            f"'{spec.algorithm}' searches for the best weighted mean, and search.objectives is pareto",
            f"use {AUTO} or one of {known}, or objectives: weighted",
        )
    if spec.screening is not None and (pareto or found.name not in (AUTO, PRESELECTING)):
        who = "a search for trade-offs" if pareto else f"'{spec.algorithm}'"
        raise SpecError(
            "search.screening",
            f"{who} wants all its points scored",
            f"remove it, or use objectives: weighted with algorithm: {PRESELECTING}",
        )
    if spec.screening is not None and spec.options.get("restarts"):
        raise SpecError("search.screening", "a search with restarts wants all its points scored", "remove one of them")
    if spec.block_size is not None and (pareto or not found.uses_blocks):
        who = "a search for trade-offs" if pareto else f"'{spec.algorithm}'"
        raise SpecError(
            "search.block_size",
            f"{who} scores every candidate on all search items",
            "remove it" if pareto else f"remove it, or use algorithm: {AUTO}",
        )


def check_budget(spec: SearchSpec, num_baselines: int, num_items: int) -> None:
    """Refuse a budget that leaves nothing for a search once baselines and the search's center are scored."""
    limit = spec.budget.item_limit(num_items)
    needed = num_baselines + 2
    if limit is None or limit >= needed * num_items:
        return
    tight = "items" if limit == spec.budget.items else "evaluations"
    raise SpecError(
        f"search.budget.{tight}",
        f"{spec.budget.items if tight == 'items' else spec.budget.evaluations} is too few: {num_baselines} parents and "
        f"plain merges are always scored first, on {num_items} items",
        f"give at least {needed * num_items if tight == 'items' else needed}; a useful search takes several times the "
        "number of searched coefficients",
    )


def check_budget_can_end(spec: ExperimentSpec, tasks: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a budget of generated tokens where nothing is generated."""
    budget = spec.search.budget
    if budget.evaluations is not None or budget.items is not None or budget.hours is not None:
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
