"""A merge as an ordinary Hugging Face checkpoint directory, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from evomerge import __version__
from evomerge.errors import InvalidInput, StateConflict
from merging.checkpoints import INDEX, SINGLE
from merging.materialize import Materializer
from merging.mergekit import NotExpressible, mergekit_config
from merging.models import ModelSet
from merging.recipe import Recipe

# Files of the base that a merged model needs unchanged.
COPIED = (
    "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model",
    "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt",
    "chat_template.jinja", "chat_template.json",
)  # fmt: skip
_SIZE = re.compile(r"(\d+)\s*(KB|MB|GB)", re.IGNORECASE)
_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    Args:
        path: the checkpoint directory.
        files: SHA-256 of every file, by name.
        not_expressible: why there is no ``mergekit_config.yml``; None where there is one.
    """

    path: Path
    files: dict[str, str]
    not_expressible: str | None


def export_checkpoint(
    materializer: Materializer, recipe: Recipe, out: Path, *, card: str, max_shard_size: str = "5GB"
) -> ExportResult:
    """Write a merge as a complete model directory.

    Weights are streamed: at most one shard is in memory. Everything is written to a temporary directory
    beside ``out``, which takes its name only once it is complete.

    Args:
        materializer: of the models that the recipe merges.
        recipe: the merge.
        out: directory to create; may exist if it is empty.
        card: text of the README.md.
        max_shard_size: largest weight file, such as ``500MB``; a single larger tensor has its own file.

    Raises:
        StateConflict: ``out`` exists and is not empty.
        InvalidInput: ``max_shard_size`` is not a size.
        RecipeError, Infeasible: the recipe cannot be merged.
    """
    limit = parse_size(max_shard_size)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StateConflict("out", f"{out} exists and is not empty", "choose another directory or empty this one")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        not_expressible = _write(materializer, recipe, temporary, card, limit)
        files = {path.name: sha256(path) for path in sorted(temporary.iterdir())}
        # mkdtemp and safetensors write privately; a model is as readable as anything else the user creates.
        mask = _umask()
        for path in temporary.iterdir():
            path.chmod(0o666 & ~mask)
        temporary.chmod(0o777 & ~mask)
        temporary.replace(out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return ExportResult(out, files, not_expressible)


def parse_size(text: str) -> int:
    """Return bytes of a size such as ``5GB`` (decimal units).

    Raises:
        InvalidInput: the text has another form.
    """
    match = _SIZE.fullmatch(text.strip())
    if not match or int(match[1]) == 0:
        raise InvalidInput("max_shard_size", f"found {text!r}", "write a number with KB, MB or GB, such as '5GB'")
    return int(match[1]) * _UNITS[match[2].upper()]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(materializer: Materializer, recipe: Recipe, out: Path, card: str, limit: int) -> str | None:
    models = materializer.models
    _write_weights(materializer.tensors(recipe), models, out, limit)
    _write_json(out / "config.json", _config(models))
    source = Path(models.base.path)
    for name in COPIED:
        if (source / name).is_file():
            shutil.copyfile(source / name, out / name)
    _write_json(out / "recipe.json", _provenance(recipe, models))
    (out / "README.md").write_text(card, encoding="utf-8")
    try:
        (out / "mergekit_config.yml").write_text(mergekit_config(recipe, models), encoding="utf-8")
    except NotExpressible as error:
        return error.reason
    return None


def _write_weights(tensors: Iterator[tuple[str, Tensor]], models: ModelSet, out: Path, limit: int) -> None:
    plan = _plan_shards(models, limit)
    count = max(plan.values())
    names = {i: f"model-{i:05d}-of-{count:05d}.safetensors" if count > 1 else SINGLE for i in range(1, count + 1)}
    shard: dict[str, Tensor] = {}
    current = 1
    for name, tensor in tensors:
        if plan[name] != current:
            save_file(shard, out / names[current], metadata={"format": "pt"})
            shard, current = {}, plan[name]
        shard[name] = tensor
    save_file(shard, out / names[current], metadata={"format": "pt"})
    if count > 1:
        infos = [models.tensor_info(name) for name in plan]
        total = {
            "total_parameters": sum(int(torch.Size(info.shape).numel()) for info in infos),
            "total_size": sum(info.nbytes for info in infos),
        }
        weight_map = {name: names[shard_number] for name, shard_number in plan.items()}
        _write_json(out / INDEX, {"metadata": total, "weight_map": weight_map})


def _plan_shards(models: ModelSet, limit: int) -> dict[str, int]:
    """Return the number, from 1, of the shard of each tensor, in writing order."""
    plan: dict[str, int] = {}
    shard, used = 1, 0
    for name in models.tensor_names():
        size = models.tensor_info(name).nbytes
        if used and used + size > limit:
            shard, used = shard + 1, 0
        plan[name] = shard
        used += size
    return plan


def _config(models: ModelSet) -> dict[str, Any]:
    config = {key: value for key, value in models.config.items() if key != "_name_or_path"}
    config["torch_dtype" if "torch_dtype" in config else "dtype"] = str(models.dtype).removeprefix("torch.")
    return config


def _provenance(recipe: Recipe, models: ModelSet) -> dict[str, Any]:
    digests = {name: {path.name: sha256(path) for path in files} for name, files in models.weight_files().items()}
    return {
        "evomerge": __version__,
        "recipe": recipe.to_dict(),
        "digest": recipe.digest(),
        "base": asdict(models.base) | {"sha256": digests[models.base.name]},
        "experts": [asdict(ref) | {"sha256": digests[ref.name]} for ref in models.experts],
    }


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
