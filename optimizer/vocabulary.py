"""The vocabulary that a spec asks for."""

from __future__ import annotations

from pathlib import Path

from evomerge.errors import RecipeError, SpecError
from experiments.spec import resolve_path
from experiments.spec_tokenizer import TokenizerSpec
from merging.models import ModelRef, ModelSet
from merging.vocabulary.policy import BASE, MODEL, NONE, VocabularyPolicy


def vocabulary_policy(tokenizer: TokenizerSpec | None, source_dir: Path) -> VocabularyPolicy | None:
    """Return the spec's tokenizer section as merges take it; a template's path becomes absolute.

    Raises:
        SpecError: there is no such template.
    """
    if tokenizer is None:
        return None
    template = tokenizer.chat_template
    if template is not None and template not in (BASE, NONE) and not template.startswith(MODEL):
        path = resolve_path(template, source_dir)
        if not Path(path).is_file():
            raise SpecError(
                "merge.tokenizer.chat_template",
                f"there is no file '{source_dir / template}'",
                "write base, model:<short name>, none, or the path of a Jinja file relative to the spec file",
            )
        template = path
    return VocabularyPolicy.from_dict({**tokenizer.model_dump(), "chat_template": template})


def open_models(base: ModelRef, experts: tuple[ModelRef, ...], vocabulary: VocabularyPolicy | None) -> ModelSet:
    """Open the models in the vocabulary that the spec asks for.

    Raises:
        SpecError: the tokenizer section names a model or token that does not exist.
        ModelError: see :meth:`ModelSet.open`.
    """
    try:
        return ModelSet.open(base, experts, vocabulary=vocabulary)
    except RecipeError as error:
        raise SpecError(f"merge.{error.field}", error.problem, error.fix) from error
