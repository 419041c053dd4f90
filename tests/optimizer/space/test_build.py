"""What a spec's merge section makes searchable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evomerge.errors import SpecError
from experiments.spec import parse_spec
from experiments.spec_merge import MergeSpec
from merging.recipe import Recipe
from merging.validation import validate_recipe
from optimizer.space import Genome, build_genome

MODELS = ("a", "b", "c")
BLOCKS = 6

SPACES: dict[str, dict[str, Any]] = {
    "plain": {"method": "task_arithmetic", "granularity": "group:3+module+other"},
    "shares": {"method": "linear", "granularity": "layer"},
    "densities": {"method": "dare_ties", "granularity": "group:2"},
    "hierarchy": {"method": "ties", "granularity": "layer+module", "hierarchy": ["global", "group:3"]},
    "spline": {"method": "task_arithmetic", "granularity": "spline:3+module"},
    "share hierarchy": {"method": "linear", "granularity": "group:3", "hierarchy": ["global"]},
    "chunks": {"method": "fisher", "granularity": "chunks:4", "options": {"calibration": "x"}},
    "shared": {"method": "ties", "parameters": {"weight": {"shared": True, "range": [0, 1]}}},
    "one expert": {"method": "ties", "parameters": {"weight": {"models": {"a": 1, "b": {"range": [0, 2]}}}}},
    "choice": {"methods": ["task_arithmetic", "ties", "breadcrumbs"], "granularity": "layer"},
    "path": {"method": "layer_path", "options": {"repeats": 2}},
}


def genome(linear: bool = False, **merge: Any) -> Genome:
    data = {
        "name": "x", "base_model": "x", "models": dict.fromkeys(MODELS, "x"), "merge": merge,
        "tasks": [{"task": "t", "metric": "acc"}], "search": {"budget": {"evaluations": 20}},
    }  # fmt: skip
    return build_genome(parse_spec(data).merge, MODELS, BLOCKS, sigma=0.1, seed=7, linear=linear)


def point(space: Genome, seed: int, scale: float = 1.0) -> Any:
    return scale * np.random.default_rng(seed).standard_normal(space.dimension)


@pytest.mark.parametrize("name", sorted(SPACES))
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.5, 3.0, 30.0]))
def test_every_point_is_a_valid_recipe_that_encodes_to_an_equal_point(name: str, seed: int, scale: float) -> None:
    space = genome(**SPACES[name])
    recipe = space.decode(point(space, seed, scale))
    validate_recipe(recipe, BLOCKS)
    back = space.encode(recipe)
    assert back is not None
    if space.chosen(back) != recipe.method:
        pytest.fail("another method")
    again = space.decode(back)
    first, second = space.values(recipe), space.values(again)
    # A spline that is reflected at the end of its range is no spline.
    if name != "spline" or scale < 1:
        assert second == pytest.approx(first, rel=2e-3, abs=2e-5)


@pytest.mark.parametrize("name", ["plain", "shares", "densities", "spline", "choice"])
def test_small_points_come_back_from_their_recipes(name: str) -> None:
    space = genome(**SPACES[name])
    # Ranges that start at an end reflect there, so the start is moved inside.
    middle = space.centered_on(space.decode(point(space, 3, 2.0)))
    wanted = point(middle, 5, 0.05)
    wanted[[not flag for flag in middle.active(wanted)]] = 0.0
    chosen = len(middle.methods) if len(middle.methods) > 1 else 0
    wanted[:chosen] = 0.0
    assert middle.encode(middle.decode(wanted)) == pytest.approx(wanted, abs=2e-3)


@pytest.mark.parametrize("name", sorted(SPACES))
def test_labels_are_unique_and_search_coordinates_match(name: str) -> None:
    space = genome(**SPACES[name])
    assert len(set(space.labels)) == space.dimension == len(space.genes)
    for gene in space.genes:
        assert gene.low <= gene.init <= gene.high and gene.step > 0, gene


@pytest.mark.parametrize("name", [name for name in SPACES if name not in ("choice", "path")])
def test_jacobian_is_the_derivative_of_the_coefficients(name: str) -> None:
    space = genome(**SPACES[name])
    space = space.centered_on(space.decode(point(space, 3, 2.0)))
    origin, step = np.zeros(space.dimension), 1e-2
    jacobian = space.jacobian(origin)
    for index in range(space.dimension):
        shift = np.zeros(space.dimension)
        shift[index] = step
        ahead, behind = (space.decode(origin + sign * shift).coefficients for sign in (1, -1))
        for (parameter, owner), rows in jacobian.items():
            values = [
                np.array(one[parameter] if owner is None else one[parameter][owner])  # type: ignore[call-overload]
                for one in (ahead, behind)
            ]
            slope = (values[0] - values[1]) / (2 * step)
            assert rows[:, index] == pytest.approx(slope, rel=0.02, abs=2e-4), (parameter, owner, space.labels[index])


def test_a_coefficient_is_the_sum_of_its_levels() -> None:
    space = genome(
        method="task_arithmetic", granularity="group:3+module", hierarchy=["global", "group:3"],
        parameters={"weight": {"range": [-1, 1], "init": 0.1}, "lambda": 1.0},
    )  # fmt: skip
    assert space.dimension == 3 * (1 + 2 + 4)
    assert space.labels[:5] == (
        "weight a all blocks",
        "weight a blocks 0-2 (group:3)",
        "weight a blocks 3-5 (group:3)",
        "weight a blocks 0-2 attention (group:3+module)",
        "weight a blocks 0-2 mlp (group:3+module)",
    )
    assert [gene.step for gene in space.genes[:4]] == pytest.approx([0.2, 0.1, 0.1, 0.05])
    z = np.zeros(space.dimension)
    z[0], z[2], z[6] = 1.0, -2.0, 3.0
    weights = space.decode(z).coefficients["weight"]
    assert weights["a"] == pytest.approx((0.3, 0.3, 0.1, 0.25))  # type: ignore[call-overload]
    assert weights["b"] == pytest.approx((0.1,) * 4)  # type: ignore[call-overload]


def test_deviations_start_as_small_as_the_spec_says() -> None:
    space = genome(method="linear", granularity="layer", hierarchy=["global"], deviation=0.2)
    assert space.genes[1].step == pytest.approx(0.2 * space.genes[0].step)
    assert (space.genes[1].init, space.genes[1].low) == (0.0, -space.genes[1].high)


def test_normalized_weights_have_one_coordinate_less_than_experts() -> None:
    space = genome(method="linear")
    assert space.labels == ("weight a:b all blocks", "weight a,b:c all blocks")
    weights = space.decode(np.zeros(2)).coefficients["weight"]
    assert {name: value for name, (value,) in weights.items()} == pytest.approx(dict.fromkeys(MODELS, 1 / 3))  # type: ignore[union-attr]
    z = space.encode(Recipe("linear", MODELS, "global", {"weight": {"a": (2.0,), "b": (1.0,), "c": (1.0,)}}))
    found = space.decode(z).coefficients["weight"]
    assert found["a"][0] == pytest.approx(0.5, abs=1e-4)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("merge", "linear", "coding"),
    [
        ({"method": "linear"}, False, "log_ratio"),
        ({"method": "linear"}, True, "linear"),
        ({"method": "linear", "options": {"normalize": False}}, False, "linear"),
        ({"method": "linear", "parameters": {"weight": {"range": [0, 1]}}}, False, "linear"),
        ({"method": "task_arithmetic", "parameters": {"weight": {"coding": "log_ratio"}}}, False, "log_ratio"),
        ({"method": "task_arithmetic", "parameters": {"weight": {"coding": "log", "range": [0.1, 1]}}}, False, "log"),
    ],
)
def test_scale_is_the_methods_unless_the_spec_says_otherwise(merge: dict[str, Any], linear: bool, coding: str) -> None:
    assert genome(linear, **merge).segments[0].coding.name == coding


def test_densities_are_searched_by_their_odds() -> None:
    codings = {segment.parameter: segment.coding.name for segment in genome(method="dare_ties").segments}
    assert codings["density"] == "logit" and codings["weight"] == "linear"
    assert genome(method="localize_and_stitch", options={"calibration": "x"}).segments[0].coding.name == "log"


def test_a_shared_parameter_is_one_coordinate_for_all_experts() -> None:
    space = genome(method="ties", parameters={"density": {"shared": True}, "weight": 1.0, "lambda": 1.0})
    assert space.labels == ("density (shared) all blocks",)
    density = space.decode(np.ones(1)).coefficients["density"]
    assert len({values for values in density.values()}) == 1 and set(density) == set(MODELS)  # type: ignore[union-attr]


def test_an_expert_can_have_its_own_range_or_value() -> None:
    space = genome(
        method="task_arithmetic",
        parameters={"weight": {"range": [0, 1], "models": {"a": 1, "b": {"range": [-1, 3], "init": 0.5}}}},
    )
    assert [(gene.model, gene.low, gene.high) for gene in space.genes] == [("b", -1, 3), ("c", 0, 1)]
    weights = space.decode(np.zeros(2)).coefficients["weight"]
    assert weights == {"a": (1.0,), "b": (0.5,), "c": (1.0,)}


def test_a_parameter_can_be_coarser_than_the_recipe() -> None:
    space = genome(
        method="ties", granularity="layer",
        parameters={"density": {"granularity": "group:3"}, "weight": {"granularity": "spline:2"}, "lambda": 1},
    )  # fmt: skip
    assert space.dimension == 3 * (2 + 2)
    density = space.decode(point(space, 1)).coefficients["density"]["a"]  # type: ignore[call-overload]
    assert len(density) == BLOCKS and density[0] == density[2] != density[3] == density[5]


def test_the_largest_coordinate_chooses_the_method() -> None:
    space = genome(methods=["task_arithmetic", "ties", "dare_ties"])
    assert space.labels[:3] == ("method task_arithmetic", "method ties", "method dare_ties")
    z = np.zeros(space.dimension)
    assert space.decode(z).method == "task_arithmetic"
    z[1] = 1.5
    assert space.decode(z).method == "ties"
    z[1:3] = (2.0, 2.0)
    assert space.decode(z).method == "ties"
    z[2] = 2.1
    assert space.decode(z).method == "dare_ties"


def test_parameters_that_the_method_does_not_have_change_nothing() -> None:
    space = genome(methods=["task_arithmetic", "ties"], parameters={"density": {"range": [0.1, 0.9]}})
    density = [label.startswith("density") for label in space.labels]
    z = np.zeros(space.dimension)
    assert [not flag for flag in space.active(z)] == [d or label == "lambda" for d, label in zip(density, space.labels)]  # noqa: B905
    plain = space.decode(z)
    z[density] = 2.0
    assert space.decode(z) == plain and set(plain.coefficients) == {"weight"}
    z[1] = 2.0
    trimmed = space.decode(z)
    assert trimmed.method == "ties" and set(trimmed.coefficients) == {"weight", "density", "lambda"}
    assert trimmed.coefficients["weight"] == plain.coefficients["weight"]


def test_methods_share_a_parameter_in_the_range_that_both_have() -> None:
    space = genome(methods=["task_arithmetic", "ties"])
    weight = next(gene for gene in space.genes if gene.parameter == "weight")
    assert (weight.low, weight.high) == (0.0, 1.0)


def test_search_can_start_at_any_method_of_a_choice() -> None:
    space = genome(methods=["ties", "task_arithmetic"])
    plain = Recipe("task_arithmetic", MODELS, "global", {"weight": dict.fromkeys(MODELS, (0.3,))})
    started = space.centered_on(plain)
    assert started.decode(np.zeros(space.dimension)).coefficients["weight"] == plain.coefficients["weight"]
    assert started.decode(np.zeros(space.dimension)).method == "task_arithmetic"
    assert started.digest() != space.digest()


def test_each_method_takes_the_options_and_constants_that_it_has() -> None:
    space = genome(methods=["linear", "ties"], options={"exempt_1d": False}, parameters={"density": 0.5})
    z = np.zeros(space.dimension)
    assert space.decode(z).options == {} and "density" not in space.decode(z).coefficients
    z[1] = 2.0
    assert space.decode(z).options == {"exempt_1d": False}
    assert space.decode(z).coefficients["density"] == dict.fromkeys(MODELS, (0.5,))


def test_a_genome_is_known_by_what_its_points_mean() -> None:
    same = [genome(**SPACES["hierarchy"]).digest() for _ in range(2)]
    assert same[0] == same[1]
    assert genome(**{**SPACES["hierarchy"], "deviation": 0.4}).digest() != same[0]


@pytest.mark.parametrize(
    ("merge", "field", "words"),
    [
        ({}, "merge", "neither 'method' nor 'methods'"),
        ({"method": "ties", "methods": ["ties", "linear"]}, "merge", "both are given"),
        ({"methods": ["ties"]}, "merge.methods", "no choice"),
        ({"methods": ["ties", "layer_path"]}, "merge.methods", "changes the number of blocks"),
        ({"methods": ["slerp", "ties"]}, "models", "slerp merges 2"),
        ({"method": "ties", "granularity": "spline:1"}, "merge.granularity", "spline:K"),
        ({"method": "ties", "hierarchy": ["global"]}, "merge.hierarchy", "do not grow"),
        ({"method": "ties", "granularity": "layer", "hierarchy": ["group:2", "global"]}, "merge.hierarchy", "not grow"),
        ({"method": "ties", "parameters": {"lambda": {"shared": True}}}, "merge.parameters.lambda.shared", "one value"),
        ({"method": "ties", "parameters": {"lambda": {"models": {"a": 1}}}}, "merge.parameters.lambda.models", "one"),
        (
            {"method": "ties", "granularity": "layer", "parameters": {"lambda": {"hierarchy": ["global"]}}},
            "merge.parameters.lambda.hierarchy", "one value for the whole depth",
        ),
        ({"method": "ties", "parameters": {"density": 1.5}}, "merge.parameters.density", "leaves the domain"),
        (
            {"method": "ties", "parameters": {"density": {"models": {"d": 1}}}},
            "merge.parameters.density.models.d", "no such expert",
        ),
        (
            {"method": "ties", "parameters": {"weight": {"shared": True, "models": {"a": 1}}}},
            "merge.parameters.weight", "cannot stand beside",
        ),
        (
            {"method": "linear", "parameters": {"weight": {"coding": "log_ratio", "range": [0, 1]}}},
            "merge.parameters.weight", "'range' cannot stand beside coding log_ratio",
        ),
        (
            {"method": "ties", "parameters": {"lambda": {"coding": "log_ratio"}}},
            "merge.parameters.lambda.coding", "one coefficient for each",
        ),
        (
            {"method": "ties", "parameters": {"weight": {"coding": "log"}}},
            "merge.parameters.weight.coding", "a range above 0",
        ),
        (
            {"method": "task_arithmetic", "parameters": {"weight": {"coding": "logit"}}},
            "merge.parameters.weight.coding", "inside",
        ),
        (
            {"method": "ties", "parameters": {"weight": {"init": 5}}},
            "merge.parameters.weight.init", "outside the range",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_named(merge: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        genome(**merge)
    assert caught.value.field == field


def test_a_name_that_means_two_things_is_refused() -> None:
    with pytest.raises(SpecError, match="different things") as caught:
        build_genome(
            MergeSpec.model_validate({"methods": ["ramplus_tl", "evo_merging"]}), MODELS, BLOCKS, sigma=0.1, seed=0
        )
    assert caught.value.field == "merge.parameters.alpha"
