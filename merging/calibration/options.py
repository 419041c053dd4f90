"""The options that every operator with data has, and what they mean together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evomerge.errors import RecipeError
from merging.calibration.cache import file_digest
from merging.calibration.data import FIELD, Batch, Example, batches, load_examples
from merging.operators.base import MergeInputs, Option, Options

if TYPE_CHECKING:
    from merging.models import ModelSet

DATA_OPTIONS = (
    Option(
        "calibration", "", None,
        "JSONL file of examples: 'prompt' or 'text' in each line, 'completion' and 'expert' where they apply.",
        path=True,
    ),
    Option("samples", 128, None, "At most so many examples for each expert."),
    Option("max_tokens", 512, None, "Longest example in tokens; longer ones are cut."),
    Option("chat_template", False, (True, False), "Put each prompt into the base model's chat template."),
    Option("device", "cpu", ("cpu", "cuda"), "Where the models run on the examples."),
)  # fmt: skip
BATCH_SIZE = Option("batch_size", 8, None, "Examples that run through a model at a time.")


@dataclass(frozen=True)
class Calibration:
    """Checked data options.

    Args:
        path: the file of examples.
        samples: at most so many for each expert.
        max_tokens: longest example.
        batch_size: examples at a time; 1 where the operator has no such option.
        chat: use the chat template.
        device: ``cpu`` or ``cuda``.
        seed: of the recipe; keys the choice of examples.
    """

    path: Path
    samples: int
    max_tokens: int
    batch_size: int
    chat: bool
    device: str
    seed: int

    @classmethod
    def of(cls, options: Options, seed: int) -> Calibration:
        """Read an operator's options.

        Raises:
            RecipeError: there is no calibration file, or a number is too small.
        """
        path = str(options["calibration"])
        if not path:
            raise RecipeError(
                FIELD,
                "this operator needs examples and none are given",
                'give a JSONL file with lines such as {"prompt": "...", "completion": "...", "expert": "..."}',
            )
        numbers = {name: int(options[name]) for name in ("samples", "max_tokens")}
        numbers["batch_size"] = int(options.get("batch_size", 1))
        for name, least in (("samples", 1), ("max_tokens", 2), ("batch_size", 1)):
            if numbers[name] < least:
                raise RecipeError(f"recipe.options.{name}", f"found {numbers[name]}", f"use {least} or more")
        chat, device = bool(options["chat_template"]), str(options["device"])
        return cls(Path(path), **numbers, chat=chat, device=device, seed=seed)

    def examples(self, experts: Sequence[str], *, labelled: bool = False) -> dict[str, tuple[Example, ...]]:
        """Return the chosen examples of each expert; see :func:`load_examples`."""
        return load_examples(self.path, experts=experts, limit=self.samples, seed=self.seed, labelled=labelled)

    def batches(self, examples: Sequence[Example], tokenizer: Any) -> list[Batch]:
        """Tokenize examples; see :func:`merging.calibration.data.batches`."""
        return batches(examples, tokenizer, size=self.batch_size, max_tokens=self.max_tokens, chat=self.chat)

    def key(self) -> dict[str, Any]:
        """Return what a cached result depends on, the content of the file in place of its path.

        Raises:
            RecipeError: there is no such file.
        """
        if not self.path.is_file():
            raise RecipeError(FIELD, f"{self.path} is no file", "give a JSONL file with one example in each line")
        return {**vars(self), "path": None, "data": file_digest(self.path)}


def opened(inputs: MergeInputs) -> ModelSet:
    """Return the models of a merge, for an operator that runs them.

    Raises:
        RecipeError: these are bare tensors.
    """
    models = inputs.model_set
    if models is None:
        raise RecipeError("recipe.method", "this operator runs the models, found tensors alone", "give a ModelSet")
    return models
