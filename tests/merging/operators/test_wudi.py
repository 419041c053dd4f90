"""WUDI, OptMerge and SWUDI against plain float64 references, and what must hold of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from merges import merge

SHAPES = ((8, 8), (12, 7), (5, 14))
seeds = st.integers(0, 10_000)
shapes = st.sampled_from(SHAPES)


def draw(seed: int, count: int, *shape: int, size: float = 0.02) -> list[Tensor]:
    return list(size * torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed)))


def loss(point: Tensor, targets: Sequence[Tensor], rows: Sequence[Tensor], taus: Sequence[Tensor]) -> Tensor:
    """The loss of all methods here, as the papers write it."""
    return sum(
        (((point - target) @ row.T) ** 2).sum() / (tau.double() ** 2).sum()
        for target, row, tau in zip(targets, rows, taus, strict=True)
    )  # type: ignore[return-value]


def descend(
    start: Tensor, targets: Sequence[Tensor], rows: Sequence[Tensor], taus: Sequence[Tensor], kind: str, lr: float,
    steps: int,
) -> Tensor:  # fmt: skip
    """Run the optimiser of torch on the loss with automatic differentiation in float64."""
    point = torch.nn.Parameter(start.clone())
    adam = kind == "adam"
    optimizer = torch.optim.Adam([point], lr=lr) if adam else torch.optim.SGD([point], lr=lr, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(point, targets, rows, taus).backward()
        optimizer.step()
    return point.detach()


def leading(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The best approximation of a rank, and its rows S V^T."""
    u, s, vh = torch.linalg.svd(matrix.double(), full_matrices=False)
    rows = torch.diag(s[:rank]) @ vh[:rank]
    return u[:, :rank] @ rows, rows


