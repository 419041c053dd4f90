import numpy as np
import pytest

from evomerge.errors import SpecError
from merging.granularity import Granularity
from optimizer.space.levels import make_level, recipe_granularity


def level(text: str, fine: str, num_blocks: int = 12) -> np.ndarray:
    return make_level(text, Granularity.parse(fine), num_blocks, "merge.hierarchy").matrix


def test_a_coarse_coordinate_covers_its_blocks_and_modules() -> None:
    found = level("group:6", "group:3+module")
    assert found.shape == (8, 2)
    assert found[:, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    assert found[:, 1].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert level("global+module", "layer+module", 2).tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]
    assert level("global", "chunks:5").tolist() == [[1]] * 5


def test_what_is_neither_attention_nor_mlp_takes_their_mean_from_a_level_without_it() -> None:
    assert level("global+module", "global+module+other").tolist() == [[1, 0], [0, 1], [0.5, 0.5]]


def test_two_spline_values_are_a_straight_line() -> None:
    found = level("spline:2", "layer", 5)
    assert found @ [0.2, 1.0] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_a_spline_goes_through_its_values_smoothly() -> None:
    found = level("spline:4", "layer", 10)
    values = np.array([0.1, 0.9, 0.3, 0.7])
    curve = found @ values
    assert curve[[0, 3, 6, 9]] == pytest.approx(values)
    assert np.abs(np.diff(curve, 3)).max() < 0.2
    assert found @ np.ones(4) == pytest.approx(np.ones(10))


def test_modules_have_splines_of_their_own_or_one_together() -> None:
    apart = level("spline:2+module", "layer+module", 3)
    assert apart @ [0, 10, 1, 20] == pytest.approx([0, 10, 0.5, 15, 1, 20])
    together = level("spline:2", "layer+module", 3)
    assert together @ [0, 1] == pytest.approx([0, 0, 0.5, 0.5, 1, 1])
    labels = make_level("spline:2+module", Granularity.parse("layer+module"), 31, "x").labels
    assert labels == ("at block 0 attention", "at block 0 mlp", "at block 30 attention", "at block 30 mlp")


def test_recipes_under_a_spline_have_single_layers() -> None:
    assert str(recipe_granularity("spline:4+module+other")) == "layer+module+other"
    assert str(recipe_granularity("group:2")) == "group:2"


@pytest.mark.parametrize(
    ("text", "fine", "words"),
    [
        ("group:4", "group:6", "not made of whole slots"),
        ("layer", "group:6", "not made of whole slots"),
        ("group:6+module", "group:6", "not made of whole slots"),
        ("chunks:4", "layer", "not made of whole slots"),
        ("layer", "chunks:4", "not made of whole slots"),
        ("spline:5", "group:6", "5 values over 2 depth groups"),
        ("spline:2", "chunks:4", "2 values over 0 depth groups"),
    ],
)
def test_slots_that_do_not_nest_are_refused(text: str, fine: str, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        level(text, fine)
    assert caught.value.field == "merge.hierarchy"
