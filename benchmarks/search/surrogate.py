"""The fitted stand-in for the real models: scores and log-likelihoods of every item at any point, in microseconds.

A small network maps the 20 weights to a few abilities; every item reads them with loadings of its own: item-response
theory with a learned ability map, one map for the scores and the log-likelihoods together. Several networks are fitted
from different starts. Where they disagree nobody has measured, and there the worse answer counts: a search must not be
rewarded for leaving the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from landscape import Positions, Vector
from scipy.special import expit

MEMBERS, HIDDEN, ABILITIES = 5, 32, 4
CENTER, SCALE = 0.7, 0.4
STEPS, RATE = 800, 0.01
# Standard deviations that the members' disagreement takes off every log-odds and log-likelihood.
PESSIMISM = 1.0
# Log-odds lost for each unit of distance (in weights, over all 20) beyond this one to the nearest scored candidate: the
# members agree too well far from all data. A merge at a distance of 2.3 that they put at 0.90 was really 0.67.
REACH, DECAY = 1.0, 1.3
# Weight of the priors; of 1, 10 and 40 the one with the least log loss on held-out candidates.
STRENGTH = 10.0
# Standard deviation of an item's loadings around those of all items: what is not known of one item is taken from them.
LOADING_DEVIATION = 0.5


@dataclass(frozen=True)
class Rows:
    """The scored candidates.

    Args:
        points: raw coefficients, shape (n, 20).
        positions: items of every candidate, shape (n, 48).
        scores: 0 or 1, shape (n, 48).
        logprobs: log-likelihoods of the references in nats, shape (n, 48).
        items: number of items.
    """

    points: Vector
    positions: Positions
    scores: Vector
    logprobs: Vector
    items: int

    def subset(self, chosen: Positions) -> Rows:
        """Return some candidates."""
        return Rows(self.points[chosen], self.positions[chosen], self.scores[chosen], self.logprobs[chosen], self.items)


class Surrogate:
    """Fitted networks.

    Args:
        arrays: what :func:`fit` returned.
        points: of the candidates that it was fitted on, shape (n, 20).
    """

    def __init__(self, arrays: dict[str, Any], points: Vector) -> None:
        self._points = points
        self._arrays = {name: np.asarray(value, dtype=np.float64) for name, value in arrays.items()}

    def predict(self, point: Vector) -> tuple[Vector, Vector]:
        """Return the chance of a right answer and the expected log-likelihood of every item, each of shape (items,)."""
        logits, raw = self._members(np.asarray(point, dtype=np.float64))
        nearest = float(np.sqrt(np.min(np.sum((self._points - point) ** 2, axis=1))))
        far = DECAY * max(0.0, nearest - REACH)
        chances: Vector = expit(logits.mean(axis=0) - PESSIMISM * logits.std(axis=0) - far)
        logprobs: Vector = -_softplus(-(raw.mean(axis=0) - PESSIMISM * raw.std(axis=0) - far))
        return chances, logprobs

    def disagreement(self, point: Vector) -> float:
        """Return the mean standard deviation of the members' log-odds over items."""
        return float(self._members(np.asarray(point, dtype=np.float64))[0].std(axis=0).mean())

    @property
    def noise(self) -> Vector:
        """Standard deviation of every item's log-likelihood around its expectation, shape (items,)."""
        return self._arrays["noise"]

    def _members(self, point: Vector) -> tuple[Vector, Vector]:
        a = self._arrays
        hidden = np.tanh(np.einsum("mhd,d->mh", a["w1"], (point - CENTER) / SCALE) + a["b1"])
        hidden = np.tanh(np.einsum("mgh,mh->mg", a["w2"], hidden) + a["b2"])
        abilities = np.einsum("mkh,mh->mk", a["w3"], hidden) + a["b3"]
        logits: Vector = np.einsum("mik,mk->mi", a["score"], abilities) + a["score_bias"]
        raw: Vector = np.einsum("mik,mk->mi", a["logprob"], abilities) + a["logprob_bias"]
        return logits, raw


