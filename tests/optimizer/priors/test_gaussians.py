import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.priors.gaussians import CONDITION, fisher_prior, history_prior, slots_prior


def test_natural_gradient_goes_further_where_the_loss_is_flat() -> None:
    gradients = np.array([[3.0, 0.0], [1.0, 0.0], [0.0, 0.4], [0.0, 0.2]])
    prior = fisher_prior(gradients, np.ones(4), "x", shaped=True)
    assert np.abs(prior.mean).max() == pytest.approx(1.0) and (prior.mean < 0).all()
    assert prior.mean[1] == pytest.approx(-1.0)
    # The gradient is 6.7 times larger in the first coordinate, and the step is not.
    assert abs(prior.mean[0]) < abs(prior.mean[1])
    variances = np.diag(prior.factor @ prior.factor.T)
    assert variances[1] > 5 * variances[0] and variances.mean() == pytest.approx(1.0)


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 30))
def test_shape_is_the_damped_inverse_fisher_within_the_condition(seed: int, n: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    gradients = rng.standard_normal((n, d)) * 10 ** rng.uniform(-4, 4, d)
    weights = rng.uniform(0.5, 2.0, n)
    prior = fisher_prior(gradients, weights, "x", shaped=True)
    covariance = prior.factor @ prior.factor.T
    variances = np.linalg.eigvalsh(covariance)
    assert variances[-1] / variances[0] <= CONDITION * 1.01
    assert variances.mean() == pytest.approx(1.0)
    shares = weights / weights.sum()
    fisher = sum(w * np.outer(g, g) for w, g in zip(shares, gradients, strict=True))
    # The precision is the Fisher information plus a multiple of the identity, up to one factor.
    apart = ~np.eye(d, dtype=bool)
    wanted, found = fisher[apart], np.linalg.inv(covariance)[apart]
    factor = (found @ wanted) / max(wanted @ wanted, 1e-300)
    assert found == pytest.approx(factor * wanted, abs=1e-6 * np.linalg.norm(found))
    assert np.abs(prior.mean).max() <= 1 + 1e-9
    assert shares @ gradients @ prior.mean <= 1e-12


def test_steps_are_equal_unless_a_shape_is_asked_for() -> None:
    gradients = np.random.default_rng(0).standard_normal((6, 4))
    plain, shaped = (fisher_prior(gradients, np.ones(6), "x", shaped=shaped) for shaped in (False, True))
    assert plain.factor.tolist() == np.eye(4).tolist() and plain.mean.tolist() == shaped.mean.tolist()


def test_without_gradients_nothing_is_known() -> None:
    prior = fisher_prior(np.zeros((3, 2)), np.ones(3), "x")
    assert prior.mean.tolist() == [0, 0] and prior.factor.tolist() == np.eye(2).tolist()


def test_coordinates_without_a_gradient_keep_their_step() -> None:
    rng = np.random.default_rng(0)
    gradients = rng.standard_normal((6, 4)) * [1.0, 0.0, 5.0, 0.0]
    prior = fisher_prior(gradients, np.ones(6), "x", shaped=True)
    assert prior.mean[[1, 3]].tolist() == [0, 0]
    assert prior.factor[[1, 3]].tolist() == np.eye(4)[[1, 3]].tolist()
    assert prior.factor[0, 0] > prior.factor[2, 2]


def test_steps_change_the_model_equally() -> None:
    prior = slots_prior(np.array([0.01, 0.02, 0.04, 0.0]), ["weight"] * 3 + ["density"], "x")
    steps = np.diag(prior.factor)
    assert steps[0] / steps[1] == pytest.approx(2) and steps[1] / steps[2] == pytest.approx(2)
    assert steps[3] == pytest.approx(steps[1]) and (steps**2).mean() == pytest.approx(1.0)
    assert not prior.mean.any()


def test_no_step_is_ten_times_another() -> None:
    steps = np.diag(slots_prior(np.array([1e-6, 1.0, 1.0]), ["weight"] * 3, "x").factor)
    assert steps.max() / steps.min() <= 10.0 + 1e-9


def test_groups_are_not_compared_with_each_other() -> None:
    prior = slots_prior(np.array([1.0, 2.0, 100.0, 200.0]), ["a", "a", "b", "b"], "x")
    steps = np.diag(prior.factor)
    assert steps[:2] == pytest.approx(steps[2:])


def test_history_recovers_where_the_best_points_lie() -> None:
    rng = np.random.default_rng(0)
    mean, scale = np.array([2.0, -1.0, 0.5]), np.array([0.3, 1.5, 0.6])
    good = mean + scale * rng.standard_normal((400, 3))
    bad = 4 * rng.standard_normal((3600, 3))
    fitness = np.concatenate([np.full(400, 1.0), np.zeros(3600)])
    prior = history_prior([np.concatenate([good, bad])], [fitness], "x")
    assert prior.mean == pytest.approx(mean, abs=0.15)
    deviations = np.sqrt(np.diag(prior.factor @ prior.factor.T))
    assert deviations == pytest.approx(np.sqrt(scale**2 + 0.25), abs=0.15)


def test_each_search_names_its_own_best() -> None:
    near, far = np.zeros((50, 2)), np.full((50, 2), 4.0)
    # The second search's task is simply easier; its scores must not outvote the first's.
    prior = history_prior([near, far], [np.zeros(50), np.full(50, 9.0)], "x")
    assert prior.mean.tolist() == [2.0, 2.0]


def test_no_history_is_said() -> None:
    with pytest.raises(ValueError, match="says nothing"):
        history_prior([np.zeros((0, 2))], [np.zeros(0)], "x")
