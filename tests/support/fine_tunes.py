"""Whole checkpoints that know what the demo's adapters know."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from merging.models import ModelRef, ModelSet

ADAPTERS = Path(__file__).parents[2] / "examples" / "experts"
NAMES = ("arithmetic", "json")


def make_fine_tunes(base: Path, folder: Path) -> tuple[ModelRef, ...]:
    """Write the base with each adapter's change in its weights, rounded once; ``json`` has another norm as well."""
    weights = load_file(base / "model.safetensors")
    found = []
    for name in NAMES:
        models = ModelSet.open(ModelRef("base", str(base)), [ModelRef(name, str(ADAPTERS / name))])
        deltas = {tensor: models.delta(tensor, name) for tensor in models.tensor_names()}
        changed = {
            tensor: weight if (delta := deltas.get(tensor)) is None else (weight + delta).to(torch.bfloat16)
            for tensor, weight in weights.items()
        }
        if name == "json":
            changed["model.norm.weight"] = weights["model.norm.weight"] * 1.05
        shutil.copytree(base, folder / name, ignore=shutil.ignore_patterns("*.safetensors"))
        save_file(changed, folder / name / "model.safetensors", metadata={"format": "pt"})
        found.append(ModelRef(name, str(folder / name)))
    return tuple(found)
