"""How a run searches: the algorithm, its blocks of items and its budget, each with the reason where it was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from evomerge.errors import EvomergeError
from experiments.spec_search import SearchSpec
from optimizer.problem import Space
from optimizer.search.auto import Choice
from optimizer.search.blocks import cut_blocks, default_block_size
from optimizer.search.catalog import GREEDY_SOUP, PRESELECTING, find_algorithm, make_search, resolve
from optimizer.search.estimates import Estimates, Observations, effect_estimates
from optimizer.search.interface import Positions, Prior, Search, SearchItems, SearchSetting
from optimizer.search.irt import pirt_estimates
from optimizer.search.merge_cma import MergeCmaOptions
from optimizer.search.options import read_options
from optimizer.search.preselection import PreselectingCma
from optimizer.tables import SplitTable


@dataclass(frozen=True)
class Design:
    """What was chosen for one run; recorded, so that a resumed run searches in the same way.

    Args:
        algorithm: name in the catalog.
        options: of the algorithm, as given or chosen.
        reason: why this algorithm.
        block_size: items that a candidate is scored on at a time.
    """

    algorithm: str
    options: Mapping[str, Any]
    reason: str
    block_size: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data; ``Design(**data)`` reads it back."""
        return {**vars(self), "options": dict(self.options)}

    @property
    def scores_center(self) -> bool:
        """Whether the algorithm spends the end of its own budget on scoring its center on all items."""
        defaults = {option.name: option.default for option in find_algorithm(self.algorithm).options}
        return bool({**defaults, **self.options}.get("confirm_mean", False))

    def sentence(self) -> str:
        """Say it in one line."""
        options = ", ".join(f"{name}: {value}" for name, value in self.options.items())
        return (
            f"{self.algorithm}{f' ({options})' if options else ''}, {self.block_size} items at a time, "
            f"because {self.reason}"
        )

    def blocks(self, items: SearchItems, seed: int) -> tuple[Positions, ...]:
        """Cut the search items."""
        if self.block_size >= items.count:
            return (np.arange(items.count),)
        return cut_blocks(items.tasks, self.block_size, seed)


def prior_to_dict(prior: Prior) -> dict[str, Any]:
    """Return a prior as JSON data."""
    return {"mean": prior.mean.tolist(), "factor": prior.factor.tolist(), "source": prior.source}


def prior_from_dict(data: Mapping[str, Any]) -> Prior:
    """Read a prior back, to the last bit."""
    return Prior(np.array(data["mean"]), np.array(data["factor"]), str(data["source"]))


def choose_design(spec: SearchSpec, setting: SearchSetting) -> Design:
    """Choose algorithm and blocks.

    Args:
        spec: of the search.
        setting: with all items in one block.

    Raises:
        SpecError: naming ``search.algorithm`` or ``search.options``.
    """
    choice = resolve(spec.algorithm, setting, spec.options, pareto=spec.objectives == "pareto")
    if spec.screening is not None and choice.algorithm != PRESELECTING:
        choice = Choice(PRESELECTING, {}, "search.screening chooses candidates for its generations")
    found = find_algorithm(choice.algorithm)
    options = dict(choice.options)
    if "estimator" in {field.name for field in fields(found.declared)}:
        options.setdefault("estimator", spec.estimator)
    size = setting.items.count
    if found.uses_blocks:
        size = min(spec.block_size or default_block_size(setting.items.tasks), size)
    return Design(choice.algorithm, options, choice.reason, size)


def search_setting(
    spec: SearchSpec, space: Space, table: SplitTable, *, spent: int, workers: int, prior: Prior | None = None
) -> SearchSetting:
    """Return what an algorithm is built from.

    Args:
        spec: of the search.
        space: to search.
        table: of the search items.
        spent: item evaluations of the budget that are not the search's: baselines and the final mean.
        workers: jobs at the same time.
        prior: where to start.
    """
    limit = spec.budget.item_limit(table.items.count)
    return SearchSetting(
        coordinates=space.genes,
        items=table.items,
        seed=spec.seed,
        item_evaluations=None if limit is None else max(limit - spent, 0),
        workers=workers,
        prior=prior,
    )


def build_search(
    design: Design, setting: SearchSetting, expert_scores: Mapping[str, float], *, screened: bool = False
) -> Search:
    """Build the search of a design on its blocks; the setting's items must be cut already.

    Where its candidates are ``screened``, it is an ``optimizer.search.preselection.Preselecting``.

    Raises:
        SpecError: the algorithm cannot search this space.
        EvomergeError: there is no expert to make a soup of.
    """
    if design.algorithm == GREEDY_SOUP and not expert_scores:
        raise EvomergeError("not one expert could be scored, so there is nothing to make a soup of")
    if screened:
        return PreselectingCma(setting, read_options(design.algorithm, MergeCmaOptions, design.options))
    return make_search(design.algorithm, setting, design.options, expert_scores=expert_scores)


def estimate(estimator: str, table: SplitTable, numbers: Sequence[int]) -> dict[int, tuple[float, float]]:
    """Return the posterior mean and standard deviation of some candidates' fitness over all search items.

    Args:
        estimator: ``effects`` or ``pirt``.
        table: scores of the search items.
        numbers: candidates with at least one score.
    """
    observations = Observations.of([[table.scores(number)] for number in numbers])
    items = replace(table.items, floors=None)
    method = {"effects": effect_estimates, "pirt": pirt_estimates}[estimator]
    found: Estimates = method(items, observations)
    pairs = zip(found.mean.tolist(), found.deviation.tolist(), strict=True)
    return dict(zip(numbers, pairs, strict=True))
