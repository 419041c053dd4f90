import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evomerge.errors import RecipeError, SpecError
from experiments.spec_merge import MergeSpec
from merging.recipe import Recipe
from optimizer.baselines import baselines
from optimizer.space import Genome, build_genome

MODELS = ("a", "b")


def genome(**merge: object) -> Genome:
    settings: dict[str, object] = {"method": "task_arithmetic", "granularity": "group:2+module"} | merge
    return build_genome(MergeSpec.model_validate(settings), MODELS, 4, sigma=0.1, seed=7)


def test_dimension_is_models_times_groups_times_modules() -> None:
    found = genome()
    assert found.dimension == 2 * 2 * 2
    assert found.genes[0].label == "weight a blocks 0-1 attention"
    assert [gene.label for gene in found.genes[3:5]] == ["weight a blocks 2-3 mlp", "weight b blocks 0-1 attention"]


def test_origin_decodes_to_the_starting_values_and_back() -> None:
    found = genome(parameters={"weight": {"range": [-0.5, 1.5], "init": 0.6}})
    recipe = found.decode(np.zeros(found.dimension))
    assert recipe.coefficients == {"weight": {"a": (0.6,) * 4, "b": (0.6,) * 4}}
    assert found.values(recipe) == [0.6] * 8
    assert recipe.seed == 7


def test_one_step_is_sigma_times_the_range() -> None:
    found = genome(parameters={"weight": {"range": [-0.5, 1.5], "init": 0.6}})
    point = np.zeros(found.dimension)
    point[5] = 1.0
    weights = found.decode(point).coefficients["weight"]
    assert weights["b"] == (0.6, 0.8, 0.6, 0.6)


@given(st.floats(-50, 50))
def test_values_stay_in_range_and_reflect_at_the_ends(z: float) -> None:
    found = genome(granularity="global", parameters={"weight": {"range": [-0.5, 1.5], "init": 1.4}})
    weights = found.values(found.decode(np.array([z, 1.0])))
    assert weights is not None
    assert -0.5 <= weights[0] <= 1.5
    assert weights[1] == pytest.approx(1.4)  # 0.1 past the end comes back by 0.1


def test_search_can_start_at_a_plain_merge() -> None:
    found = genome()
    scale = next(one for one in baselines(MODELS) if one.label == "task arithmetic 0.7")
    started = found.centered_on(scale.recipe)
    assert started.values(started.decode(np.zeros(8))) == pytest.approx([0.7] * 8)


def test_recipe_of_another_method_is_not_expressible() -> None:
    other = Recipe("ties", MODELS, "global", {"weight": {"a": (1.0,), "b": (1.0,)}}, {})
    assert genome().values(other) is None
    with pytest.raises(ValueError, match="cannot express"):
        genome().centered_on(other)


def test_fixed_and_shared_parameters_take_no_genes() -> None:
    found = genome(
        method="ties",
        parameters={"density": 0.4, "weight": {"range": [0, 1], "granularity": "global"}, "lambda": {"fixed": 0.9}},
    )
    assert found.dimension == 2
    recipe = found.decode(np.zeros(2))
    assert recipe.coefficients["density"] == {"a": (0.4,), "b": (0.4,)}
    assert recipe.coefficients["lambda"] == (0.9,)
    assert len(recipe.coefficients["weight"]["a"]) == 1  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("merge", "error", "words"),
    [
        ({"method": "tie"}, RecipeError, "did you mean 'ties'"),
        ({"parameters": {"wieght": 1}}, SpecError, "did you mean 'weight'"),
        ({"options": {"normalise": True}, "method": "ties"}, SpecError, "did you mean 'normalize'"),
        ({"parameters": {"weight": 1.0}}, SpecError, "nothing is left to search"),
        ({"method": "ties", "parameters": {"density": {"range": [0, 1.5]}}}, SpecError, "leaves the domain"),
        ({"parameters": {"weight": {"range": [0, 1], "granularity": "layer"}}}, SpecError, "not made of whole slots"),
    ],
)
def test_bad_merge_section_names_the_field_and_the_fix(
    merge: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        genome(**merge)


def test_baselines_are_parents_mean_and_scale_line_once_each() -> None:
    found = baselines(MODELS)
    labels = [one.label for one in found]
    assert labels[:4] == ["base", "expert a", "expert b", "uniform mean"]
    # 0.5 of each of two experts is their mean, so the line does not repeat it.
    assert "task arithmetic 0.5" not in labels
    assert len({one.recipe.digest() for one in found}) == len(found)
