"""The same merge as a configuration for mergekit (arcee-ai/mergekit), where its mathematics is the same.

mergekit evaluates a parameter per tensor from a list of (name filter, scalar or depth gradient). A gradient
with one value per block gives each block its own value; it applies its first value to every tensor outside
the blocks, which is why those get filters of their own. The result is checked against the recipe for every
tensor of the model before it is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
import yaml

from merging.coefficients import options_of, values_of
from merging.granularity import Granularity
from merging.models import ModelSet
from merging.names import block_index
from merging.operators.base import Values
from merging.recipe import Recipe
from merging.validation import validate_recipe

Setting = float | list[float] | list[dict[str, Any]]
# Name filters to try, from none to the finest; mergekit takes the first that occurs in a tensor's name.
_FILTERS = ((), ("self_attn", "mlp"), ("norm", "bias"), ("norm", "bias", "self_attn", "mlp"))
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
    return _Export(recipe, models).text()


class _Export:
    """Builds one configuration."""

    def __init__(self, recipe: Recipe, models: ModelSet) -> None:
        self.recipe = recipe
        self.models = models
        self.options = options_of(recipe)
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
            "ties": self._ties,
            "dare_linear": self._dare,
            "dare_ties": self._dare,
        }
        if self.recipe.method not in builders:
            raise NotExpressible(f"mergekit has no method that equals {self.recipe.method}.")
        if self.models.dtype not in _DTYPES:
            raise NotExpressible(f"mergekit cannot write {self.models.dtype}.")
        config = builders[self.recipe.method]()
        # fp32 arithmetic and one rounding at the end, as here.
        config |= {"dtype": "float32", "out_dtype": _DTYPES[self.models.dtype]}
        body: str = yaml.dump(config, Dumper=_Dumper, sort_keys=False, default_flow_style=False)
        return f"# mergekit-yaml mergekit_config.yml OUTPUT --lora-merge-dtype float32\n{body}"

    def _linear(self) -> dict[str, Any]:
        return {
            "merge_method": "linear",
            "models": self._experts(["weight"]),
            "parameters": {"normalize": self.options["normalize"]},
        }

    def _task_arithmetic(self) -> dict[str, Any]:
        return self._on_base("task_arithmetic", ["weight"], {"lambda": self._merge_wide("lambda")})

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
        angle = self.options["angle"]
        config["parameters"] = {"nuslerp_flatten": angle == "tensor", "nuslerp_row_wise": angle == "column"}
        return config

    def _ties(self) -> dict[str, Any]:
        self._check_election()
        if self._trims():
            if self.options["threshold_scope"] != "tensor":
                raise NotExpressible("mergekit trims each tensor by itself; this recipe uses one global threshold.")
            whole = [name for name in self.recipe.models if not self.models.is_adapter(name)]
            if whole:
                raise NotExpressible(
                    f"{whole[0]} is a full checkpoint: differences of 16-bit numbers have many equal "
                    "magnitudes, of which mergekit keeps an arbitrary part where this trim keeps all."
                )
        return self._gta("ties")

    def _dare(self) -> dict[str, Any]:
        if self._trims():
            raise NotExpressible("mergekit drops other elements: its random draws are not keyed by tensor name.")
        if self.recipe.method == "dare_ties":
            self._check_election()
        return self._gta(self.recipe.method)

    def _gta(self, method: str) -> dict[str, Any]:
        wide = {
            "normalize": self.options["normalize"],
            "lambda": self._merge_wide("lambda"),
            "rescale": False,
        }
        return self._on_base(method, ["weight", "density"], wide)

    def _check_election(self) -> None:
        weights = [v.model["weight"] for v in self.values.values()]
        raw, normalize = self.options["elect_on"] == "raw", self.options["normalize"]
        # Where all weights that are not zero are equal, the weighted and the plain sum have one sign.
        if raw and any(len({weight for weight in row if weight}) > 1 for row in weights):
            raise NotExpressible("mergekit elects signs on weighted task vectors; this recipe on plain ones.")
        if (raw or normalize) and any(weight < 0.0 for row in weights for weight in row):
            raise NotExpressible("mergekit treats negative weights in another way.")
        full = sum(not self.models.is_adapter(name) for name in self.recipe.models)
        if self.options["on_draw"] == "base" and full > 1:
            raise NotExpressible(
                "mergekit elects plus where task vectors cancel exactly; this recipe keeps the base there "
                "(option on_draw)."
            )

    def _trims(self) -> bool:
        return any(density < 1.0 for v in self.values.values() for density in v.model["density"])

    def _on_base(self, method: str, parameters: list[str], wide: dict[str, Any]) -> dict[str, Any]:
        return {
            "merge_method": method,
            "base_model": self.models.base.path,
            "models": self._experts(parameters),
            "parameters": wide,
        }

    def _experts(self, parameters: list[str]) -> list[dict[str, Any]]:
        return [
            {
                "model": self.paths[model],
                "parameters": {parameter: self._per_model(parameter, index) for parameter in parameters},
            }
            for index, model in enumerate(self.recipe.models)
        ]

    def _per_model(self, parameter: str, index: int) -> Setting:
        return self._setting(lambda name: self.values[name].model[parameter][index])

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
        wanted = {name: value_of(name) for name in self.values}
        for filters in _FILTERS:
            setting = _setting_with(filters, wanted, self.models.num_blocks)
            if setting is not None and _gives(setting, wanted, self.models.num_blocks):
                return setting
        raise NotExpressible("the names of this architecture's tensors do not fit mergekit's name filters.")


def _setting_with(filters: tuple[str, ...], wanted: Mapping[str, float], num_blocks: int) -> Setting | None:
    """Give one gradient to each class of block tensors; None where that is not possible."""
    gradients: dict[str, dict[int, float]] = {}
    outside: list[dict[str, Any]] = []
    for name, value in wanted.items():
        block = block_index(name)
        if block is None:
            outside.append({"filter": name, "value": value})
            continue
        gradient = gradients.setdefault(next((key for key in filters if key in name), ""), {})
        if gradient.setdefault(block, value) != value:
            return None
    if any(len(gradient) != num_blocks for gradient in gradients.values()):
        return None
    classes = [
        ({"filter": key} if key else {}) | {"value": _shortest([gradients[key][i] for i in range(num_blocks)])}
        for key in (*filters, "")
        if key in gradients
    ]
    only = classes[0]["value"]
    if len(classes) == 1 and isinstance(only, float) and all(entry["value"] == only for entry in outside):
        return only
    return [*outside, *classes]


def _shortest(gradient: list[float]) -> float | list[float]:
    return gradient[0] if len(set(gradient)) == 1 else gradient


def _gives(setting: Setting, wanted: Mapping[str, float], num_blocks: int) -> bool:
    return all(_evaluated(setting, name, num_blocks) == value for name, value in wanted.items())


def _evaluated(setting: Setting, name: str, num_blocks: int) -> float | None:
    """Return what mergekit makes of a setting for a tensor."""
    if isinstance(setting, float):
        return setting
    if isinstance(setting[0], dict):
        for entry in setting:
            if isinstance(entry, dict) and entry.get("filter", "") in name:
                return _evaluated(entry["value"], name, num_blocks)
        return None
    block = block_index(name)
    value = setting[0 if block is None else block]
    return value if isinstance(value, float) and len(setting) == num_blocks else None


class _Dumper(yaml.SafeDumper):
    """Writes lists of numbers on one line and repeats equal lists instead of using anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Repeat, never refer."""
        return True


def _numbers_in_line(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    flow = all(isinstance(entry, int | float) for entry in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)


_Dumper.add_representer(list, _numbers_in_line)
