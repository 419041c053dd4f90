"""Merge operators by name; other packages add theirs through the entry point group ``evomerge.operators``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from evomerge.errors import RecipeError, nearest
from merging.operators.adamerging import AdaMerging
from merging.operators.arcee_fusion import ArceeFusion
from merging.operators.arithmetic import Linear, TaskArithmetic
from merging.operators.base import Operator, Option, Parameter
from merging.operators.breadcrumbs import Breadcrumbs, BreadcrumbsTies
from merging.operators.dare import DareLinear, DareTies
from merging.operators.della import Della, DellaLinear
from merging.operators.evo_merging import EvoMerging
from merging.operators.expert_merging import ExpertMerging
from merging.operators.fisher import Fisher
from merging.operators.frank import Frank
from merging.operators.frank_wolfe import FrankWolfeMerging
from merging.operators.isotropic import IsoC, IsoCts
from merging.operators.knots import Knots
from merging.operators.layer_path import LayerPath
from merging.operators.layer_swap import LayerSwap
from merging.operators.localize import LocalizeAndStitch
from merging.operators.masks import Consensus
from merging.operators.model_stock import ModelStock
from merging.operators.nearswap import NearSwap
from merging.operators.ot_fusion import OtFusion
from merging.operators.passthrough import Passthrough
from merging.operators.ram import Ram, RamPlus
from merging.operators.rebasin import GitRebasin
from merging.operators.regmean import RegMean
from merging.operators.sce import Sce
from merging.operators.singular import RTsvM, TsvM
from merging.operators.sphere_mean import Karcher, MultiSlerp
from merging.operators.spherical import NuSlerp, Slerp
from merging.operators.ties import Ties
from merging.operators.varm import Varm
from merging.operators.widen import Widen
from merging.operators.wudi import OptMerge, Swudi, Wudi

__all__ = ["Operator", "Option", "Parameter", "get_operator", "operator_names"]

ENTRY_POINT_GROUP = "evomerge.operators"
_BUILT_IN = (
    Linear,
    TaskArithmetic,
    Slerp,
    NuSlerp,
    MultiSlerp,
    Karcher,
    Passthrough,
    NearSwap,
    ArceeFusion,
    ModelStock,
    Varm,
    Widen,
    Consensus,
    LayerSwap,
    Ties,
    DareLinear,
    DareTies,
    DellaLinear,
    Della,
    Breadcrumbs,
    BreadcrumbsTies,
    Sce,
    Ram,
    RamPlus,
    Knots,
    EvoMerging,
    LayerPath,
    GitRebasin,
    OtFusion,
    Fisher,
    RegMean,
    LocalizeAndStitch,
    AdaMerging,
    ExpertMerging,
    FrankWolfeMerging,
    Frank,
    TsvM,
    RTsvM,
    IsoC,
    IsoCts,
    Wudi,
    OptMerge,
    Swudi,
)


@cache
def _registry() -> dict[str, Operator]:
    operators: dict[str, Operator] = {kind.name: kind() for kind in _BUILT_IN}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        kind = entry.load()
        if not (isinstance(kind, type) and issubclass(kind, Operator)):
            raise RecipeError(
                f"entry point {entry.name!r}",
                f"{entry.value} is not a class derived from merging.operators.Operator",
                "point the entry point at an Operator class or remove the package",
            )
        if kind.name in operators:
            raise RecipeError(
                f"entry point {entry.name!r}",
                f"an operator named {kind.name!r} exists already",
                "give the operator another name",
            )
        operators[kind.name] = kind()
    return operators


def operator_names() -> tuple[str, ...]:
    """Return the names of all installed operators, sorted."""
    return tuple(sorted(_registry()))


def get_operator(name: str) -> Operator:
    """Return an operator by name.

    Raises:
        RecipeError: no operator has this name.
    """
    operator = _registry().get(name)
    if operator is None:
        raise RecipeError("recipe.method", f"there is no operator named {name!r}", nearest(name, operator_names()))
    return operator
