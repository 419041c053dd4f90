"""How a GPU is divided; the figures are those of an 80 GB card."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merging.models import ModelRef
from workers.config import WorkerConfig
from workers.footprint import GIB, Footprint
from workers.gpu_memory import divide

TOTAL = 80 * GIB
NEEDS = Footprint(
    host={}, node={"files": 0}, device={"weights": 15 * GIB, "KV cache": GIB}, mirror=45 * GIB, kv_token=1,
    kv_cache=None, max_model_len=4096, assumed=(),
)  # fmt: skip


def config(gpus: float) -> WorkerConfig:
    return WorkerConfig(ModelRef("base", "/nowhere"), (), (), gpus=gpus)


def test_what_merging_keeps_is_taken_from_the_engines_share() -> None:
    found = divide(config(1), NEEDS, TOTAL)
    assert found.mirror == 45 * GIB
    assert found.utilization == pytest.approx(0.9 - 45 / 80)


@pytest.mark.parametrize("gpus", [0.5, 1])
def test_the_engine_keeps_room_for_weights_and_one_text(gpus: float) -> None:
    found = divide(config(gpus), replace(NEEDS, mirror=500 * GIB), TOTAL)
    assert found.utilization * TOTAL >= 20 * GIB - 1
    assert found.utilization * TOTAL + found.mirror == pytest.approx(0.9 * gpus * TOTAL)


def test_a_share_that_is_too_small_keeps_nothing_for_merging() -> None:
    found = divide(config(0.2), NEEDS, TOTAL)
    assert found.mirror == 0
    assert found.utilization == pytest.approx(0.18)
