"""The GPU's loops give the bits of the processor's."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import Infeasible
from merging.gpu.binding import Bound, bound
from merging.gpu.launches import Exchange, Kind, Launch, Row, Rows
from merging.gpu.mirror import Mirror
from merging.loops import Flat
from merging.operators.fills import Band, Drawn
from merging.operators.kernels import (
    ChoiceKernel,
    ElectionKernel,
    LoopKernel,
    MeanKernel,
    NeededKernel,
    SumKernel,
)
from merging.parts import Part
from merging.vectors import StoredVector, Vector

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
COUNT = 4999
WEIGHTS = st.floats(-0.5, 1.5, width=32).filter(lambda weight: weight != 0.0)


def computed(parts: Sequence[Part], dtype: torch.dtype) -> list[Tensor]:
    mirror, kinds = Mirror(DEVICE), defaultdict[Kind, Rows](Rows)
    lines: dict[int, Bound] = {}
    results = []
    for number, part in enumerate(parts):
        results.append(torch.full((part.span.stop - part.span.start,), math.nan, dtype=dtype, device=DEVICE))
        found = bound(part.kernel)
        assert found is not None
        lines[number] = found
        stored = isinstance(found.vectors[0], StoredVector)
        hosts = [one.expert if isinstance(one, StoredVector) else one for one in found.vectors]
        arrays = [mirror.of(one) for one in (part.base.tensor, *hosts, *found.levels)]
        row = Row(f"tensor {number}", number, number, found, arrays, stored, part.span.start, results[-1])
        row.add_to(kinds)
    profiles = np.array([part.profile for part in parts])
    for kind, rows in kinds.items():
        launch = Launch(kind, rows, DEVICE)
        numbers = Exchange(launch.num_numbers, torch.float32, DEVICE)
        tops = Exchange(launch.num_rows, torch.int32, DEVICE)
        launch.fill(numbers.array, lines, profiles)
        numbers.send()
        launch.run(numbers.there, tops.there)
        tops.fetch()
        tops.wait()
        launch.check(tops.array)
    return [result.cpu() for result in results]


def expected(part: Part, dtype: torch.dtype) -> Tensor:
    out = torch.empty(part.span.stop - part.span.start, dtype=dtype)
    for work in part.bind(Flat(out)):
        work()
    return out


def base_and_vectors(seed: int, experts: int, stored: bool, dtype: torch.dtype) -> tuple[Tensor, list[Vector]]:
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(COUNT, generator=generator).to(dtype)
    changes = [torch.randn(COUNT, generator=generator) * 0.02 for _ in range(experts)]
    if not stored:
        return base, list(changes)
    return base, [StoredVector((base + change).bfloat16(), base) for change in changes]


def fills(kind: str, vectors: Sequence[Vector], seed: int) -> list[Band] | list[Drawn]:
    if kind == "band":
        return [Band(one, 0.01 * number - 0.005, (math.inf, 0.05)[number % 2]) for number, one in enumerate(vectors)]
    generator = torch.Generator().manual_seed(seed)
    if kind == "keyed":
        levels = [torch.randint(-(1 << 15), 1 << 15, (COUNT,), generator=generator) for _ in vectors]
        return [Drawn(one, level.to(torch.int16), 1000.5) for one, level in zip(vectors, levels, strict=True)]
    return [Drawn(one, -torch.rand(COUNT, generator=generator), -0.4) for one in vectors]


MODELS = pytest.mark.parametrize(
    "stored, dtype", [(True, torch.bfloat16), (False, torch.bfloat16), (False, torch.float32)]
)


@MODELS
@settings(max_examples=6)
@given(
    weights=st.lists(WEIGHTS, min_size=1, max_size=4), scale=st.sampled_from([1.0, 0.7]), start=st.sampled_from([0, 13])
)
def test_weighted_sums(stored: bool, dtype: torch.dtype, weights: list[float], scale: float, start: int) -> None:
    base, vectors = base_and_vectors(len(weights), len(weights), stored, dtype)
    part = Part(slice(start, COUNT - 3), SumKernel(Flat(base), vectors, weights, scale), Flat(base))
    (found,) = computed([part], dtype)
    different = found != expected(part, dtype)
    # The interpreter rounds a product before it adds it, the loop and a GPU do not.
    assert different.sum() <= (0 if DEVICE.type == "cuda" else 0.02 * COUNT)
    torch.testing.assert_close(found, expected(part, dtype), atol=1e-6, rtol=8e-3 if dtype == torch.bfloat16 else 1e-6)


@MODELS
@pytest.mark.parametrize("kind", ["band", "keyed", "sequential"])
def test_chosen_elements(stored: bool, dtype: torch.dtype, kind: str) -> None:
    base, vectors = base_and_vectors(1, 3, stored, dtype)
    # Products by powers of two are exact, so that rounding them changes nothing.
    part = Part(slice(0, COUNT), ChoiceKernel(Flat(base), fills(kind, vectors, 2), [0.5, 1.0, 2.0]), Flat(base))
    assert torch.equal(computed([part], dtype)[0], expected(part, dtype))


@MODELS
@pytest.mark.parametrize("kind", ["band", "keyed", "sequential"])
@settings(max_examples=4)
@given(
    rules=st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()),
    weights=st.lists(WEIGHTS, min_size=3, max_size=3),
)
def test_elections(
    stored: bool, dtype: torch.dtype, kind: str, rules: tuple[bool, bool, bool, bool], weights: list[float]
) -> None:
    base, vectors = base_and_vectors(3, 3, stored, dtype)
    kernel = ElectionKernel(
        Flat(base), fills(kind, vectors, 4), [(1.2, weight) for weight in weights], weights, weights[::-1],
        weights, 0.8, 1e-6, *rules,
    )  # fmt: skip
    part = Part(slice(0, COUNT), kernel, Flat(base))
    assert torch.equal(computed([part], dtype)[0], expected(part, dtype))


@MODELS
@pytest.mark.parametrize("kind", ["band", "keyed", "sequential"])
@pytest.mark.parametrize("gains", [[1.0, 1.0, 1.0], [1.3, 1.0, 0.7]])
def test_means(stored: bool, dtype: torch.dtype, kind: str, gains: list[float]) -> None:
    base, vectors = base_and_vectors(5, 3, stored, dtype)
    part = Part(slice(3, COUNT), MeanKernel(Flat(base), fills(kind, vectors, 6), 0.8, gains), Flat(base))
    assert torch.equal(computed([part], dtype)[0], expected(part, dtype))


@MODELS
@pytest.mark.parametrize("least", [1, 2, 3])
def test_sums_where_enough_levels_pass(stored: bool, dtype: torch.dtype, least: int) -> None:
    base, vectors = base_and_vectors(7, 3, stored, dtype)
    generator = torch.Generator().manual_seed(8)
    levels = [torch.randint(0, 256, (COUNT,), generator=generator).to(torch.uint8) for _ in vectors]
    part = Part(slice(0, COUNT), NeededKernel(Flat(base), vectors, levels, [100, 0, 251], least, 0.4), Flat(base))
    assert torch.equal(computed([part], dtype)[0], expected(part, dtype))
    assert not torch.equal(expected(part, dtype), base)


def test_parts_of_many_tensors_with_profiles_of_their_own() -> None:
    parts = []
    for seed in range(5):
        base, vectors = base_and_vectors(seed, 1 + seed % 2, True, torch.bfloat16)
        kernel = SumKernel(Flat(base), vectors, [0.5] * len(vectors))
        parts += [
            Part(slice(16 * seed, 2000), kernel, Flat(base), 0.5),
            Part(slice(2000, COUNT - seed), kernel, Flat(base), 0.3 * seed + 0.1),
        ]
    for found, part in zip(computed(parts, torch.bfloat16), parts, strict=True):
        assert torch.equal(found, expected(part, torch.bfloat16))


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
@pytest.mark.parametrize("poison", [math.nan, math.inf, 3e38])
@pytest.mark.parametrize("elects", [False, True])
def test_values_that_are_not_finite_are_refused_by_name(poison: float, elects: bool) -> None:
    base, (vector,) = base_and_vectors(0, 1, False, torch.bfloat16)
    assert isinstance(vector, Tensor)
    vector[COUNT - 1] = poison
    kernel: LoopKernel = SumKernel(Flat(base), [vector], [2.0])
    if elects:
        ones = [1.0]
        kernel = ElectionKernel(
            Flat(base), [Band(vector)], [(1.0, 1.0)], ones, ones, ones, 2.0, 1e-9, False, False, True, False
        )
    with pytest.raises(Infeasible, match=r"tensor 0: a merged value is not finite in torch\.bfloat16"):
        computed([Part(slice(0, COUNT), kernel, Flat(base))], torch.bfloat16)


def test_what_does_not_fit_the_budget_is_copied_each_time() -> None:
    mirror = Mirror(DEVICE, budget=3000)
    first, second = torch.arange(500, dtype=torch.float32), torch.arange(500, dtype=torch.float32) + 1
    assert mirror.of(first) is mirror.of(first)
    assert mirror.kept_bytes == 2000
    assert mirror.of(second) is not mirror.of(second)
    assert (mirror.kept_bytes, mirror.streamed_bytes) == (2000, 4000)
    assert torch.equal(mirror.of(second).cpu(), second)
