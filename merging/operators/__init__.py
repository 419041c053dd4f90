"""Merge operators by name; other packages add theirs through the entry point group ``evomerge.operators``."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from evomerge.errors import RecipeError, nearest
from merging.operators.base import Operator, Option, Parameter

__all__ = ["Operator", "Option", "Parameter", "get_operator", "operator_names"]

ENTRY_POINT_GROUP = "evomerge.operators"
# Loaded one by one when they are asked for: all of them take as long to load as a small merge takes.
_BUILT_IN = {
    "linear": "arithmetic.Linear",
    "task_arithmetic": "arithmetic.TaskArithmetic",
    "slerp": "spherical.Slerp",
    "nuslerp": "spherical.NuSlerp",
    "multislerp": "sphere_mean.MultiSlerp",
    "karcher": "sphere_mean.Karcher",
    "passthrough": "passthrough.Passthrough",
    "nearswap": "nearswap.NearSwap",
    "arcee_fusion": "arcee_fusion.ArceeFusion",
    "model_stock": "model_stock.ModelStock",
    "varm": "varm.Varm",
    "widen": "widen.Widen",
    "consensus": "masks.Consensus",
    "layer_swap": "layer_swap.LayerSwap",
    "ties": "ties.Ties",
    "dare_linear": "dare.DareLinear",
    "dare_ties": "dare.DareTies",
    "della_linear": "della.DellaLinear",
    "della": "della.Della",
    "breadcrumbs": "breadcrumbs.Breadcrumbs",
    "breadcrumbs_ties": "breadcrumbs.BreadcrumbsTies",
    "sce": "sce.Sce",
    "ram": "ram.Ram",
    "ramplus_tl": "ram.RamPlus",
    "knots": "knots.Knots",
    "evo_merging": "evo_merging.EvoMerging",
    "layer_path": "layer_path.LayerPath",
    "git_rebasin": "rebasin.GitRebasin",
    "ot_fusion": "ot_fusion.OtFusion",
    "fisher": "fisher.Fisher",
    "regmean": "regmean.RegMean",
    "localize_and_stitch": "localize.LocalizeAndStitch",
    "adamerging": "adamerging.AdaMerging",
    "expert_merging": "expert_merging.ExpertMerging",
    "fw_merging": "frank_wolfe.FrankWolfeMerging",
    "frank": "frank.Frank",
    "tsv_m": "singular.TsvM",
    "r_tsvm": "singular.RTsvM",
    "iso_c": "isotropic.IsoC",
    "iso_cts": "isotropic.IsoCts",
    "wudi": "wudi.Wudi",
    "optmerge": "wudi.OptMerge",
    "swudi": "wudi.Swudi",
}


def operator_names() -> tuple[str, ...]:
    """Return the names of all installed operators, sorted."""
    return tuple(sorted([*_BUILT_IN, *_of_others()]))


@cache
def get_operator(name: str) -> Operator:
    """Return an operator by name.

    Raises:
        RecipeError: no operator has this name.
    """
    if name in _BUILT_IN:
        module, _, kind = _BUILT_IN[name].partition(".")
        operator: Operator = getattr(import_module(f"{__name__}.{module}"), kind)()
        return operator
    if name in _of_others():
        return _of_others()[name]
    raise RecipeError("recipe.method", f"there is no operator named {name!r}", nearest(name, operator_names()))


@cache
def _of_others() -> dict[str, Operator]:
    operators: dict[str, Operator] = {}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        kind = entry.load()
        if not (isinstance(kind, type) and issubclass(kind, Operator)):
            raise RecipeError(
                f"entry point {entry.name!r}",
                f"{entry.value} is not a class derived from merging.operators.Operator",
                "point the entry point at an Operator class or remove the package",
            )
        if kind.name in _BUILT_IN or kind.name in operators:
            raise RecipeError(
                f"entry point {entry.name!r}",
                f"an operator named {kind.name!r} exists already",
                "give the operator another name",
            )
        operators[kind.name] = kind()
    return operators
