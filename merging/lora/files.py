"""What the adapter verbs are given on the command line: recipe files and adapter directories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evomerge.errors import RecipeError
from merging.documents import load_documents, read_text
from merging.models import ModelRef, ModelSet
from merging.recipe_file import RecipeFile, read_export, read_recipe
from merging.resolve import resolve_model


def load_recipe(path: Path) -> RecipeFile:
    """Read a recipe file or the ``recipe.json`` of an export.

    Raises:
        RecipeError: it is no recipe, or it is a mergekit configuration, whose models are checkpoints.
        ModelError: a model cannot be found.
    """
    nodes = load_documents(read_text(path), path.name)
    keys = nodes[0].entries().keys()
    if "merge_method" in keys or "mergekit" in keys:
        raise nodes[0].error(
            "is a mergekit configuration, which describes checkpoints",
            "write a recipe with base_model, models (the adapters) and method",
        )
    if len(nodes) > 1:
        raise nodes[1].error("a second document follows", "write one recipe per file")
    return read_export(nodes[0]) if "recipe" in keys else read_recipe(nodes[0], path.resolve().parent)


def open_experts(base: str, experts: Sequence[str]) -> ModelSet:
    """Open a base with experts that are named by directory or repository.

    Args:
        base: directory or Hugging Face repository.
        experts: the same; ``NAME=`` before one gives it a name, otherwise the last part of its path does.

    Raises:
        ModelError: one cannot be found or opened, or two have one name.
    """
    root = Path.cwd()
    found = resolve_model(base, None, root)
    opened = [_expert(one, root) for one in experts]
    name = "base model" if any(one.name == "base" for one in opened) else "base"
    return ModelSet.open(ModelRef(name, found.path, found.revision), opened)


def _expert(text: str, root: Path) -> ModelRef:
    name, sign, model = text.partition("=")
    if not sign or (root / text).is_dir():
        name, model = (root / text).resolve().name, text
    if not name or not model:
        raise RecipeError("experts", f"found {text!r}", "write NAME=DIRECTORY or DIRECTORY")
    found = resolve_model(model, None, root)
    return ModelRef(name, found.path, found.revision)
