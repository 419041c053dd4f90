"""Codecs: what is stored comes back, and what is lost is the least that its size allows."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evomerge.errors import InvalidInput
from merging.operators.inputs import Factors
from merging.packs.codecs import (
    Band,
    decode_raw,
    decode_sign,
    decode_sparse,
    decode_svd,
    dequantized,
    encode_raw,
    encode_sign,
    encode_sparse,
    encode_svd,
    packed,
    parse_bits,
    quantized,
    unpacked,
)


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(st.integers(0, 99), st.sampled_from([8, 4, 2]), st.integers(1, 5), st.integers(1, 40))
@settings(max_examples=25)
def test_packed_bits_come_back(seed: int, bits: int, count: int, length: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, 2**bits, (count, length), generator=generator, dtype=torch.uint8)
    data = packed(codes, bits)
    assert data.dtype == torch.uint8 and data.shape == (count, -(-length * bits // 8))
    assert torch.equal(unpacked(data, bits, length), codes)


def test_bits_are_where_they_are_said_to_be() -> None:
    assert packed(torch.tensor([[1, 2, 3]], dtype=torch.uint8), 4).tolist() == [[0x21, 0x03]]
    assert packed(torch.tensor([[1, 2, 3, 0, 3]], dtype=torch.uint8), 2).tolist() == [[0b00111001, 0b11]]


@given(st.integers(0, 99), st.sampled_from([8, 4, 2]), st.sampled_from([1, 60, 128, 200]))
@settings(max_examples=25)
def test_quantized_values_are_near_and_no_other_level_is_nearer(seed: int, bits: int, length: int) -> None:
    vectors = normal(seed, 3, length).div(50.0)
    codes = quantized(vectors, bits)
    again = dequantized(codes, bits, length)
    steps = codes["steps"].float().repeat_interleave(128, dim=1)[:, :length]
    half = 2 ** (bits - 1)
    if length >= 60:
        # The distortion of a normal variable at these rates, with a margin for groups of this size.
        assert float((again - vectors).square().sum() / vectors.square().sum()) < {8: 1e-3, 4: 0.02, 2: 0.18}[bits]
    levels = again / steps
    assert float(levels.abs().max()) <= half - 0.5 + 1e-3
    inner = (vectors / steps).abs() < half
    assert float(((again - vectors).abs() / steps)[inner].max()) < 0.75


def test_the_scale_is_the_best_for_its_codes_and_padding_has_no_say() -> None:
    vectors = normal(0, 2, 200).div(50.0)
    codes = quantized(vectors, 2)
    levels = unpacked(codes["codes"], 2, 200).float() - 1.5
    for group, (first, last) in enumerate(((0, 128), (128, 200))):
        part, own = vectors[:, first:last], levels[:, first:last]
        best = (part * own).sum(1) / own.square().sum(1)
        torch.testing.assert_close(codes["steps"][:, group].float(), best, rtol=1e-3, atol=0.0)
    assert not dequantized(quantized(torch.zeros(2, 5), 4), 4, 5).any()


@given(st.integers(0, 99), st.floats(0.001, 1.0), st.sampled_from([(40, 7), (64, 64)]))
@settings(max_examples=25)
def test_sparse_keeps_the_largest(seed: int, density: float, shape: tuple[int, int]) -> None:
    delta = normal(seed, *shape)
    codes = encode_sparse(delta, density)
    kept = max(1, round(density * delta.numel()))
    assert ("mask" in codes) == (kept * 32 > delta.numel())
    again = decode_sparse(codes, shape)
    assert int(torch.count_nonzero(again)) == kept
    largest = set(delta.abs().reshape(-1).topk(kept).indices.tolist())
    assert set(again.reshape(-1).nonzero().squeeze(1).tolist()) == largest
    torch.testing.assert_close(again[again != 0], delta[again != 0], rtol=1e-3, atol=1e-6)


def test_sparse_stores_no_zeros() -> None:
    delta = torch.zeros(10, 10)
    delta[3] = 0.5
    codes = encode_sparse(delta, 0.9)
    assert len(codes["values"]) == 10
    assert torch.equal(decode_sparse(codes, (10, 10)), delta)


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (5, 150)])
@pytest.mark.parametrize("rank", [3, 12])
def test_svd_in_16_bits_is_the_best_of_its_rank(shape: tuple[int, int], rank: int) -> None:
    delta = normal(1, *shape)
    bands = parse_bits("16")
    again = decode_svd(encode_svd(delta, rank, bands), shape, bands)
    u, s, vh = torch.linalg.svd(delta, full_matrices=False)
    torch.testing.assert_close(again, (u[:, :rank] * s[:rank]) @ vh[:rank], atol=5e-3, rtol=0.0)


def test_more_bits_lose_less_and_bands_mix() -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.linalg.qr(torch.randn(96, 96, generator=generator))[0] for _ in range(2))
    delta = (left * torch.arange(1, 97) ** -0.7) @ right
    errors, sizes = {}, {}
    for text in ("2", "4", "8", "16", "8x4,4x16,2", "8x200,4"):
        bands = parse_bits(text)
        codes = encode_svd(delta, 48, bands)
        errors[text] = float((decode_svd(codes, (96, 96), bands) - delta).norm() / delta.norm())
        sizes[text] = sum(code.nbytes for code in codes.values())
    assert errors["2"] > errors["8x4,4x16,2"] > errors["4"] > errors["8"] >= errors["8x200,4"]
    assert sizes["2"] < sizes["8x4,4x16,2"] < sizes["4"] < sizes["8"] == sizes["8x200,4"] < sizes["16"]
    # Two bits a value, and every 128 values a scale of two bytes, for both sides of each component, and its size.
    assert sizes["2"] == 48 * (2 * (96 // 4 + 2) + 4)


def test_factors_and_the_dense_matrix_are_packed_alike() -> None:
    factors = Factors(normal(2, 40, 5), normal(3, 5, 30))
    delta, bands = factors.b @ factors.a, parse_bits("8x2,4")
    ours, dense = (decode_svd(encode_svd(one, 9, bands), (40, 30), bands) for one in (factors, delta))
    torch.testing.assert_close(ours, dense, atol=0.1, rtol=0.0)
    assert float((ours - delta).norm() / delta.norm()) < 0.1


def test_sign_keeps_signs_and_the_mean_magnitude_of_rows() -> None:
    delta = normal(4, 6, 21)
    again = decode_sign(encode_sign(delta), (6, 21))
    assert torch.equal(again.sign(), delta.sign())
    torch.testing.assert_close(again.abs()[:, 0], delta.abs().mean(dim=1))
    for row in range(6):
        best = float((again[row] - delta[row]).square().sum())
        for factor in (0.97, 1.03):
            assert float((factor * again[row] - delta[row]).square().sum()) > best


def test_raw_is_the_same_value() -> None:
    delta = normal(5, 7)
    assert torch.equal(decode_raw(encode_raw(delta)), delta)


def test_bands_are_read() -> None:
    assert parse_bits("8x20,4x180,2") == (Band(8, 20), Band(4, 180), Band(2, None))
    assert parse_bits(" 16 ") == (Band(16, None),)
    for text in ("", "3", "8x20", "8,4", "8x0,4", "8x20;4", "4x-1,2", "8x20,4x5"):
        with pytest.raises(InvalidInput, match="bits: found"):
            parse_bits(text)
