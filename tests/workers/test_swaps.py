"""Another checkpoint takes the place of the resident one: what it scores is what an engine of its own would."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from evals.tasks import TaskDefinition
from evomerge.errors import EngineError
from merging.models import ModelRef
from merging.recipe import Recipe
from workers.config import WorkerConfig
from workers.swaps import obstacle
from workers.worker import ScoringWorker

MakeLlama = Callable[..., Path]
ITSELF = Recipe("task_arithmetic", ("model",), "global", {"weight": {"model": (0.0,)}})


def config(path: Path, tasks: tuple[TaskDefinition, ...]) -> WorkerConfig:
    ref = ModelRef("base", str(path))
    return WorkerConfig(ref, (replace(ref, name="model"),), tasks, "transformers", dtype="float32", max_model_len=256)


def test_a_swapped_checkpoint_scores_as_a_fresh_one_and_so_does_the_first_again(
    tiny_llama: MakeLlama, tasks: tuple[TaskDefinition, ...], tmp_path: Path
) -> None:
    paths = [tiny_llama(tmp_path / str(seed), seed=seed) for seed in (1, 2)]
    fresh = [ScoringWorker(config(path, tasks)).score(ITSELF, "test").items for path in paths]
    assert fresh[0] != fresh[1]
    worker = ScoringWorker(config(paths[0], tasks))
    assert worker.score(ITSELF, "test").items == fresh[0]
    for turn in (1, 0):
        worker.adopt(config(paths[turn], tasks))
        assert worker.score(ITSELF, "test").items == fresh[turn]


def test_what_does_not_fit_is_refused_with_the_reason(
    tiny_llama: MakeLlama, tasks: tuple[TaskDefinition, ...], tmp_path: Path
) -> None:
    resident = tiny_llama(tmp_path / "resident", seed=1)

    def why(path: Path) -> str | None:
        return obstacle(ModelRef("base", str(resident)), ModelRef("base", str(path)))

    same, deeper = tiny_llama(tmp_path / "same", seed=2), tiny_llama(tmp_path / "deeper", num_hidden_layers=5)
    assert why(same) is None
    assert why(deeper) == "config.json says 4 and 5 for num_hidden_layers"
    (same / "chat_template.jinja").write_text("{{ messages }}")
    assert why(same) == "their chat_template.jinja differs"
    shutil.copy(resident / "chat_template.jinja", same / "chat_template.jinja")
    tensors = load_file(same / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"][:32].clone()
    save_file(tensors, same / "model.safetensors")
    assert why(same) == "tensor model.norm.weight has the shapes (64,) and (32,)"

    worker = ScoringWorker(config(resident, tasks))
    worker.ready()
    with pytest.raises(EngineError, match=r"cannot take the place of .*num_hidden_layers"):
        worker.adopt(config(deeper, tasks))
    with pytest.raises(EngineError, match="start another worker"):
        worker.adopt(replace(config(same, tasks), dtype="bfloat16"))