def fit(rows: Rows, seed: int = 0, steps: int = STEPS) -> dict[str, Any]:
    """Fit the networks; returns their arrays in single precision.

    The loss is the cross-entropy of the scores plus a robust error of the log-likelihoods, with normal priors on the
    items' loadings and weight decay on the networks.
    """
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    points = torch.tensor((rows.points - CENTER) / SCALE, dtype=torch.float32)
    flat = torch.tensor(rows.positions.reshape(-1).astype(np.int64))
    owner = torch.arange(len(points)).repeat_interleave(rows.positions.shape[1])
    scores = torch.tensor(rows.scores.reshape(-1), dtype=torch.float32)
    logprobs = torch.tensor(rows.logprobs.reshape(-1), dtype=torch.float32)
    parameters = _start(points.shape[1], rows.items)
    optimizer = torch.optim.Adam(parameters.values(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        logits, raw = _observed(parameters, points, owner, flat)
        right = torch.nn.functional.binary_cross_entropy_with_logits(logits, scores.expand_as(logits))
        predicted = -torch.nn.functional.softplus(-raw)
        # Relative to its size: a hopeless answer's 20 nats and a good one's 0.2 count alike.
        scale = 0.3 + logprobs.abs()
        likely = torch.nn.functional.smooth_l1_loss(predicted / scale, (logprobs / scale).expand_as(predicted))
        loss = MEMBERS * (right + likely) + STRENGTH * _prior(parameters) / len(flat)
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        _, raw = _observed(parameters, points, owner, flat)
        residual = (-torch.nn.functional.softplus(-raw).mean(dim=0) - logprobs).numpy()
    arrays = {name: value.detach().numpy().astype(np.float32) for name, value in parameters.items()}
    return arrays | {"noise": _spread(residual, rows)}


def _start(dimension: int, items: int) -> dict[str, Any]:
    import torch

    def normal(*shape: int, scale: float) -> Any:
        return (scale * torch.randn(*shape)).requires_grad_()

    return {
        "w1": normal(MEMBERS, HIDDEN, dimension, scale=dimension**-0.5),
        "b1": normal(MEMBERS, HIDDEN, scale=0.1),
        "w2": normal(MEMBERS, HIDDEN, HIDDEN, scale=HIDDEN**-0.5),
        "b2": normal(MEMBERS, HIDDEN, scale=0.1),
        "w3": normal(MEMBERS, ABILITIES, HIDDEN, scale=HIDDEN**-0.5),
        "b3": normal(MEMBERS, ABILITIES, scale=0.1),
        "score": normal(MEMBERS, items, ABILITIES, scale=0.3),
        "score_bias": normal(MEMBERS, items, scale=0.1),
        "logprob": normal(MEMBERS, items, ABILITIES, scale=0.3),
        "logprob_bias": normal(MEMBERS, items, scale=0.1),
    }


def _observed(parameters: dict[str, Any], points: Any, owner: Any, flat: Any) -> tuple[Any, Any]:
    """Return log-odds and raw log-likelihoods of the observed cells, each of shape (members, cells)."""
    import torch

    hidden = torch.tanh(torch.einsum("mhd,nd->mnh", parameters["w1"], points) + parameters["b1"][:, None])
    hidden = torch.tanh(torch.einsum("mgh,mnh->mng", parameters["w2"], hidden) + parameters["b2"][:, None])
    abilities = torch.einsum("mkh,mnh->mnk", parameters["w3"], hidden) + parameters["b3"][:, None]
    mine = abilities[:, owner]
    logits = (parameters["score"][:, flat] * mine).sum(dim=2) + parameters["score_bias"][:, flat]
    raw = (parameters["logprob"][:, flat] * mine).sum(dim=2) + parameters["logprob_bias"][:, flat]
    return logits, raw


def _prior(parameters: dict[str, Any]) -> Any:
    total = 0.0
    for name in ("score", "logprob", "score_bias", "logprob_bias"):
        deviation = LOADING_DEVIATION if "bias" not in name else 2.0
        centered = parameters[name] - parameters[name].mean(dim=1, keepdim=True)
        total = total + (centered**2).sum() / (2 * deviation**2)
    for name in ("w1", "w2", "w3"):
        total = total + (parameters[name] ** 2).sum() / 2
    return total


def _spread(residual: Vector, rows: Rows) -> Vector:
    """Return the root mean square of each item's residuals, leaning on the mean of all items."""
    squares = np.bincount(rows.positions.reshape(-1), weights=np.minimum(residual**2, 9.0), minlength=rows.items)
    counts = np.bincount(rows.positions.reshape(-1), minlength=rows.items)
    mean = float(squares.sum() / counts.sum())
    found: Vector = np.sqrt((squares + 10 * mean) / (counts + 10)).astype(np.float32)
    return found


def quality(rows: Rows, seed: int = 0, steps: int = STEPS, held_out: float = 0.2) -> dict[str, float]:
    """Fit on most candidates and judge the rest, beside predicting every item's own mean."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(rows.points))
    cut = int(held_out * len(order))
    test, train = rows.subset(order[:cut]), rows.subset(order[cut:])
    surrogate = Surrogate(fit(train, seed, steps), train.points)
    predicted = [surrogate.predict(point) for point in test.points]
    chance = np.array([p[0][at] for p, at in zip(predicted, test.positions, strict=True)])
    logprob = np.array([p[1][at] for p, at in zip(predicted, test.positions, strict=True)])
    means = np.bincount(train.positions.reshape(-1), weights=train.scores.reshape(-1), minlength=rows.items)
    means = (means + train.scores.mean()) / (np.bincount(train.positions.reshape(-1), minlength=rows.items) + 1)
    return {
        "candidates": float(len(rows.points)),
        "held_out": float(cut),
        "log_loss": _log_loss(chance, test.scores),
        "log_loss_of_item_means": _log_loss(means[test.positions], test.scores),
        "accuracy": float(np.mean((chance > 0.5) == (test.scores > 0.5))),
        "candidate_score_correlation": _correlation(chance.mean(axis=1), test.scores.mean(axis=1)),
        "candidate_score_error": float(np.abs(chance.mean(axis=1) - test.scores.mean(axis=1)).mean()),
        "candidate_score_bias": float((chance - test.scores).mean()),
        "candidate_logprob_correlation": _correlation(logprob.mean(axis=1), test.logprobs.mean(axis=1)),
    }


def _log_loss(chance: Vector, scores: Vector) -> float:
    chance = np.clip(chance, 1e-6, 1 - 1e-6)
    return float(-np.mean(scores * np.log(chance) + (1 - scores) * np.log(1 - chance)))


def _correlation(a: Vector, b: Vector) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)


def _softplus(value: Vector) -> Vector:
    found: Vector = np.logaddexp(0, value)
    return found
