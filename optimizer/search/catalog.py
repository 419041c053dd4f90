"""Every search algorithm: its name, options and source, and how it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from evomerge.errors import SpecError, nearest
from optimizer.search.auto import Choice, choose
from optimizer.search.declared import (
    CmaOptions,
    ComoOptions,
    GpOptions,
    NevergradOptions,
    Nsga2Options,
    PycmaOptions,
    TpeOptions,
)
from optimizer.search.interface import Search, SearchSetting
from optimizer.search.merge_cma import MergeCmaOptions
from optimizer.search.options import NoOptions, Option, list_options, read_options
from optimizer.search.restarts import merge_cma

AUTO, GREEDY_SOUP = "auto", "greedy_soup"
# Whose candidates can be chosen by somebody else, see ``optimizer.search.preselection``.
PRESELECTING = "merge-cma"


@dataclass(frozen=True)
class Algorithm:
    """One algorithm of the catalog.

    Args:
        name: as ``search.algorithm`` gives it.
        summary: what it does, one line.
        source: paper or tool that it comes from.
        declared: dataclass of its options.
        build: makes the search from a setting and its options.
        uses_blocks: scores a candidate on one block of items at a time; all others on block 0, which must then hold
            all items.
        pareto: takes the tasks as separate objectives and keeps the archive of trade-offs.
        linear: means the coefficients themselves, so that the space must be coded linearly.
        check: refuses what cannot run on this machine.
    """

    name: str
    summary: str
    source: str
    declared: type
    build: Callable[[SearchSetting, Any], Search]
    uses_blocks: bool = False
    pareto: bool = False
    linear: bool = False
    check: Callable[[], None] = lambda: None

    @property
    def options(self) -> tuple[Option, ...]:
        """Its options with types, defaults and meaning."""
        return list_options(self.declared)


def _later(module: str, name: str) -> Callable[[SearchSetting, Any], Search]:
    """Return what builds a search of a module that is loaded only then: together, their libraries take seconds."""

    def build(setting: SearchSetting, options: Any) -> Search:
        made = getattr(import_module(f"optimizer.search.{module}"), name)
        search: Search = made(setting) if isinstance(options, NoOptions) else made(setting, options)
        return search

    return build


def _check_nevergrad(name: str) -> None:
    from optimizer.search.nevergrad import check_optimizer

    check_optimizer(name)


def _needs_expert_scores(setting: SearchSetting, options: NoOptions) -> Search:
    raise ValueError("greedy_soup is built from the experts' scores: give expert_scores to make_search")


def _needs_setting(setting: SearchSetting, options: NoOptions) -> Search:
    raise ValueError("auto is resolved before it is built")


_ALGORITHMS = (
    Algorithm(
        AUTO,
        "the algorithm for the dimension, budget, objectives and workers at hand, with the reason",
        "docs/search.md",
        NoOptions,
        _needs_setting,
        uses_blocks=True,
    ),
    Algorithm(
        PRESELECTING,
        "CMA-ES on rotating blocks of items, weighted by expected ranks, with a prior and without barriers",
        "evomerge; Hansen, arXiv 1604.00772",
        MergeCmaOptions,
        merge_cma,
        uses_blocks=True,
    ),
    Algorithm(
        "pycma",
        "CMA-ES without barriers, restarts or elitism",
        "pycma; arXiv 1604.00772",
        PycmaOptions,
        _later("pycma", "Pycma"),
    ),
    Algorithm(
        "optuna-tpe",
        "tree-structured Parzen estimator",
        "Optuna; arXiv 2304.11127",
        TpeOptions,
        _later("optuna", "tpe"),
    ),
    Algorithm("optuna-gp", "Gaussian process with expected improvement", "Optuna", GpOptions, _later("optuna", "gp")),
    Algorithm(
        "optuna-cma", "CMA-ES inside the ranges", "Optuna; arXiv 1604.00772", CmaOptions, _later("optuna", "cma")
    ),
    Algorithm("optuna-random", "uniform random points", "Optuna", NoOptions, _later("optuna", "random")),
    Algorithm(
        "optuna-nsga2",
        "genetic search of the trade-offs between tasks",
        "Optuna; Deb et al. 2002",
        Nsga2Options,
        _later("optuna", "OptunaNsga2"),
        pareto=True,
    ),
    Algorithm(
        "como-cma",
        "one CMA-ES for each of several trade-offs between tasks",
        "comocma; arXiv 1904.08823",
        ComoOptions,
        _later("como", "ComoCma"),
        pareto=True,
    ),
    Algorithm(
        "mergekit-evolve",
        "baseline: mergekit's own search, barrier, early stop and best sample included",
        "arcee-ai/mergekit a6e4028",
        NoOptions,
        _later("presets", "MergekitEvolve"),
        linear=True,
    ),
    Algorithm(
        "sakana",
        "baseline: the parameter-space search of Evolutionary Model Merging",
        "arXiv 2403.13187",
        NoOptions,
        _later("presets", "Sakana"),
        linear=True,
    ),
    Algorithm(
        "lorahub",
        "baseline: NGOpt within [-1.5, 1.5] with an L1 penalty, one result at a time",
        "arXiv 2307.13269",
        NoOptions,
        _later("presets", "LoraHub"),
        linear=True,
        check=lambda: _check_nevergrad("NGOpt"),
    ),
    Algorithm(
        "evo-merging",
        "baseline: densities first, weights second, each by CMA-ES with an L1 penalty",
        "arXiv 2509.12951",
        NoOptions,
        _later("two_stage", "EvoMerging"),
        linear=True,
    ),
    Algorithm(
        GREEDY_SOUP,
        "experts join the average best first, as long as it does not get worse",
        "arXiv 2203.05482",
        NoOptions,
        _needs_expert_scores,
        linear=True,
    ),
)
_BY_NAME = {one.name: one for one in _ALGORITHMS}


def algorithms() -> tuple[Algorithm, ...]:
    """Return the catalog; nevergrad's registry adds hundreds of names, see :func:`find_algorithm`."""
    return _ALGORITHMS


