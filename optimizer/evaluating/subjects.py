"""What ``evomerge evaluate`` scores: checkpoints, and adapters on their base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evomerge.errors import ModelError
from merging.adapters import CONFIG, is_adapter
from merging.checkpoints import read_json
from merging.export import sha256
from merging.models import ModelRef, ModelSet
from merging.packs.read import is_pack
from merging.recipe import Recipe
from merging.resolve import resolve_model
from optimizer.parents import weights_hash

# The short name of the one model that a recipe of these names.
EXPERT = "model"


@dataclass(frozen=True)
class Subject:
    """One model to score.

    Attributes:
        label: unique among those that are scored together.
        named: as it was named.
        base: checkpoint that the engine holds.
        expert: what is merged into it: an adapter or delta pack, or the checkpoint itself, which changes nothing.
        recipe: writes the model into the engine.
        weights: hash of the weight and configuration files, as experiments have it of base and adapters.
    """

    label: str
    named: str
    base: ModelRef
    expert: ModelRef
    recipe: Recipe
    weights: str


def find_subjects(models: Sequence[str], base: str | None, root: Path) -> tuple[Subject, ...]:
    """Find models on this machine or on the hub.

    Args:
        models: directories of checkpoints, LoRA adapters or delta packs, or names of repositories.
        base: what adapters and packs belong to; None takes the base that an adapter names.
        root: where relative paths start.

    Raises:
        ModelError: one cannot be found or opened, or an adapter's base is not known.
    """
    labels = _labels(models)
    return tuple(_subject(label, named, base, root) for label, named in zip(labels, models, strict=True))


def _subject(label: str, named: str, base: str | None, root: Path) -> Subject:
    found = resolve_model(named, None, root)
    path = Path(found.path)
    on_a_base = is_adapter(path) or is_pack(path)
    if on_a_base:
        place = resolve_model(base or _base_of(named, path), None, root)
        resident = ModelRef("base", str(place.path), place.revision)
    else:
        resident = ModelRef("base", str(path), found.revision)
    expert = ModelRef(EXPERT, str(path), found.revision)
    opened = ModelSet.open(resident, (expert,))
    recipe = Recipe("task_arithmetic", (EXPERT,), "global", {"weight": {EXPERT: (float(on_a_base),)}})
    files = opened.weight_files()
    refs = (resident, expert) if on_a_base else (resident,)
    weights = weights_hash([([sha256(file) for file in files[ref.name]], Path(ref.path)) for ref in refs])
    return Subject(label, named, resident, expert, recipe, weights)


def _base_of(named: str, path: Path) -> str:
    if is_adapter(path):
        known = read_json(f"model {named}", path / CONFIG).get("base_model_name_or_path")
        if known:
            return str(known)
    raise ModelError(f"model {named}", "it does not say which base it belongs to", "give the base with --base")


def _labels(models: Sequence[str]) -> list[str]:
    """Return the last part of each name, with as many before it as tell the models apart."""
    parts = [Path(model).parts for model in models]
    depth = 1
    while len({one[-depth:] for one in parts}) < len(parts) and depth < max(map(len, parts)):
        depth += 1
    labels = ["/".join(one[-depth:]) for one in parts]
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise ModelError(f"model {twice}", "it is named twice", "name each model once")
    return labels
