"""The same merge as a configuration for mergekit (arcee-ai/mergekit), where its mathematics is the same.

Each setting is checked against the recipe for every tensor of the model before it is returned.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from merging.coefficients import options_of, values_of
from merging.granularity import Granularity
from merging.layout import layout_of
from merging.mergekit.gradients import Setting, setting_of, written
from merging.mergekit.sparse import SPARSE, SparseMerge
from merging.models import ModelSet
from merging.operators.base import Values
from merging.recipe import Recipe
from merging.validation import validate_recipe

# From which difference on nearswap's formula holds there, and how many elements its quartiles are taken from.
_NEARSWAP_FLOOR = 1e-6
_QUARTILE_SAMPLE = 1_000_000
_DTYPES = {torch.bfloat16: "bfloat16", torch.float16: "float16", torch.float32: "float32"}


class NotExpressible(Exception):
    """mergekit cannot make exactly this merge; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        """Take the reason, a full sentence."""
        super().__init__(reason)
        self.reason = reason


def mergekit_config(recipe: Recipe, models: ModelSet) -> str:
    """Return a mergekit YAML configuration of a recipe.

    Adapters appear as ``base+adapter``. mergekit rounds those to the stored dtype first unless it is told
    not to, so the text begins with the command to use.

    Raises:
        NotExpressible: mergekit has no method, option or tie rule with the same result.
        RecipeError: the recipe is not valid.
    """
    validate_recipe(recipe, models.num_blocks)
    if models.vocabulary is not None and models.vocabulary.remaps:
        raise NotExpressible("mergekit gives tokens that a model lacks other ids and other rows.")
    if Granularity.parse(recipe.granularity).chunks is not None:
        raise NotExpressible("mergekit cannot give parts of a tensor coefficients of their own.")
    packs = [name for name in recipe.models if models.is_pack(name)]
    if packs:
        raise NotExpressible(f"mergekit cannot read {packs[0]}, which is a delta pack.")
    return _Export(recipe, models).text()


