"""Finding and opening the models that a mergekit configuration names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from merging.mergekit.references import Reference
from merging.resolve import ResolvedModel, resolve_model
from merging.sources import Source


def open_models(
    references: Iterable[Reference], roots: Iterable[Path], steps: Mapping[str, Path]
) -> dict[Reference, Source]:
    """Open every model.

    Args:
        references: what the configuration names, each once.
        roots: directories that relative paths may start at, in order.
        steps: directories of earlier merges, by name.

    Raises:
        ModelError: a model cannot be found or opened.
    """
    opened: dict[Reference, Source] = {}
    roots = tuple(roots)
    for reference in references:
        label = _label(reference, {source.label for source in opened.values()})
        model = _find(reference.path, reference.revision, roots, steps)
        adapter = None
        if reference.adapter is not None:
            adapter = _find(reference.adapter, reference.adapter_revision, roots, steps)
        opened[reference] = Source(label, model, adapter)
    return opened


def _find(name: str, revision: str | None, roots: tuple[Path, ...], steps: Mapping[str, Path]) -> ResolvedModel:
    if name in steps:
        return ResolvedModel(str(steps[name]), None)
    root = next((root for root in roots if (root / Path(name).expanduser()).is_dir()), roots[0])
    return resolve_model(name, revision, root)


def _label(reference: Reference, taken: set[str]) -> str:
    """Return a short name: the last part of the path, with the adapter's, and a number where that is not unique."""
    parts = [reference.path, *([reference.adapter] if reference.adapter else [])]
    short = "+".join(Path(part).name or part for part in parts)
    label, number = short, 2
    while label in taken:
        label, number = f"{short}-{number}", number + 1
    return label
