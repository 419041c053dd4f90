"""The merge methods of mergekit 0.1.5, their inputs and parameters, and what each is called here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from evomerge.errors import nearest
from merging.mergekit.parameters import Kind, Settings, Value
from merging.operators.base import OptionValue

Scope = Literal["merge", "expert", "input"]
Base = Literal["required", "optional", "ignored"]


@dataclass(frozen=True)
class ParameterSpec:
    """One parameter of a method.

    Args:
        name: in the file.
        kind: type of its values.
        scope: one value for the merge, one for every model but the base, or one for every model.
        default: where the file says nothing; None with ``required`` unset leaves ours.
        required: a merge without it is refused.
        option: it sets this option of our operator instead of the coefficient of the same name.
        values: the option's values for the file's, where they differ.
    """

    name: str
    kind: Kind
    scope: Scope = "merge"
    default: Value | None = None
    required: bool = False
    option: str | None = None
    values: Mapping[Value, OptionValue] | None = None


@dataclass(frozen=True)
class MethodSpec:
    """One merge method.

    Args:
        name: in the file.
        operator: ours.
        parameters: those that have an effect.
        base: whether a base model takes part.
        least, most: number of models besides the base (where it is ignored or ordered: of all models).
        base_first: the base is the first of the experts, not what they are measured from.
        normalizes: weights are divided by their sum here, before our operator sees them.
    """

    name: str
    operator: str
    parameters: tuple[ParameterSpec, ...]
    base: Base = "required"
    least: int = 1
    most: int | None = None
    base_first: bool = False
    normalizes: bool = False

    def known(self) -> dict[str, ParameterSpec]:
        """Return the parameters by name."""
        return {parameter.name: parameter for parameter in self.parameters}


_WEIGHT = ParameterSpec("weight", "float", "expert", required=True)
_DENSITY = ParameterSpec("density", "float", "expert", 1.0)
_GAMMA = ParameterSpec("gamma", "float", "expert", 0.01)
_EPSILON = ParameterSpec("epsilon", "float", "expert", 0.15)
_LAMBDA = ParameterSpec("lambda", "float", "merge", 1.0)


def _arithmetic(name: str, *parameters: ParameterSpec, normalize: bool, rescale: bool | None = None) -> MethodSpec:
    """Return a method of the family that adds weighted, thinned task vectors to the base."""
    elects = name in ("ties", "dare_ties", "breadcrumbs_ties", "della")
    wide = [_LAMBDA, ParameterSpec("normalize", "bool", "merge", normalize, option="normalize" if elects else None)]
    if rescale is not None:
        wide.append(
            ParameterSpec(
                "rescale", "bool", "merge", rescale, option="rescale", values={True: "l1", False: "none"}
            )
        )  # fmt: skip
    return MethodSpec(name, name, (_WEIGHT, *parameters, *wide), normalizes=not elects)


METHODS: Mapping[str, MethodSpec] = {
    method.name: method
    for method in (
        MethodSpec(
            "linear", "linear",
            (
                ParameterSpec("weight", "float", "input", required=True),
                ParameterSpec("normalize", "bool", "merge", True, option="normalize"),
            ),
            base="ignored",
        ),
        MethodSpec(
            "slerp", "slerp", (ParameterSpec("t", "float", required=True),), least=2, most=2, base_first=True
        ),
        MethodSpec(
            "nuslerp", "nuslerp",
            (
                _WEIGHT,
                ParameterSpec("nuslerp_row_wise", "bool", "merge", False),
                ParameterSpec("nuslerp_flatten", "bool", "merge", True),
            ),
            base="optional", least=2, most=2,
        ),
        MethodSpec(
            "multislerp", "multislerp",
            (
                _WEIGHT,
                ParameterSpec("normalize_weights", "bool", "merge", True, option="normalize"),
                ParameterSpec("eps", "float", "merge", 1e-8, option="eps"),
            ),
            base="optional",
        ),
        MethodSpec(
            "karcher", "karcher",
            (
                ParameterSpec("max_iter", "int", "merge", 10, option="max_iter"),
                ParameterSpec("tol", "float", "merge", 1e-5, option="tol"),
            ),
            base="ignored",
        ),
        MethodSpec("passthrough", "passthrough", (ParameterSpec("scale", "float", "input"),), base="ignored", most=1),
        MethodSpec(
            "model_stock", "model_stock",
            (
                ParameterSpec(
                    "filter_wise", "bool", "merge", False, option="angle", values={True: "row", False: "tensor"}
                ),
            ),
            least=2,
        ),
        MethodSpec("arcee_fusion", "arcee_fusion", (), most=1),
        MethodSpec("nearswap", "nearswap", (ParameterSpec("t", "float", required=True),), most=1),
        MethodSpec("sce", "sce", (ParameterSpec("select_topk", "float", "merge", 1.0),)),
        MethodSpec("ram", "ram", (ParameterSpec("epsilon", "float", "merge", 1e-5, option="epsilon"),)),
        MethodSpec(
            "ramplus_tl", "ramplus_tl",
            (
                ParameterSpec("r", "float", "merge", 0.1),
                ParameterSpec("alpha", "float", "merge", 0.2),
                ParameterSpec("epsilon", "float", "merge", 1e-5, option="epsilon"),
            ),
        ),
        _arithmetic("task_arithmetic", normalize=False),
        _arithmetic("ties", _DENSITY, normalize=True, rescale=False),
        _arithmetic("dare_ties", _DENSITY, normalize=False, rescale=True),
        _arithmetic("dare_linear", _DENSITY, normalize=False, rescale=True),
        _arithmetic("breadcrumbs", _DENSITY, _GAMMA, normalize=False, rescale=False),
        _arithmetic("breadcrumbs_ties", _DENSITY, _GAMMA, normalize=False, rescale=False),
        _arithmetic("della", _DENSITY, _EPSILON, normalize=True, rescale=True),
        _arithmetic("della_linear", _DENSITY, _EPSILON, normalize=False, rescale=True),
    )
}  # fmt: skip

PARAMETERS = frozenset(name for method in METHODS.values() for name in method.known()) | {"int8_mask", "rescale"}


def check_names(method: MethodSpec, settings: Settings, *, per_model: bool) -> list[str]:
    """Check which parameters a ``parameters`` mapping sets; return notes on those without effect.

    Args:
        method: of the merge.
        settings: of one place of the file.
        per_model: the place belongs to one model.

    Raises:
        RecipeError: a name that no method knows.
    """
    notes: list[str] = []
    known = method.known()
    for name, setting in settings.items():
        if name not in PARAMETERS:
            raise setting.node.error(f"{method.name} has no parameter of this name", nearest(name, known or PARAMETERS))
        if name == "int8_mask":
            continue
        if name not in known:
            notes.append(f"{setting.node.where} has no effect: {method.name} has no such parameter")
        elif per_model and known[name].scope == "merge":
            notes.append(f"{setting.node.where} has no effect: it belongs to the merge, not to a model")
    return notes
