"""A merge as an ordinary Hugging Face checkpoint directory, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evomerge import __version__
from merging.digests import sha256
from merging.materialize import Materializer
from merging.mergekit import NotExpressible, mergekit_config
from merging.models import ModelSet
from merging.recipe import Recipe
from merging.staging import check_free, staged, write_json
from merging.vocabulary.files import write_tokenizer
from merging.weights import TensorSpec, parse_size, write_weights

__all__ = ["ExportResult", "MergedModel", "export_checkpoint", "merged_model", "parse_size", "sha256", "write_model"]


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


@dataclass(frozen=True)
class MergedModel:
    """A merged model that is about to be written.

    Args:
        specs: every tensor, in the order of ``tensors``.
        tensors: computed as they are taken.
        config: ``config.json``.
        files: writes tokenizer and generation files into a directory.
        provenance: ``recipe.json``, which may take long to collect.
        card: ``README.md``.
        mergekit: ``mergekit_config.yml``.
        not_expressible: why there is none.
        notes: what the reader of a result should know about it.
    """

    specs: Mapping[str, TensorSpec]
    tensors: Iterable[tuple[str, Tensor]]
    config: Mapping[str, Any]
    files: Callable[[Path], None]
    provenance: Callable[[], Mapping[str, Any]]
    card: str
    mergekit: str | None = None
    not_expressible: str | None = None
    notes: tuple[str, ...] = ()


def write_model(model: MergedModel, out: Path, *, max_shard_size: str = "5GB") -> ExportResult:
    """Write a complete model directory.

    Weights are streamed: one tensor at a time is written. Everything goes to a temporary directory beside
    ``out``, which takes its name only once it is complete.

    Args:
        model: what to write.
        out: directory to create; may exist if it is empty.
        max_shard_size: largest weight file, such as ``500MB``; a single larger tensor has its own file.

    Raises:
        StateConflict: ``out`` exists and is not empty.
        InvalidInput: ``max_shard_size`` is not a size.
        Infeasible: a tensor cannot be merged.
    """
    limit = parse_size(max_shard_size)
    with staged(out) as directory, _aside(model.provenance) as provenance:
        written = write_weights(directory, model.specs, model.tensors, limit)
        write_json(directory / "config.json", model.config)
        model.files(directory)
        (directory / "README.md").write_text(model.card, encoding="utf-8")
        if model.mergekit is not None:
            (directory / "mergekit_config.yml").write_text(model.mergekit, encoding="utf-8")
        write_json(directory / "recipe.json", provenance())
        files = {path.name: written.get(path.name) or sha256(path) for path in sorted(directory.iterdir())}
    return ExportResult(out, files, model.not_expressible)


def export_checkpoint(
    materializer: Materializer, recipe: Recipe, out: Path, *, card: str, max_shard_size: str = "5GB"
) -> ExportResult:
    """Write the merge that a recipe describes; see :func:`write_model`.

    Args:
        materializer: of the models that the recipe merges.
        recipe: the merge.
        out: directory to create; may exist if it is empty.
        card: text of the README.md.
        max_shard_size: largest weight file.

    Raises:
        RecipeError: the recipe cannot be merged.
        InvalidInput, Infeasible: see :func:`write_model`.
    """
    check_free(out)
    return write_model(merged_model(materializer, recipe, card=card), out, max_shard_size=max_shard_size)


def merged_model(
    materializer: Materializer, recipe: Recipe, *, card: str, dtype: torch.dtype | None = None
) -> MergedModel:
    """Return the merge that a recipe describes, ready to be written.

    Args:
        materializer: of the models that the recipe merges.
        recipe: the merge.
        card: text of the README.md.
        dtype: of all merged tensors; None keeps each tensor's own.

    Raises:
        RecipeError: the recipe is not valid.
    """
    models = materializer.models
    materializer.check(recipe)
    mergekit, reason = None, None
    try:
        mergekit = mergekit_config(recipe, models)
    except NotExpressible as error:
        reason = error.reason
    return MergedModel(
        specs=_specs(models, dtype),
        tensors=_lazily(materializer, recipe, dtype),
        config=_config(models, dtype),
        files=lambda directory: write_tokenizer(models, directory),
        provenance=lambda: _provenance(recipe, models, dtype),
        card=card,
        mergekit=mergekit,
        not_expressible=reason,
    )


@contextmanager
def _aside(work: Callable[[], Mapping[str, Any]]) -> Iterator[Callable[[], Mapping[str, Any]]]:
    """Run work on a thread of its own while the block goes on; hashing files needs no lock."""
    pool = ThreadPoolExecutor(1)
    try:
        yield pool.submit(work).result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _lazily(materializer: Materializer, recipe: Recipe, dtype: torch.dtype | None) -> Iterator[tuple[str, Tensor]]:
    """Start nothing, statistics of the whole model included, before the first tensor is asked for."""
    yield from materializer.tensors(recipe, dtype=dtype)


def _specs(models: ModelSet, dtype: torch.dtype | None) -> dict[str, TensorSpec]:
    specs = {}
    for name in models.tensor_names():
        info = models.tensor_info(name)
        specs[name] = TensorSpec(info.shape, dtype if dtype is not None and models.is_merged(name) else info.dtype)
    return specs


def _config(models: ModelSet, dtype: torch.dtype | None) -> dict[str, Any]:
    config = {key: value for key, value in models.config.items() if key != "_name_or_path"}
    config["torch_dtype" if "torch_dtype" in config else "dtype"] = str(dtype or models.dtype).removeprefix("torch.")
    return config


def _provenance(recipe: Recipe, models: ModelSet, dtype: torch.dtype | None) -> dict[str, Any]:
    digests = {name: {path.name: sha256(path) for path in files} for name, files in models.weight_files().items()}
    extra: dict[str, Any] = {} if dtype is None else {"dtype": str(dtype).removeprefix("torch.")}
    if models.vocabulary is not None:
        extra["tokenizer"] = asdict(models.vocabulary.policy)
    return {
        "evomerge": __version__,
        "recipe": recipe.to_dict(),
        "digest": recipe.digest(),
        "base": asdict(models.base) | {"sha256": digests[models.base.name]},
        "experts": [asdict(ref) | {"sha256": digests[ref.name]} for ref in models.experts],
        **extra,
    }
