"""What only torch, lm-eval and the operators know of a spec and of this installation, asked in a child process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.resident import Resident
from experiments.entities import Experiment

if TYPE_CHECKING:
    from merging.operators import Operator
    from optimizer.needs import Needs
    from optimizer.search.catalog import Algorithm


@dataclass(frozen=True)
class Checked:
    """A spec that was checked in full; all of it is JSON data.

    Attributes:
        spec: in canonical form.
        resolved: provenance, as the store keeps it.
        dimensions: searched coefficients.
        needs: as ``api.schemas.catalog.NeedsView``; None for a black box.
    """

    spec: dict[str, Any]
    resolved: dict[str, Any]
    dimensions: int
    needs: dict[str, Any] | None


class Planner:
    """Checks specs and describes methods; usable from several threads."""

    def __init__(self, check_seconds: float, dashboard: str | None = None, store_url: str | None = None) -> None:
        """Take the limits and places of a server.

        Args:
            check_seconds: how long a check may take.
            dashboard: of the cluster that runs; None for this machine.
            store_url: store whose scores specs may choose items by, and whose experiments say how long one takes; None
                for none.
        """
        self._resident = Resident(check_seconds)
        self._dashboard = dashboard
        self._store_url = store_url

    def check(self, spec: Mapping[str, Any], source_dir: Path) -> Checked:
        """Check a spec in full: models, tasks, search space, memory.

        Args:
            spec: confined, so that whatever it names may be opened.
            source_dir: directory that its relative paths start from.

        Raises:
            InvalidInput: it cannot work; the message says which field and what to do.
            Unavailable: no answer in time.
        """
        checked: Checked = self._resident.call(_check, dict(spec), source_dir, self._dashboard, self._store_url)
        return checked

    def check_recipe(self, recipe: Mapping[str, Any], experiment: Experiment) -> dict[str, Any]:
        """Return a recipe in canonical form that fits an experiment's models.

        Raises:
            RecipeError: it does not; the message says which field.
            Unavailable: no answer in time.
        """
        checked: dict[str, Any] = self._resident.call(check_recipe, dict(recipe), dict(experiment.resolved))
        return checked

    @cached_property
    def methods(self) -> list[dict[str, Any]]:
        """The merge methods, as ``api.schemas.catalog.MethodView``."""
        found: list[dict[str, Any]] = self._resident.call(method_views)
        return found

    @cached_property
    def algorithms(self) -> list[dict[str, Any]]:
        """The search algorithms, as ``api.schemas.catalog.AlgorithmView``."""
        found: list[dict[str, Any]] = self._resident.call(algorithm_views)
        return found

    @cached_property
    def path_options(self) -> dict[str, frozenset[str]]:
        """Merge method -> its options that name a file."""
        return {
            method["name"]: frozenset(option["name"] for option in method["options"] if option["path"])
            for method in self.methods
        }

    def close(self) -> None:
        """End the child process."""
        self._resident.close()


# What follows runs in the child.


def _check(spec: Mapping[str, Any], source_dir: Path, dashboard: str | None, store_url: str | None) -> Checked:
    from experiments.spec import BlackboxExperiment, parse_any
    from experiments.store import Store
    from optimizer.blackbox import make_blackbox_plan
    from optimizer.machine import nodes_behind
    from optimizer.needs import check_fits, find_needs
    from optimizer.preflight import make_plan

    parsed = parse_any(spec)
    if isinstance(parsed, BlackboxExperiment):
        box = make_blackbox_plan(parsed, source_dir, allow_code=False)
        return Checked(parsed.canonical(), _plain(box.provenance), len(box.space.genes), None)
    with nullcontext() if store_url is None else Store.open(store_url) as store:
        plan = make_plan(parsed, source_dir, store)
        needs = find_needs(plan, store, None if dashboard is None else nodes_behind(dashboard))
    check_fits(plan, needs)
    return Checked(parsed.canonical(), _plain(plan.provenance), needs.work.dimensions, needs_view(needs))


def check_recipe(recipe: Mapping[str, Any], resolved: Mapping[str, Any]) -> dict[str, Any]:
    """See :meth:`Planner.check_recipe`; ``resolved`` is the experiment's."""
    from evomerge.errors import RecipeError, nearest
    from merging.models import ModelRef, ModelSet
    from merging.recipe import Recipe
    from merging.validation import validate_recipe

    parsed = Recipe.from_dict(recipe)
    (base, place), *experts = resolved["models"].items()
    names = [name for name, _ in experts]
    for name in parsed.models:
        if name not in names:
            raise RecipeError("recipe.models", f"there is no expert '{name}' in this experiment", nearest(name, names))
    models = ModelSet.open(ModelRef(base, place["path"], place["revision"]), ())
    validate_recipe(parsed, models.num_blocks)
    return parsed.to_dict()


def needs_view(needs: Needs) -> dict[str, Any]:
    """Return needs as ``api.schemas.catalog.NeedsView``."""
    work, memory = needs.work, needs.memory
    return {
        "workers": needs.workers,
        "stages": [
            {
                "stage": stage,
                "candidates": work.candidates[stage],
                "items": work.items[stage],
                "prompt_tokens": work.read[stage],
                "generated_tokens": work.written[stage],
            }
            for stage in work.candidates
        ],
        "host_bytes": dict(memory.host),
        "node_bytes": dict(memory.node),
        "device_bytes": dict(memory.device),
        "assumed": list(memory.assumed),
        "mapped_bytes": memory.mapped,
        "mirror_bytes": memory.mirror,
        "store_bytes": needs.store,
        "export_bytes": needs.export,
        "hours": needs.time.hours,
        "hours_source": needs.time.source,
        "nodes": [
            {"name": node.name, "memory_bytes": node.memory, "free_bytes": node.free, "workers": room}
            for node, room in zip(needs.nodes, needs.room, strict=True)
        ],
    }


def method_views() -> list[dict[str, Any]]:
    """Return the merge methods as ``api.schemas.catalog.MethodView``."""
    from merging.operators import get_operator, operator_names

    return [method_view(get_operator(name)) for name in operator_names()]


def method_view(one: Operator) -> dict[str, Any]:
    """Return a merge method as ``api.schemas.catalog.MethodView``."""
    return {
        "name": one.name,
        "summary": one.summary,
        "paper": one.paper,
        "linear": one.linear_flag,
        "cost": one.cost,
        "data": one.data,
        "needs_base": one.needs_base,
        "min_models": one.min_models,
        "max_models": one.max_models,
        "parameters": [asdict(parameter) for parameter in one.all_parameters()],
        "options": [asdict(option) for option in one.all_options()],
    }


def algorithm_views() -> list[dict[str, Any]]:
    """Return the search algorithms as ``api.schemas.catalog.AlgorithmView``."""
    from optimizer.search.catalog import algorithms

    return [algorithm_view(one) for one in algorithms()]


def algorithm_view(one: Algorithm) -> dict[str, Any]:
    """Return a search algorithm as ``api.schemas.catalog.AlgorithmView``."""
    return {
        "name": one.name,
        "summary": one.summary,
        "source": one.source,
        "options": [asdict(option) for option in one.options],
    }


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(data))
    return plain
