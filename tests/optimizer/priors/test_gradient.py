"""Gradients, Fisher information and sizes of changes on a tiny real model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from calibrations import LINES, readers

from evomerge.errors import Infeasible
from experiments.spec_merge import MergeSpec
from merging.calibration.coefficients import Mixture
from merging.calibration.data import Batch, Example, batches
from merging.calibration.directions import Directions
from merging.calibration.model import LiveModel
from merging.materialize import Materializer
from merging.models import ModelSet
from optimizer.priors.gaussians import fisher_prior
from optimizer.priors.gradient import item_gradients
from optimizer.priors.layers import relative_changes
from optimizer.priors.surrogate import inputs_of, is_summed, surrogate
from optimizer.space import Genome, build_genome

EXPERTS = ("a", "b", "c")
SPACES: dict[str, dict[str, Any]] = {
    "layers": {"method": "task_arithmetic", "granularity": "layer+module", "parameters": {"lambda": {"range": [0, 1]}}},
    "shares": {"method": "linear", "granularity": "layer", "hierarchy": ["global"]},
    "lines": {
        "method": "task_arithmetic",
        "parameters": {"lines_alpha": {"range": [0, 1.5]}, "lines_beta": {"range": [0, 2], "init": 0.5}},
    },
    "chunks": {"method": "task_arithmetic", "granularity": "chunks:5", "options": {"normalize": True}},
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Callable[..., Path], make_lora: Any) -> ModelSet:
    return readers(tmp_path_factory.mktemp("readers"), tiny_llama, make_lora)


def genome(**merge: Any) -> Genome:
    settings = {"parameters": {}, **merge}
    settings["parameters"].setdefault("weight", {"init": 0.4, "range": [0, 1]} if merge["method"] != "linear" else {})
    return build_genome(MergeSpec.model_validate(settings), EXPERTS, 3, sigma=0.1, seed=0)


def items(live: LiveModel) -> list[Batch]:
    examples = [Example(line["prompt"], line.get("completion")) for line in LINES]
    return [batches([one], live.tokenizer, size=1, max_tokens=32)[0] for one in examples]


@pytest.mark.parametrize("name", sorted(SPACES))
def test_surrogate_is_the_merge_of_a_weighted_sum(name: str, models: ModelSet) -> None:
    space, inputs = genome(**SPACES[name]), inputs_of(models, EXPERTS)
    point = 0.5 * np.random.default_rng(2).standard_normal(space.dimension)
    found = surrogate(space, point, inputs)
    live = LiveModel(models)
    Mixture(live, inputs, found.ends).write(torch.from_numpy(found.coefficients))
    for key, merged in Materializer(models).tensors(space.decode(point)):
        torch.testing.assert_close(live.parameter(key), merged.float(), rtol=0.01, atol=1e-3)


@pytest.mark.parametrize("name", sorted(SPACES))
def test_gradients_equal_finite_differences_of_the_loss(name: str, models: ModelSet) -> None:
    space, inputs = genome(**SPACES[name]), inputs_of(models, EXPERTS)
    live = LiveModel(models)
    live.model.double()
    origin = np.zeros(space.dimension)
    # Where a range ends, a step either way is the same merge.
    space = space.centered_on(space.decode(0.5 * np.random.default_rng(1).standard_normal(space.dimension)))
    at = surrogate(space, origin, inputs)
    mixture = Mixture(live, inputs, at.ends)
    mixture.write(torch.from_numpy(at.coefficients))
    some = items(live)[:3]
    gradients, losses = item_gradients(Directions(live, inputs, at.ends), at, some)
    assert gradients.shape == (3, space.dimension) and (losses > 0).all()
    rng, step = np.random.default_rng(4), 0.02
    for _ in range(3):
        direction = rng.standard_normal(space.dimension)
        ends = []
        for sign in (1, -1):
            mixture.write(torch.from_numpy(surrogate(space, sign * step * direction, inputs).coefficients))
            with torch.no_grad():
                ends.append([float(live.loss(batch)[0]) for batch in some])
        slope = (np.array(ends[0]) - np.array(ends[1])) / (2 * step)
        assert gradients @ direction == pytest.approx(slope, rel=0.02, abs=2e-3)


def test_no_gradient_of_a_weight_is_ever_formed(models: ModelSet, monkeypatch: pytest.MonkeyPatch) -> None:
    space, inputs = genome(**SPACES["layers"]), inputs_of(models, EXPERTS)
    live = LiveModel(models)
    at = surrogate(space, np.zeros(space.dimension), inputs)
    Mixture(live, inputs, at.ends).write(torch.from_numpy(at.coefficients))
    tracked: list[bool] = []
    run = live.logits
    monkeypatch.setattr(
        live, "logits", lambda batch: (tracked.extend(p.requires_grad for p in live.model.parameters()), run(batch))[1]
    )
    item_gradients(Directions(live, inputs, at.ends), at, items(live)[:2])
    assert tracked and not any(tracked)
    assert all(parameter.grad is None for parameter in live.model.parameters())


def test_prior_mean_lowers_the_loss_of_new_weights(models: ModelSet) -> None:
    space, inputs = genome(**SPACES["layers"]), inputs_of(models, EXPERTS)
    live = LiveModel(models)
    at = surrogate(space, np.zeros(space.dimension), inputs)
    mixture = Mixture(live, inputs, at.ends)
    mixture.write(torch.from_numpy(at.coefficients))
    some = items(live)
    gradients, losses = item_gradients(Directions(live, inputs, at.ends), at, some)
    prior = fisher_prior(gradients, np.ones(len(some)), "x")
    mixture.write(torch.from_numpy(surrogate(space, 0.5 * prior.mean, inputs).coefficients))
    with torch.no_grad():
        after = np.mean([float(live.loss(batch)[0]) for batch in some])
    assert after < losses.mean()


def test_relative_change_is_that_of_a_step(models: ModelSet) -> None:
    space, inputs = genome(method="task_arithmetic", granularity="layer+module+other"), inputs_of(models, EXPERTS)
    found = relative_changes(inputs, surrogate(space, np.zeros(space.dimension), inputs))
    start = dict(Materializer(models).tensors(space.decode(np.zeros(space.dimension))))
    assert found[8] == 0.0  # nobody changed the norms of the last block and behind it
    for index in (1, 2, 10):
        shift = np.zeros(space.dimension)
        shift[index] = 1.0
        changed, whole = 0.0, 0.0
        for key, merged in Materializer(models).tensors(space.decode(shift)):
            change = float((merged.float() - start[key].float()).square().sum())
            changed += change
            whole += float(models.base_tensor(key).float().square().sum()) if change else 0.0
        assert found[index] == pytest.approx(np.sqrt(changed / whole), rel=0.03), space.labels[index]


@pytest.mark.parametrize(
    ("merge", "summed"),
    [
        ({"method": "task_arithmetic"}, True),
        ({"method": "linear"}, True),
        ({"method": "linear", "options": {"normalize": False}}, False),
        ({"method": "dare_linear"}, True),
        ({"method": "ties"}, False),
        ({"method": "iso_c"}, False),
    ],
)
def test_which_merges_are_weighted_sums(merge: dict[str, Any], summed: bool) -> None:
    space = build_genome(MergeSpec.model_validate(merge), EXPERTS, 3, sigma=0.1, seed=0)
    assert is_summed(space.decode(np.zeros(space.dimension))) is summed


def test_weights_that_cannot_be_divided_are_infeasible(models: ModelSet) -> None:
    space = build_genome(
        MergeSpec.model_validate({
            "method": "task_arithmetic", "options": {"normalize": True},
            "parameters": {"weight": {"range": [-1, 1], "init": 0.0}},
        }), EXPERTS, 3, sigma=0.1, seed=0,
    )  # fmt: skip
    with pytest.raises(Infeasible, match="cannot be normalized"):
        surrogate(space, np.zeros(space.dimension), inputs_of(models, EXPERTS))
