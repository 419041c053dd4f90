"""Recipe files of our own: a YAML file that a person writes, or the ``recipe.json`` of an export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from evomerge.errors import ModelError
from merging.deep_models import as_deep_as
from merging.documents import Node
from merging.export import sha256
from merging.models import ModelRef, ModelSet
from merging.operators import get_operator
from merging.recipe import Recipe
from merging.resolve import resolve_model
from merging.vocabulary.policy import BASE, MODEL, NONE, TokenRule, VocabularyPolicy

_KEYS = (
    "base_model", "models", "method", "granularity", "coefficients", "options", "seed", "dtype", "tokenizer",
)  # fmt: skip
_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


@dataclass(frozen=True)
class RecipeFile:
    """A recipe with the models that it merges.

    Args:
        base: the base model.
        experts: the models that the recipe names.
        recipe: the merge.
        dtype: of the output; None keeps that of the base.
        vocabulary: which tokens the merge has; None requires equal tokenizers.
        checksums: SHA-256 of weight files by model and file name, where the file records them.
    """

    base: ModelRef
    experts: tuple[ModelRef, ...]
    recipe: Recipe
    dtype: torch.dtype | None = None
    vocabulary: VocabularyPolicy | None = None
    checksums: Mapping[str, Mapping[str, str]] | None = None

    def open(self) -> ModelSet:
        """Open the models.

        Raises:
            ModelError: one cannot be opened, or its files are not those that were recorded.
            RecipeError, Infeasible: the recipe composes depth and makes no path.
        """
        models = ModelSet.open(self.base, self.experts, vocabulary=self.vocabulary)
        for name, files in models.weight_files().items():
            recorded = (self.checksums or {}).get(name)
            if recorded is not None and {file.name: sha256(file) for file in files} != recorded:
                raise ModelError(
                    f"model {name}",
                    f"the weights in {files[0].parent} are not those that the recipe was made with",
                    "get the recorded revision, or remove sha256 from the recipe to merge what is there",
                )
        return as_deep_as(models, self.recipe)


def read_recipe(node: Node, root: Path) -> RecipeFile:
    """Read a recipe with a ``method``.

    Args:
        node: the document.
        root: directory where relative paths start.

    Raises:
        RecipeError: names file, line, key and fix.
        ModelError: a model cannot be found.
    """
    fields = node.fields(_KEYS, required=("base_model", "models", "method"))
    models = fields["models"].entries()
    data: dict[str, Any] = {
        "method": fields["method"].text(),
        "models": list(models),
        "coefficients": _coefficients(fields["coefficients"]) if "coefficients" in fields else {},
    }
    for key in ("granularity", "options", "seed"):
        if key in fields:
            data[key] = fields[key].value
    if "options" in fields:
        data["options"] = _options(data["method"], fields["options"], root)
    dtype = _DTYPES[fields["dtype"].one_of(_DTYPES)] if "dtype" in fields else None
    return RecipeFile(
        _model("base", fields["base_model"], root),
        tuple(_model(name, one, root) for name, one in models.items()),
        Recipe.from_dict(data),
        dtype,
        _vocabulary(fields.get("tokenizer"), root),
    )


def read_export(node: Node) -> RecipeFile:
    """Read the ``recipe.json`` of an export; the models must be where they were.

    Raises:
        RecipeError: it is no such file.
    """
    fields = node.fields(
        ("evomerge", "recipe", "digest", "base", "experts", "dtype", "tokenizer"),
        required=("recipe", "base", "experts"),
    )
    checksums: dict[str, Mapping[str, str]] = {}
    base = _recorded(fields["base"], checksums)
    experts = tuple(_recorded(one, checksums) for one in fields["experts"].items())
    dtype = _DTYPES[fields["dtype"].one_of(_DTYPES)] if "dtype" in fields else None
    vocabulary = _vocabulary(fields.get("tokenizer"), Path("/"))
    return RecipeFile(base, experts, Recipe.from_dict(fields["recipe"].value), dtype, vocabulary, checksums)


def _recorded(node: Node, checksums: dict[str, Mapping[str, str]]) -> ModelRef:
    fields = node.fields(("name", "path", "revision", "sha256"), required=("name", "path"))
    name = fields["name"].text()
    if "sha256" in fields:
        checksums[name] = {file: one.text() for file, one in fields["sha256"].entries().items()}
    return ModelRef(name, fields["path"].text(), fields["revision"].text() if "revision" in fields else None)


def _model(name: str, node: Node, root: Path) -> ModelRef:
    text = node.text()
    model, _, revision = (text, "", "") if (root / Path(text).expanduser()).is_dir() else text.partition("@")
    found = resolve_model(model, revision or None, root)
    return ModelRef(name, found.path, found.revision)


def _coefficients(node: Node) -> dict[str, Any]:
    """Accept a plain number where a list of one would do."""

    def listed(value: Any) -> Any:
        return [value] if isinstance(value, int | float) and not isinstance(value, bool) else value

    return {
        name: {model: listed(one.value) for model, one in entry.entries().items()}
        if isinstance(entry.value, dict)
        else listed(entry.value)
        for name, entry in node.entries().items()
    }


def _options(method: str, node: Node, root: Path) -> dict[str, Any]:
    paths = {option.name for option in get_operator(method).all_options() if option.path}
    return {
        name: str((root / Path(one.text()).expanduser()).resolve()) if name in paths and one.value else one.value
        for name, one in node.entries().items()
    }


def _vocabulary(node: Node | None, root: Path) -> VocabularyPolicy | None:
    if node is None:
        return None
    fields = node.fields(("source", "tokens", "pad_to_multiple_of", "chat_template"))
    rules: dict[str, TokenRule] = {}
    for token, one in (fields["tokens"].entries() if "tokens" in fields else {}).items():
        rule = one.fields(("source", "token", "token_id", "force"), required=("source",))
        rules[token] = TokenRule(**{key: part.value for key, part in rule.items()})
    multiple = fields["pad_to_multiple_of"].integer() if "pad_to_multiple_of" in fields else None
    return VocabularyPolicy(
        source=fields["source"].text() if "source" in fields else "base",
        tokens=rules,
        pad_to_multiple_of=multiple,
        chat_template=_template(fields["chat_template"].text(), root) if "chat_template" in fields else None,
    )


def _template(choice: str, root: Path) -> str:
    """Return where a template file is; the other choices stay as they are."""
    if choice in (BASE, NONE) or choice.startswith(MODEL):
        return choice
    return str((root / Path(choice).expanduser()).resolve())