def find_algorithm(name: str) -> Algorithm:
    """Return an algorithm of the catalog, or an optimizer of nevergrad's registry by its name.

    Raises:
        SpecError: naming ``search.algorithm`` and the nearest known name.
    """
    if name in _BY_NAME:
        return _BY_NAME[name]
    from optimizer.search import nevergrad

    if nevergrad.is_registered(name):
        return Algorithm(
            name,
            "optimizer of nevergrad's registry",
            "nevergrad",
            NevergradOptions,
            lambda setting, options: nevergrad.Nevergrad(setting, options, name),
            check=lambda: nevergrad.check_optimizer(name),
        )
    raise SpecError(
        "search.algorithm",
        f"'{name}' is neither an algorithm of the catalog nor a name of nevergrad's registry",
        nearest(name, [*_BY_NAME, *nevergrad.WELL_KNOWN]),
    )


def check_algorithm(name: str, options: Mapping[str, Any]) -> Algorithm:
    """Refuse an unknown algorithm, an option that it does not have or take, and one that cannot run here.

    Raises:
        SpecError: naming ``search.algorithm`` or ``search.options.X``.
    """
    found = find_algorithm(name)
    read_options(name, found.declared, options)
    found.check()
    return found


def resolve(name: str, setting: SearchSetting, options: Mapping[str, Any], *, pareto: bool = False) -> Choice:
    """Return the algorithm that ``auto`` stands for and why; any other name is its own choice.

    Args:
        name: of the catalog or of nevergrad's registry.
        setting: as for the algorithm.
        options: of the algorithm.
        pareto: whether ``auto`` stands for a search for trade-offs between the tasks.

    Raises:
        SpecError: as :func:`check_algorithm`.
    """
    check_algorithm(name, options)
    if name == AUTO:
        return choose(setting, pareto=pareto)
    return Choice(name, dict(options), "the spec names it")


def make_search(
    name: str,
    setting: SearchSetting,
    options: Mapping[str, Any] | None = None,
    *,
    expert_scores: Mapping[str, float] | None = None,
) -> Search:
    """Build a search.

    Args:
        name: of the catalog or of nevergrad's registry; ``auto`` is resolved.
        setting: space, items, budget, workers, prior and seed. Block 0 holds all items unless the algorithm uses
            blocks.
        options: of the algorithm.
        expert_scores: fitness of each expert by itself, for ``greedy_soup``.

    Raises:
        SpecError: as :func:`check_algorithm`.
        ValueError: no expert scores for ``greedy_soup``, or blocks for an algorithm that does not use them.
    """
    choice = resolve(name, setting, options or {})
    found = find_algorithm(choice.algorithm)
    if not found.uses_blocks and len(setting.items.blocks) != 1:
        raise ValueError(f"{found.name} scores candidates on all items, so there must be one block")
    if found.name == GREEDY_SOUP and expert_scores is not None:
        from optimizer.search.greedy_soup import GreedySoup

        return GreedySoup(setting, expert_scores)
    return found.build(setting, read_options(found.name, found.declared, choice.options))
