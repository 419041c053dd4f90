"""The numbers of a linear merge against the merge itself, of the demo's adapters on the real base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from evomerge.errors import RecipeError
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.multiples import check_linear, multiples
from merging.recipe import Recipe

EXPERTS = Path(__file__).parents[2] / "examples" / "experts"
NAMES = [
    "model.layers.0.self_attn.q_proj.weight",
    "model.layers.11.mlp.down_proj.weight",
    "model.layers.29.self_attn.o_proj.weight",
]


@pytest.fixture(scope="module")
def models(smollm2: Path) -> ModelSet:
    refs = [ModelRef(name, str(EXPERTS / name)) for name in ("arithmetic", "json")]
    return ModelSet.open(ModelRef("base", str(smollm2)), refs)


def weights(*values: tuple[float, ...]) -> dict[str, Any]:
    return {"weight": dict(zip(("json", "arithmetic"), values, strict=True))}


RECIPES = {
    "global": Recipe("task_arithmetic", ("json", "arithmetic"), "global", weights((0.7,), (-0.3,))),
    "lambda and normalize": Recipe(
        "task_arithmetic", ("json", "arithmetic"), "global",
        weights((0.7,), (0.2,)) | {"lambda": (1.5,)}, {"normalize": True},
    ),
    "group and module": Recipe(
        "task_arithmetic", ("json", "arithmetic"), "group:10+module+other",
        weights(tuple(0.1 * n for n in range(9)), tuple(1.0 - 0.2 * n for n in range(9))),
    ),
    "depth profile": Recipe(
        "task_arithmetic", ("json", "arithmetic"), "layer+module",
        weights(tuple(0.01 * n for n in range(60)), (0.4,)) | {"lines_alpha": (0.4,), "lines_beta": (0.9,)},
    ),
    "an expert is left out": Recipe("task_arithmetic", ("json",), "global", {"weight": {"json": (0.8,)}}),
    "soup": Recipe("linear", ("json", "arithmetic"), "global", weights((0.7,), (0.2,))),
    "layer swap": Recipe("layer_swap", ("json", "arithmetic"), "global", {"bottom": (4.0,), "top": (3.0,)}),
}  # fmt: skip


@pytest.mark.parametrize("title", RECIPES)
def test_base_plus_multiples_of_task_vectors_is_the_merge(models: ModelSet, title: str) -> None:
    recipe = RECIPES[title]
    found = multiples(recipe, NAMES, models.num_blocks)
    assert {*found} == {*NAMES} and len({str(one) for one in found.values()}) > (title not in CONSTANT)
    merged = dict(Materializer(models, resident=False).tensors(recipe, dtype=torch.float32))
    for name in NAMES:
        expected = models.base_tensor(name).float()
        for expert, weight in found[name].items():
            delta = models.delta(name, expert)
            assert delta is not None
            expected = expected + weight * delta
        torch.testing.assert_close(merged[name], expected, rtol=0, atol=1e-6)
        assert not torch.allclose(merged[name], models.base_tensor(name).float(), rtol=0, atol=1e-5)


CONSTANT = ("global", "lambda and normalize", "an expert is left out", "soup")


@pytest.mark.parametrize(
    ("method", "options", "granularity", "why"),
    [
        ("ties", {}, "global", "does not add multiples"),
        ("layer_path", {}, "global", "does not add multiples"),
        ("adamerging", {}, "global", "from the tensors themselves or from data"),
        ("frank", {}, "global", "looks at the size of the task vectors"),
        ("linear", {"normalize": False}, "global", r"multiplies the base itself by 0\.7"),
        ("passthrough", {}, "global", "multiplies the base itself"),
        ("task_arithmetic", {}, "chunks:8", "cuts through tensors"),
    ],
)
def test_what_is_more_than_multiples_is_refused(method: str, options: Any, granularity: str, why: str) -> None:
    with pytest.raises(RecipeError, match=why):
        check_linear(method, options, granularity)


@pytest.mark.parametrize("method", ["task_arithmetic", "linear", "layer_swap"])
def test_methods_that_add_multiples_are_accepted(method: str) -> None:
    check_linear(method, {}, "layer+module" if method == "task_arithmetic" else "global")
