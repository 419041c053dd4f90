"""TSV-M and R-TSVM against plain float64 references, and what must hold of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from merges import merge
from merging.operators import get_operator

SHAPES = ((8, 8), (12, 7), (5, 11))
seeds = st.integers(0, 10_000)


def draw(seed: int, count: int, *shape: int) -> list[Tensor]:
    return list(torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed)))


def orthogonal(seed: int, size: int) -> Tensor:
    return torch.linalg.qr(draw(seed, 1, size, size)[0].double()).Q


def reference(taus: Sequence[Tensor], ranks: Sequence[int], factors: Sequence[float], ridge: bool = False) -> Tensor:
    """Steps 1 to 4 of TSV-M, one after the other in float64."""
    lefts, values, rights = [], [], []
    for tau, rank, factor in zip(taus, ranks, factors, strict=True):
        u, s, vh = torch.linalg.svd(tau.double(), full_matrices=False)
        lefts.append(u[:, :rank])
        values.append(factor * s[:rank])
        rights.append(vh[:rank].T)

    def closest(stack: Tensor) -> Tensor:
        if ridge:
            values, vectors = torch.linalg.eigh(stack.T @ stack + 1e-6 * torch.eye(stack.shape[1]))
            return stack @ vectors @ torch.diag(values.clamp_min(1e-30) ** -0.5) @ vectors.T
        p, _, qh = torch.linalg.svd(stack, full_matrices=False)
        return p @ qh

    return closest(torch.cat(lefts, 1)) @ torch.diag(torch.cat(values)) @ closest(torch.cat(rights, 1)).T


@settings(max_examples=15)
@given(seeds, st.sampled_from(SHAPES), st.integers(1, 4), st.sampled_from((0.7, 1.0)), st.booleans())
def test_tsv_m_is_its_formula(seed: int, shape: tuple[int, int], count: int, factor: float, ridge: bool) -> None:
    base, *taus = draw(seed, count + 1, *shape)
    rank = max(1, int(factor * min(shape) / count))
    expected = reference(taus, [rank] * count, [1.0] * count, ridge)
    options = {"rank_factor": factor, "polar": "ridge" if ridge else "exact"}
    merged = merge("tsv_m", base, taus, options=options, lam=0.6)
    torch.testing.assert_close(merged, (base + 0.6 * expected).float(), atol=1e-5, rtol=1e-5)


@settings(max_examples=10)
@given(seeds, st.sampled_from(SHAPES), st.integers(1, 3))
def test_lossless_keeps_everything(seed: int, shape: tuple[int, int], count: int) -> None:
    base, *taus = draw(seed, count + 1, *shape)
    expected = reference(taus, [min(shape)] * count, [1.0] * count)
    merged = merge("tsv_m", base, taus, options={"variant": "lossless"})
    torch.testing.assert_close(merged, (base + expected).float(), atol=1e-4, rtol=1e-4)
    if shape[0] == shape[1]:
        # The singular vectors of one square matrix are a whole basis already.
        torch.testing.assert_close(merged, base + sum(taus) / count, atol=1e-5, rtol=1e-5)


@settings(max_examples=10)
@given(seeds, st.sampled_from(SHAPES))
def test_one_expert_comes_back(seed: int, shape: tuple[int, int]) -> None:
    base, tau = draw(seed, 2, *shape)
    for method in ("tsv_m", "r_tsvm"):
        torch.testing.assert_close(merge(method, base, [tau]), base + tau, atol=1e-5, rtol=1e-5)


@settings(max_examples=10)
@given(seeds)
def test_orthogonal_tasks_are_added(seed: int) -> None:
    left, right = orthogonal(seed, 9), orthogonal(seed + 1, 9)
    taus = [(left[:, k : k + 3] * torch.tensor([3.0, 2.0, 1.0]) @ right[:, k : k + 3].T).float() for k in (0, 3, 6)]
    merged = merge("tsv_m", torch.zeros(9, 9), taus)
    torch.testing.assert_close(merged, sum(taus, torch.zeros(9, 9)), atol=1e-5, rtol=1e-5)


def test_identical_experts_of_small_rank_are_merged_once() -> None:
    factors = draw(1, 2, 9, 2)
    tau = factors[0] @ factors[1].T
    merged = merge("tsv_m", torch.zeros(9, 9), [tau, tau, tau])
    torch.testing.assert_close(merged, tau, atol=1e-5, rtol=1e-5)


@settings(max_examples=10)
@given(seeds, st.lists(st.floats(-1.0, 1.5), min_size=3, max_size=3))
def test_weights_scale_singular_values(seed: int, weights: list[float]) -> None:
    taus = draw(seed, 3, 9, 12)
    expected = reference(taus, [3] * 3, weights)
    merged = merge("tsv_m", torch.zeros(9, 12), taus, weight=weights)
    torch.testing.assert_close(merged, expected.float(), atol=1e-5, rtol=1e-5)


def test_more_experts_than_rank_keep_one_direction_each() -> None:
    base, *taus = draw(2, 6, 3, 4)
    merged = merge("tsv_m", base, taus)
    torch.testing.assert_close(merged, (base + reference(taus, [1] * 5, [1.0] * 5)).float(), atol=1e-5, rtol=1e-5)


def recon(taus: Sequence[Tensor], z: float, clip: float) -> tuple[list[int], list[float]]:
    """Ranks and factors of our R-TSVM, element by element."""
    omegas, dense = [], []
    for tau in taus:
        magnitudes = tau.double().abs().reshape(-1)
        bound = magnitudes.mean() + z * magnitudes.std(correction=0)
        omegas.append(sum(m for m in magnitudes.tolist() if m > bound) / float(magnitudes.sum()))
        top = sorted(magnitudes.tolist())[-1]
        dense.append(sum(m >= 0.01 * top for m in magnitudes.tolist()) / magnitudes.numel())
    count, rank = len(taus), min(taus[0].shape)
    total = sum(omegas)
    factors = [min(max(count * o / total, 1 / clip), clip) if total else 1.0 for o in omegas]
    ranks = [min(max(round(rank / count * d / (sum(dense) / count)), 1), rank) for d in dense]
    shrink = min(1.0, rank / sum(ranks))
    return [max(1, int(shrink * k)) for k in ranks], factors


@settings(max_examples=15)
@given(seeds, st.sampled_from(((8, 8), (12, 7), (16, 20))), st.integers(2, 3), st.sampled_from((1.0, 2.0)))
def test_r_tsvm_is_our_formula(seed: int, shape: tuple[int, int], count: int, z: float) -> None:
    taus = draw(seed, count, *shape)
    # Heavy tails in one expert and zeros in another, so that both rules have something to do.
    taus[0] = taus[0] ** 3
    taus[1] = taus[1] * (taus[1] > 0.5)
    ranks, factors = recon(taus, z, 2.0)
    assert sum(ranks) <= min(shape)
    base = torch.zeros(shape)
    for reweight in (True, False):
        expected = reference(taus, ranks, factors if reweight else [1.0] * count)
        options = {"outlier_z": z, "reweight": reweight}
        torch.testing.assert_close(merge("r_tsvm", base, taus, options=options), expected.float(), atol=1e-4, rtol=1e-4)


def test_r_tsvm_without_its_additions_is_tsv_m() -> None:
    base, *taus = draw(3, 4, 10, 9)
    plain = {"reweight": False, "adaptive_rank": False}
    assert torch.equal(merge("r_tsvm", base, taus, options=plain), merge("tsv_m", base, taus))
    for single in ({"reweight": False}, {"adaptive_rank": False}):
        taus[0] = taus[0] ** 5
        taus[1] = taus[1] * (taus[1] > 1.0)
        assert not torch.equal(merge("r_tsvm", base, taus, options=single), merge("tsv_m", base, taus))


@pytest.mark.parametrize("words", ["our reconstruction", "not the authors"])
def test_r_tsvm_says_what_it_is(words: str) -> None:
    assert words in get_operator("r_tsvm").summary
