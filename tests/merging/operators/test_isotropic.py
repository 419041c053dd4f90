"""Iso-C and Iso-CTS against plain float64 references, and what must hold of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from merges import merge

SHAPES = ((8, 8), (12, 7), (5, 11))
seeds = st.integers(0, 10_000)


def draw(seed: int, count: int, *shape: int) -> list[Tensor]:
    return list(torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed)))


def closest(stack: Tensor) -> Tensor:
    p, _, qh = torch.linalg.svd(stack, full_matrices=False)
    return p @ qh


def iso_cts(taus: Sequence[Tensor], fraction: float) -> Tensor:
    """The steps of Iso-CTS, one after the other in float64."""
    count = len(taus)
    u, s, vh = torch.linalg.svd(sum(tau.double() for tau in taus), full_matrices=False)
    common = int(len(s) * fraction)
    common = len(s) - count * min(round((len(s) - common) / count), len(s) // count)
    own = (len(s) - common) // count
    lefts, values, rights = [], [], []
    for tau in taus:
        rest = tau.double() - u[:, :common] @ u[:, :common].T @ tau.double()
        a, b, ch = torch.linalg.svd(rest, full_matrices=False)
        lefts.append(a[:, :own])
        values.append(b[:own])
        rights.append(ch[:own].T)
    lefts.append(u[:, :common])
    values.append(s[:common])
    rights.append(vh[:common].T)
    return torch.cat(values).mean() * closest(torch.cat(lefts, 1)) @ closest(torch.cat(rights, 1)).T


@settings(max_examples=15)
@given(seeds, st.sampled_from(SHAPES), st.integers(1, 4), st.sampled_from(("numerical", "full")))
def test_iso_c_is_its_formula(seed: int, shape: tuple[int, int], count: int, rank: str) -> None:
    base, *taus = draw(seed, count + 1, *shape)
    u, s, vh = torch.linalg.svd(sum(tau.double() for tau in taus), full_matrices=False)
    merged = merge("iso_c", base, taus, options={"rank": rank}, lam=1.3)
    torch.testing.assert_close(merged, (base + 1.3 * s.mean() * u @ vh).float(), atol=1e-4, rtol=1e-4)
    spectrum = torch.linalg.svdvals((merged - base).double())
    torch.testing.assert_close(spectrum, spectrum.mean().expand_as(spectrum), atol=0.0, rtol=1e-4)


@settings(max_examples=20)
@given(seeds, st.sampled_from(SHAPES), st.integers(1, 3), st.floats(0.0, 1.0), st.sampled_from(("numerical", "full")))
def test_iso_cts_is_its_formula(seed: int, shape: tuple[int, int], count: int, fraction: float, rank: str) -> None:
    base, *taus = draw(seed, count + 1, *shape)
    merged = merge("iso_cts", base, taus, options={"common_fraction": fraction, "rank": rank})
    torch.testing.assert_close(merged, (base + iso_cts(taus, fraction)).float(), atol=1e-3, rtol=1e-3)


@settings(max_examples=10)
@given(seeds, st.integers(1, 3))
def test_iso_c_keeps_a_multiple_of_an_orthogonal_matrix(seed: int, count: int) -> None:
    turn = torch.linalg.qr(draw(seed, 1, 7, 7)[0]).Q
    merged = merge("iso_c", torch.zeros(7, 7), [0.3 * turn] * count)
    torch.testing.assert_close(merged, 0.3 * count * turn, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", ["iso_c", "iso_cts"])
def test_only_changed_directions_are_flattened_by_default(method: str) -> None:
    factors = draw(4, 4, 12, 3)
    taus = [factors[0] @ factors[1].T, factors[2] @ factors[3].T]
    values = torch.linalg.svdvals((taus[0] + taus[1]).double())
    spectrum = torch.linalg.svdvals(merge(method, torch.zeros(12, 12), taus).double())
    assert int((spectrum > 1e-4).sum()) == 6
    torch.testing.assert_close(spectrum[:6], spectrum[0].expand(6), atol=0.0, rtol=1e-4)
    if method == "iso_c":
        torch.testing.assert_close(spectrum[0], values[:6].mean(), atol=0.0, rtol=1e-4)
        full = torch.linalg.svdvals(merge(method, torch.zeros(12, 12), taus, options={"rank": "full"}).double())
        torch.testing.assert_close(full, values.mean().expand(12), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("method", ["iso_c", "iso_cts"])
def test_experts_that_cancel_leave_the_base(method: str) -> None:
    base, tau = draw(5, 2, 6, 6)
    assert torch.equal(merge(method, base, [tau, -tau]), base)


def test_all_common_is_iso_c() -> None:
    base, *taus = draw(6, 3, 9, 5)
    common = merge("iso_cts", base, taus, options={"common_fraction": 1.0})
    torch.testing.assert_close(common, merge("iso_c", base, taus), atol=1e-5, rtol=1e-5)


def test_more_experts_than_directions() -> None:
    base, *taus = draw(7, 9, 4, 5)
    merged = merge("iso_cts", base, taus, options={"common_fraction": 0.0})
    torch.testing.assert_close(merged, merge("iso_c", base, taus), atol=1e-5, rtol=1e-5)
