"""Everything that cannot work is refused before a worker is started."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from evomerge.errors import InvalidInput
from experiments.spec import load_spec
from optimizer.preflight import make_plan
from optimizer.sources import output_path
from runs import Change, TinyExperiment

WEIGHTS = "model.safetensors"
NORM = "model.norm.weight"


def plan_error(experiment: TinyExperiment, change: Change) -> InvalidInput:
    loaded = load_spec(experiment.spec("preflight", change))
    with pytest.raises(InvalidInput) as caught:
        make_plan(loaded.spec, loaded.source_dir)
    assert caught.value.exit_code == 2
    assert caught.value.fix
    return caught.value


@pytest.fixture
def expert(tiny_experiment: TinyExperiment, tmp_path: Path) -> Path:
    """A full fine-tune of the base that a test may spoil."""
    return Path(shutil.copytree(tiny_experiment.folder / "base", tmp_path / "expert"))


def spoil(expert: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(expert / WEIGHTS)
    change(tensors)
    save_file(tensors, expert / WEIGHTS, metadata={"format": "pt"})


def other_vocabulary(expert: Path) -> None:
    config = json.loads((expert / "config.json").read_text())
    (expert / "config.json").write_text(json.dumps(config | {"vocab_size": 100}))


def only_pickle(expert: Path) -> None:
    torch.save(load_file(expert / WEIGHTS), expert / "pytorch_model.bin")
    (expert / WEIGHTS).unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: spoil(path, lambda one: one[NORM].fill_(float("nan"))), NORM),
        (lambda path: spoil(path, lambda one: one.pop(NORM)), NORM),
        (lambda path: spoil(path, lambda one: one.update({NORM: torch.ones(3, dtype=torch.bfloat16)})), NORM),
        (other_vocabulary, "vocab"),
        (only_pickle, "safetensors"),
    ],
    ids=["nan", "missing tensor", "shape", "vocabulary", "pickle"],
)
def test_unusable_expert_is_named(
    tiny_experiment: TinyExperiment, expert: Path, damage: Callable[[Path], object], words: str
) -> None:
    damage(expert)
    error = plan_error(tiny_experiment, lambda spec: spec["models"].update(spoilt=str(expert)))
    assert "spoilt" in str(error) or str(expert) in str(error)
    assert words in str(error)


def test_sound_expert_passes(tiny_experiment: TinyExperiment, expert: Path) -> None:
    loaded = load_spec(tiny_experiment.spec("sound", lambda spec: spec["models"].update(full=str(expert))))
    plan = make_plan(loaded.spec, loaded.source_dir)
    assert plan.genome.dimension == 3 * 2 * 2
    assert set(plan.inputs["models"]) == {"base", "a", "b", "full"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tensor_parallel": 2}, "workers.gpus"),
        ({"tensor_parallel": 2, "gpus": 2}, "workers.tensor_parallel"),
    ],
)
def test_impossible_workers_are_refused(tiny_experiment: TinyExperiment, change: dict[str, Any], field: str) -> None:
    assert plan_error(tiny_experiment, lambda spec: spec["workers"].update(change)).field == field


def test_output_takes_the_experiments_id(tiny_experiment: TinyExperiment) -> None:
    loaded = load_spec(tiny_experiment.spec("named", lambda spec: spec.update(output="out/{id}-merged")))
    found = output_path(loaded.spec, loaded.source_dir, "abc")
    assert found == (tiny_experiment.folder / "out" / "abc-merged").resolve()


def with_calibration(path: str) -> Change:
    def change(spec: dict[str, Any]) -> None:
        spec["merge"] = {"method": "fisher", "options": {"calibration": path}}

    return change


def test_a_file_that_an_option_names_is_found_beside_the_spec_and_is_part_of_the_inputs(
    tiny_experiment: TinyExperiment,
) -> None:
    plans = []
    for text in ("one", "two"):
        (tiny_experiment.folder / "calibration.jsonl").write_text(json.dumps({"text": text}))
        loaded = load_spec(tiny_experiment.spec("calibrated", with_calibration("calibration.jsonl")))
        plans.append(make_plan(loaded.spec, loaded.source_dir))
    assert plans[0].genome.options["calibration"] == str(tiny_experiment.folder / "calibration.jsonl")
    assert plans[0].inputs["option_files"] != plans[1].inputs["option_files"]


def test_a_missing_file_of_an_option_is_named(tiny_experiment: TinyExperiment) -> None:
    error = plan_error(tiny_experiment, with_calibration("nowhere.jsonl"))
    assert error.field == "merge.options.calibration"
    assert "nowhere.jsonl" in error.problem


def test_the_engine_is_as_deep_as_the_longest_path(tiny_experiment: TinyExperiment) -> None:
    def change(spec: dict[str, Any]) -> None:
        spec["merge"] = {"method": "layer_path", "options": {"max_blocks": 6}}

    loaded = load_spec(tiny_experiment.spec("deep", change))
    plan = make_plan(loaded.spec, loaded.source_dir)
    assert plan.worker.depth == 6
    assert plan.genome.dimension == 2 * 2 * 4
    assert [gene.init for gene in plan.genome.genes[:8]] == [0.7] * 4 + [0.3] * 4


def test_an_engine_less_deep_than_the_base_is_refused(tiny_experiment: TinyExperiment) -> None:
    def change(spec: dict[str, Any]) -> None:
        spec["merge"] = {"method": "layer_path", "options": {"max_blocks": 2}}

    assert plan_error(tiny_experiment, change).field == "merge.options.max_blocks"