class _Export:
    """Builds one configuration."""

    def __init__(self, recipe: Recipe, models: ModelSet) -> None:
        self.recipe = recipe
        self.models = models
        self.options = options_of(recipe)
        self.command = "mergekit-yaml mergekit_config.yml OUTPUT --lora-merge-dtype float32"
        self.values = {name: self._values(name) for name in models.tensor_names() if models.is_merged(name)}
        refs = {ref.name: ref for ref in models.experts}
        base = models.base.path
        self.paths = {
            name: f"{base}+{refs[name].path}" if models.is_adapter(name) else refs[name].path for name in recipe.models
        }

    def text(self) -> str:
        """Return the YAML text."""
        builders: dict[str, Callable[[], dict[str, Any]]] = {
            "linear": self._linear,
            "task_arithmetic": self._task_arithmetic,
            "slerp": self._slerp,
            "nuslerp": self._nuslerp,
            "multislerp": self._multislerp,
            "karcher": self._karcher,
            "passthrough": self._passthrough,
            "nearswap": self._nearswap,
            "arcee_fusion": self._arcee_fusion,
            "model_stock": self._model_stock,
            "sce": self._sce,
            "ram": self._ram,
            "ramplus_tl": self._ram,
            **dict.fromkeys(SPARSE, self._sparse),
        }
        if self.recipe.method not in builders:
            raise NotExpressible(f"mergekit has no method that equals {self.recipe.method}.")
        if self.models.dtype not in _DTYPES:
            raise NotExpressible(f"mergekit cannot write {self.models.dtype}.")
        if any(v.merge["lines_alpha"] != 1.0 or v.merge["lines_beta"] != 0.0 for v in self.values.values()):
            raise NotExpressible("mergekit cannot scale what a merge adds by depth (lines_alpha, lines_beta).")
        config = builders[self.recipe.method]()
        # fp32 arithmetic and one rounding at the end, as here.
        config |= {"dtype": "float32", "out_dtype": _DTYPES[self.models.dtype]}
        return f"# {self.command}\n{written(config)}"

    def _linear(self) -> dict[str, Any]:
        return {
            "merge_method": "linear",
            "models": self._experts(["weight"]),
            "parameters": {"normalize": self.options["normalize"]},
        }

    def _task_arithmetic(self) -> dict[str, Any]:
        wide = {"lambda": self._merge_wide("lambda")} | ({"normalize": True} if self.options["normalize"] else {})
        return self._on_base("task_arithmetic", ["weight"], wide)

    def _slerp(self) -> dict[str, Any]:
        first, second = self.recipe.models
        return {
            "merge_method": "slerp",
            "base_model": self.paths[first],
            "models": [{"model": self.paths[first]}, {"model": self.paths[second]}],
            "parameters": {"t": self._setting(lambda name: self.values[name].merge["t"])},
        }

    def _nuslerp(self) -> dict[str, Any]:
        first, second = self.recipe.models
        shares = {
            first: self._setting(lambda name: 1.0 - self.values[name].merge["t"]),
            second: self._setting(lambda name: self.values[name].merge["t"]),
        }
        config: dict[str, Any] = {"merge_method": "nuslerp"}
        if self.options["vectors"] == "task_vectors":
            config["base_model"] = self.models.base.path
        config["models"] = [
            {"model": self.paths[name], "parameters": {"weight": shares[name]}} for name in self.recipe.models
        ]
        angle = self._angle()
        config["parameters"] = {"nuslerp_flatten": angle == "tensor", "nuslerp_row_wise": angle == "column"}
        return config

    def _multislerp(self) -> dict[str, Any]:
        config: dict[str, Any] = {"merge_method": "multislerp"}
        if self.options["vectors"] == "task_vectors":
            if len(self.recipe.models) > 2 and any(map(self._is_unchanged, self.values)):
                raise NotExpressible("mergekit finds no mean direction of a tensor that no expert changes.")
            config["base_model"] = self.models.base.path
        config["models"] = self._experts(["weight"])
        config["parameters"] = {"normalize_weights": self.options["normalize"], "eps": self.options["eps"]}
        return config

    def _karcher(self) -> dict[str, Any]:
        if self.options["vectors"] != "weights":
            raise NotExpressible("mergekit takes the Karcher mean of full weights; this recipe of task vectors.")
        if any(len(set(v.model["weight"])) > 1 for v in self.values.values()):
            raise NotExpressible("mergekit weights all experts of a Karcher mean equally.")
        wide = {name: self.options[name] for name in ("max_iter", "tol")}
        return {"merge_method": "karcher", "models": self._experts([]), "parameters": wide}

    def _passthrough(self) -> dict[str, Any]:
        return {"merge_method": "passthrough", "models": self._experts(["scale"])}

    def _nearswap(self) -> dict[str, Any]:
        if any(0.0 < v.merge["t"] < _NEARSWAP_FLOOR for v in self.values.values()):
            raise NotExpressible(f"mergekit raises differences below {_NEARSWAP_FLOOR:g} to that; t is smaller.")
        wide = {"t": self._setting(lambda name: self.values[name].merge["t"])}
        return self._on_base("nearswap", [], wide)

    def _arcee_fusion(self) -> dict[str, Any]:
        if self.options["divergence"] != "single" or any(v.merge["spread"] != 1.5 for v in self.values.values()):
            raise NotExpressible("mergekit computes divergences in fp32 (option divergence) and has a spread of 1.5.")
        if any(math.prod(self.models.tensor_info(name).shape) > _QUARTILE_SAMPLE for name in self.values):
            raise NotExpressible("mergekit estimates the quartiles of tensors above a million elements at random.")
        return self._on_base("arcee_fusion", [], {})

    def _model_stock(self) -> dict[str, Any]:
        if self.options["ratio"] != "literal":
            raise NotExpressible("mergekit does not keep the ratio in [0, 1]; this recipe does (option ratio).")
        if self._merge_wide("lambda") != 1.0:
            raise NotExpressible("mergekit cannot scale what Model Stock adds (lambda).")
        return self._on_base("model_stock", [], {"filter_wise": self._angle() == "row"})

    def _angle(self) -> str:
        """Return what angles are measured over; rows and columns must be those of the stored tensors."""
        angle = str(self.options["angle"])
        if angle != "tensor" and not all(map(self._is_one_matrix, self.values)):
            raise NotExpressible("mergekit takes the rows and columns of fused tensors as they are stored.")
        return angle

    def _is_one_matrix(self, name: str) -> bool:
        shape = tuple(self.models.tensor_info(name).shape)
        stored = torch.empty(shape, device="meta")
        return len(shape) < 3 and layout_of(name, shape, self.models.config).split(stored)[0] is stored

    def _is_unchanged(self, name: str) -> bool:
        return all(self.models.delta(name, model) is None for model in self.recipe.models)

    def _sce(self) -> dict[str, Any]:
        if self.options["variant"] != "mergekit":
            raise NotExpressible("mergekit weighs small task vectors in another way (option variant).")
        if self.options["equal_variances"] != "torch_topk":
            raise NotExpressible("mergekit selects an arbitrary part of equal variances (option equal_variances).")
        self._refuse_lambda()
        return self._on_base("sce", [], {"select_topk": self._wide_setting("select_topk")})

    def _ram(self) -> dict[str, Any]:
        if self.options.get("overlap_scope", "tensor") != "tensor":
            raise NotExpressible("mergekit measures sharing per tensor; this recipe over the whole model.")
        self._refuse_lambda()
        names = [name for name in ("r", "alpha") if name in self.values[next(iter(self.values))].merge]
        wide: dict[str, Any] = {name: self._wide_setting(name) for name in names}
        return self._on_base(self.recipe.method, [], wide | {"epsilon": self.options["epsilon"]})

    def _sparse(self) -> dict[str, Any]:
        merge = SparseMerge(self.recipe, self.models, self.options, self.values)
        if reason := merge.obstacle():
            raise NotExpressible(reason)
        if merge.draws():
            self.command += f" --random-seed {self.recipe.seed}"
        return self._on_base(self.recipe.method, merge.per_model, merge.wide | {"lambda": self._merge_wide("lambda")})

    def _refuse_lambda(self) -> None:
        if self._merge_wide("lambda") != 1.0:
            raise NotExpressible(f"mergekit cannot scale what {self.recipe.method} adds (lambda).")

    def _on_base(self, method: str, parameters: list[str], wide: dict[str, Any]) -> dict[str, Any]:
        config = {
            "merge_method": method,
            "base_model": self.models.base.path,
            "models": self._experts(parameters),
        }
        return config | ({"parameters": wide} if wide else {})

    def _experts(self, parameters: list[str]) -> list[dict[str, Any]]:
        return [
            {"model": self.paths[model]}
            | (
                {"parameters": {parameter: self._per_model(parameter, index) for parameter in parameters}}
                if parameters
                else {}
            )
            for index, model in enumerate(self.recipe.models)
        ]

    def _per_model(self, parameter: str, index: int) -> Setting:
        return self._setting(lambda name: self.values[name].model[parameter][index])

    def _wide_setting(self, parameter: str) -> Setting:
        return self._setting(lambda name: self.values[name].merge[parameter])

    def _merge_wide(self, parameter: str) -> float:
        return next(iter(self.values.values())).merge[parameter]

    def _values(self, name: str) -> Values:
        slots = Granularity.parse(self.recipe.granularity).slots_of(name, self.models.num_blocks)
        values = values_of(self.recipe, self.recipe.models, slots)
        exempt = self.options.get("exempt_1d") and len(self.models.tensor_info(name).shape) < 2
        if exempt:
            return replace(values, model={**values.model, "density": (1.0,) * len(self.recipe.models)})
        return values

    def _setting(self, value_of: Callable[[str], float]) -> Setting:
        """Return the simplest setting that gives every tensor its value."""
        setting = setting_of({name: value_of(name) for name in self.values}, self.models.num_blocks)
        if setting is None:
            raise NotExpressible("the names of this architecture's tensors do not fit mergekit's name filters.")
        return setting