def gram(taus: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """C and D of WUDI."""
    exact = [tau.double() for tau in taus]
    c = sum(t.T @ t / (t**2).sum() for t in exact)
    d = sum(t @ t.T @ t / (t**2).sum() for t in exact)
    assert isinstance(c, Tensor) and isinstance(d, Tensor)
    return c, d


def row_orthogonal(seed: int, count: int) -> list[Tensor]:
    """Task vectors whose rows are orthogonal to those of all others."""
    basis = torch.linalg.qr(draw(seed, 1, 12, 12)[0]).Q
    return [part @ basis[3 * i : 3 * i + 3] for i, part in enumerate(draw(seed + 1, count, 6, 3))]


# WUDI


@settings(max_examples=10)
@given(seeds, shapes, st.integers(2, 4))
def test_wudi_is_adam_on_its_loss(seed: int, shape: tuple[int, int], count: int) -> None:
    taus = draw(seed, count, *shape)
    exact = [tau.double() for tau in taus]
    total = torch.stack(exact).sum(0)
    expected = descend(total, exact, exact, taus, "adam", 1e-5, 60)
    merged = merge("wudi", torch.zeros(shape), taus, options={"iterations": 60}, lam=0.5)
    torch.testing.assert_close(merged, 0.5 * expected.float(), atol=2e-6, rtol=0.0)
    assert float((expected - total).abs().max()) > 4e-4
    assert loss(2.0 * merged.double(), exact, exact, taus) < loss(total, exact, exact, taus)


@settings(max_examples=8)
@given(seeds, shapes)
def test_wudi_stays_where_nothing_interferes(seed: int, shape: tuple[int, int]) -> None:
    base, tau = draw(seed, 2, *shape)
    torch.testing.assert_close(merge("wudi", base, [tau]), base + tau, atol=1e-7, rtol=1e-6)
    taus = row_orthogonal(seed, 3)
    merged = merge("wudi", torch.zeros(6, 12), taus)
    torch.testing.assert_close(merged, torch.stack(taus).sum(0), atol=1e-7, rtol=1e-6)


# OptMerge


@pytest.mark.parametrize("variant", ["full_ft", "lora", "modality", "expert_merging"])
@settings(max_examples=8)
@given(seed=seeds, shape=shapes, count=st.integers(2, 3))
def test_optmerge_is_its_optimiser_on_its_loss(variant: str, seed: int, shape: tuple[int, int], count: int) -> None:
    taus = draw(seed, count, *shape)
    stacked = torch.stack(taus).double()
    mean, low, rank = stacked.mean(0), variant == "modality", max(1, min(shape) // count)
    rank = max(1, min(shape) // 5) if low else rank
    rows = [tau.double() if low else leading(tau, rank)[1] for tau in taus]
    if variant in ("lora", "modality"):
        targets, start, kind = [leading(tau, rank)[0] for tau in taus], mean, "sgd"
    else:
        targets, start, kind = [mean + leading(tau.double() - mean, rank)[0] for tau in taus], stacked.sum(0), "adam"
    lr = {"full_ft": 1e-5, "lora": 1e-4, "modality": 5e-2, "expert_merging": 1e-6}[variant]
    merged = merge("optmerge", torch.zeros(shape), taus, options={"variant": variant, "iterations": 40})
    expected = descend(start, targets, rows, taus, kind, lr, 40)
    torch.testing.assert_close(merged, expected.float(), atol=2e-6, rtol=0.0)
    assert not torch.allclose(merged, start.float(), atol=1e-5, rtol=0.0)
    quicker = merge("optmerge", torch.zeros(shape), taus, options={"variant": variant, "iterations": 40, "lr": 2 * lr})
    assert not torch.allclose(merged, quicker, atol=1e-6, rtol=0.0)


def test_optmerge_of_one_expert_is_the_expert() -> None:
    base, tau = draw(3, 2, 9, 6)
    for variant in ("full_ft", "lora", "expert_merging"):
        merged = merge("optmerge", base, [tau], options={"variant": variant})
        torch.testing.assert_close(merged, base + tau, atol=1e-7, rtol=1e-5)


# SWUDI


@settings(max_examples=15)
@given(
    seeds, shapes, st.integers(1, 4), st.floats(1.0, 3000.0), st.floats(0.05, 1.0),
    st.sampled_from(("sum", "mean", "zero")),
)  # fmt: skip
def test_swudi_is_its_formula(seed: int, shape: tuple[int, int], count: int, t: float, keep: float, init: str) -> None:
    taus = draw(seed, count, *shape)
    (c, d), stacked = gram(taus), torch.stack(taus).double()
    values, v = torch.linalg.eigh(c)
    values = values.clamp_min(1e-8)
    gain = 1.0 - torch.exp(-values * t)
    gain[: shape[1] - math.ceil(keep * shape[1] - 1e-3)] = 0.0
    start = {"sum": stacked.sum(0), "mean": stacked.mean(0), "zero": torch.zeros_like(stacked[0])}[init]
    expected = start - start @ v @ torch.diag(gain) @ v.T + d @ v @ torch.diag(gain / values) @ v.T
    merged = merge("swudi", torch.zeros(shape), taus, options={"t": t, "keep": keep, "init": init}, lam=0.8)
    torch.testing.assert_close(merged, 0.8 * expected.float(), atol=2e-6, rtol=0.0)


@settings(max_examples=10)
@given(seeds, shapes, st.integers(1, 3))
def test_swudi_without_limits_minimises_the_loss(seed: int, shape: tuple[int, int], count: int) -> None:
    taus = draw(seed, count, *shape)
    exact, (c, d) = [tau.double() for tau in taus], gram(taus)
    merged = merge("swudi", torch.zeros(shape), taus, options={"t": 1e9, "keep": 1.0}).double()
    torch.testing.assert_close(merged @ c, d, atol=1e-7, rtol=0.0)
    total = torch.stack(exact).sum(0)
    for other in (total, total / count):
        assert loss(merged, exact, exact, taus) <= loss(other, exact, exact, taus) + 1e-9


def test_swudi_runs_gradient_flow() -> None:
    taus = draw(4, 3, 6, 9)
    c, d = gram(taus)
    point = torch.stack(taus).double().sum(0)
    for _ in range(20_000):
        point = point - 1e-3 * (point @ c - d)
    merged = merge("swudi", torch.zeros(6, 9), taus, options={"t": 20.0, "keep": 1.0})
    torch.testing.assert_close(merged, point.float(), atol=1e-5, rtol=0.0)


@settings(max_examples=8)
@given(seeds, shapes, st.sampled_from(("swudi", "aswudi")))
def test_swudi_of_identical_experts_is_the_expert_and_of_orthogonal_ones_their_sum(
    seed: int, shape: tuple[int, int], variant: str
) -> None:
    (tau,) = draw(seed, 1, *shape)
    sure = {"t": 1e9, "keep": 1.0}
    torch.testing.assert_close(merge("swudi", torch.zeros(shape), [tau] * 3, options=sure), tau, atol=1e-6, rtol=0.0)
    taus = row_orthogonal(seed, 3)
    merged = merge("swudi", torch.zeros(6, 12), taus, options={"variant": variant})
    torch.testing.assert_close(merged, torch.stack(taus).sum(0), atol=1e-6, rtol=0.0)


@settings(max_examples=8)
@given(seeds, shapes, st.lists(st.floats(0.0, 1.5), min_size=3, max_size=3))
def test_weights_of_swudi_scale_targets_but_not_protection(
    seed: int, shape: tuple[int, int], weights: list[float]
) -> None:
    taus = draw(seed, 3, *shape)
    c, _ = gram(taus)
    d = sum(w * gram([tau])[1] for w, tau in zip(weights, taus, strict=True))
    sure = {"t": 1e9, "keep": 1.0, "init": "zero"}
    merged = merge("swudi", torch.zeros(shape), taus, options=sure, weight=weights)
    torch.testing.assert_close(merged, (d @ torch.linalg.pinv(c, rtol=1e-9)).float(), atol=1e-5, rtol=0.0)


@pytest.mark.parametrize("rule", ["participation", "stable", "entropy", "gavish_donoho"])
def test_aswudi_keeps_the_directions_that_its_rule_counts(rule: str) -> None:
    generator = torch.Generator().manual_seed(8)
    strong = torch.randn(20, 2, generator=generator) @ torch.randn(2, 16, generator=generator)
    taus = [0.02 * (strong + noise) for noise in draw(9, 2, 20, 16, size=0.1)]
    (c, d), start = gram(taus), torch.stack(taus).double().sum(0)
    values, v = (tensor.flip(-1) for tensor in torch.linalg.eigh(c))
    roots = values.sqrt()
    ratio = 16 / 40
    bound = (0.56 * ratio**3 - 0.95 * ratio**2 + 1.82 * ratio + 1.43) * float(sorted(roots.tolist())[7])
    share = values / values.sum()
    kept = {
        "participation": math.ceil(float(roots.sum() ** 2 / values.sum())),
        "stable": math.ceil(float((values**2).sum() / values[0] ** 2)),
        "entropy": math.ceil(math.exp(-float((share * share.log()).sum()))),
        "gavish_donoho": int((roots > bound).sum()),
    }[rule]
    assert 0 < kept < 16
    inside = v[:, :kept] @ v[:, :kept].T
    expected = start - start @ inside + d @ v[:, :kept] @ torch.diag(1.0 / values[:kept]) @ v[:, :kept].T
    merged = merge("swudi", torch.zeros(20, 16), taus, options={"variant": "aswudi", "rank_rule": rule})
    torch.testing.assert_close(merged, expected.float(), atol=1e-6, rtol=0.0)


def test_init_changes_only_what_is_not_kept() -> None:
    taus = draw(5, 2, 10, 8)
    first, second = (
        merge("swudi", torch.zeros(10, 8), taus, options={"t": 1e9, "keep": 0.5, "init": init})
        for init in ("sum", "zero")
    )
    values, v = torch.linalg.eigh(gram(taus)[0])
    torch.testing.assert_close((first - second).double() @ v[:, 4:], torch.zeros(10, 4).double(), atol=1e-7, rtol=0.0)
    assert float(((first - second).double() @ v[:, :4]).abs().max()) > 1e-3
    assert len(values) == 8
