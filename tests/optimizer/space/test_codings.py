import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.space.codings import CODINGS, Coding, Linear, Logit, Shares, contrasts

RANGES = {"linear": (-0.5, 1.5), "log": (1e-5, 1e-2), "logit": (0.05, 1.0)}


def single(name: str) -> Coding:
    return CODINGS[name](*RANGES[name])


@given(st.sampled_from(sorted(RANGES)), st.floats(0, 1))
def test_values_come_back_from_their_codes(name: str, part: float) -> None:
    coding = single(name)
    value = np.array([[coding.low + part * (coding.high - coding.low)]])
    assert coding.decode(coding.encode(value)) == pytest.approx(value, rel=1e-5, abs=1e-6)


@given(st.sampled_from(sorted(RANGES)), st.floats(-50, 50))
def test_every_code_is_reflected_into_the_range(name: str, code: float) -> None:
    coding = single(name)
    found = coding.decode(np.array([[code]]))
    assert coding.low <= found[0, 0] <= coding.high
    low, high = coding.ends
    mirrored = coding.decode(np.array([[2 * high - code]]))
    assert mirrored == pytest.approx(found, rel=1e-5, abs=1e-6)
    assert coding.decode(np.array([[code + 2 * (high - low)]])) == pytest.approx(found, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", sorted(RANGES))
def test_the_ends_of_a_range_are_reached(name: str) -> None:
    coding = single(name)
    low, high = coding.ends
    assert coding.decode(np.array([[low, high]])).tolist() == [[coding.low, coding.high]]


def test_log_odds_take_equal_steps_near_both_ends() -> None:
    coding = Logit(0.0, 1.0)
    low, middle, high = coding.encode(np.array([[0.02, 0.5, 0.98]]))[0]
    assert low == pytest.approx(-high) and middle == pytest.approx(0)
    steps = coding.encode(np.array([[0.02, 0.04, 0.96, 0.98]]))[0]
    assert steps[1] - steps[0] == pytest.approx(steps[3] - steps[2])


@given(st.lists(st.floats(0.02, 1.0), min_size=2, max_size=5))
def test_shares_are_positive_sum_to_one_and_keep_ratios(weights: list[float]) -> None:
    coding = Shares(0.0, 1.0)
    values = np.array(weights)[:, None]
    codes = coding.encode(values)
    shares = coding.decode(codes)
    assert (shares > 0).all() and shares.sum() == pytest.approx(1, abs=1e-5)
    assert shares / shares[0] == pytest.approx(values / values[0], rel=1e-4)
    assert codes.sum() == pytest.approx(0, abs=1e-9)
    assert coding.encode(shares) == pytest.approx(codes, abs=1e-4)


def test_a_share_of_nothing_becomes_the_smallest_there_is() -> None:
    shares = Shares(0.0, 1.0).decode(Shares(0.0, 1.0).encode(np.array([[1.0], [0.0]])))
    assert shares[:, 0] == pytest.approx([100 / 101, 1 / 101], rel=1e-4)


def test_one_step_of_equal_shares_is_what_it_says() -> None:
    coding = Shares(0.0, 1.0)
    shares = coding.decode(0.1 * coding.span * contrasts(2))
    assert shares[:, 0] == pytest.approx([0.64, 0.36], abs=0.01)


@given(st.integers(2, 9))
def test_contrasts_are_orthonormal_and_leave_the_scale_out(count: int) -> None:
    found = contrasts(count)
    assert found.T @ found == pytest.approx(np.eye(count - 1), abs=1e-12)
    assert found.sum(axis=0) == pytest.approx(np.zeros(count - 1), abs=1e-12)


@pytest.mark.parametrize("name", [*sorted(RANGES), "log_ratio"])
def test_jacobian_is_the_derivative(name: str) -> None:
    coding = single(name) if name in RANGES else Shares(0.0, 1.0)
    low, high = coding.ends
    # Inside the range, reflected once, and beyond two reflections.
    parts = np.array([[0.3, 0.6], [1.6, -0.3], [2.3, 2.7]])
    codes = low + parts * (high - low) if name in RANGES else np.array([[0.0, 1.0], [-6.0, 2.0], [-2.0, -12.0]])
    found = coding.jacobian(codes)
    step = 0.01 * coding.span
    for expert in range(3):
        shift = np.zeros((3, 1))
        shift[expert] = step
        slope = (coding.decode(codes + shift) - coding.decode(codes - shift)) / (2 * step)
        scale = np.abs(found).max()
        assert found[:, expert] == pytest.approx(slope, rel=5e-3, abs=5e-3 * scale)


def test_linear_rounds_to_a_millionth() -> None:
    assert Linear(0.0, 1.0).decode(np.array([[1 / 3]]))[0, 0] == 0.333333
