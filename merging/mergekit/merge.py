"""One document of a mergekit file as a model that is about to be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evomerge import __version__
from evomerge.errors import ModelError
from merging.digests import sha256
from merging.export import MergedModel
from merging.mergekit.config import MergeConfig
from merging.mergekit.models import open_models
from merging.mergekit.plan import plan_merge
from merging.mergekit.references import Reference
from merging.mergekit.steps import all_references
from merging.mergekit.values import Compat
from merging.mergekit.vocabulary import chosen_template, output_vocabulary
from merging.names import is_tower
from merging.sources import Source
from merging.streaming import Plan
from merging.vocabulary.files import TEMPLATE, drop_templates, write_tokenizer, write_vocabulary
from merging.vocabulary.rows import OutputVocabulary
from merging.vocabulary.tokenizer import check_same_tokens
from merging.weights import TensorSpec


@dataclass(frozen=True)
class Setting:
    """What a mergekit file does not say itself.

    Args:
        text: the whole file.
        roots: directories that relative paths may start at, in order.
        compat: whose defaults hold where the file says nothing.
        seed: of random draws; None takes that of the document, or 0.
    """

    text: str
    roots: tuple[Path, ...]
    compat: Compat = "mergekit"
    seed: int | None = None


def merge_of(config: MergeConfig, setting: Setting, earlier: Mapping[str, Path]) -> MergedModel:
    """Open the models of a document and plan its merge; no weights are read.

    Args:
        config: the document.
        setting: what holds for the whole file.
        earlier: directories of the merges that it uses, by name.

    Raises:
        RecipeError, ModelError: the document, its method and its models do not fit each other.
    """
    sources = open_models(all_references(config), setting.roots, earlier)
    base = config.references()[0]
    donor = sources[base]
    vocabulary = None if config.tokenizer is None else output_vocabulary(config.tokenizer, sources, base)
    seed = setting.seed if setting.seed is not None else config.random_seed or 0
    plan = plan_merge(config, sources, vocabulary=vocabulary, compat=setting.compat, seed=seed)
    template = None
    if config.chat_template is not None:
        merged = [sources[reference] for reference in config.references()]
        template = chosen_template(config.chat_template, f"{config.node.where}: chat_template", merged)
    notes = [*config.notes, *_notes(config, sources, vocabulary)]
    if towers := sum(is_tower(job.name) for job in plan.jobs):
        notes.append(f"{towers} tensors of another modality (vision, audio, projector) stay those of {donor.label}")
    return MergedModel(
        specs={job.name: TensorSpec(job.shape, job.dtype) for job in plan.jobs},
        tensors=plan.tensors(),
        config=plan.config,
        files=lambda directory: _write_files(directory, donor, vocabulary, template),
        provenance=lambda: _provenance(setting, sources, earlier),
        card=_card(config, plan, setting),
        mergekit=setting.text,
        notes=tuple(notes),
    )


def _notes(config: MergeConfig, sources: Mapping[Reference, Source], vocabulary: OutputVocabulary | None) -> list[str]:
    """Return what a user of mergekit would not expect."""
    notes = []
    if config.dtype not in (None, "float32"):
        notes.append(f"dtype {config.dtype}: everything is computed in float32 and rounded once to the output's type")
    if vocabulary is None:
        base = sources[config.references()[0]]
        notes += [note for reference in config.references() if (note := _other_tokens(sources[reference], base))]
    return notes


def _other_tokens(source: Source, base: Source) -> str | None:
    """Say where a model's tokens are not the base's, whose rows are merged by number all the same."""
    directory, other = Path(source.models.base.path), Path(base.models.base.path)
    try:
        check_same_tokens(f"model {source.label}", directory, other, base.rows)
    except ModelError as error:
        return f"{error.field}: {error.problem}; rows are merged by number unless tokenizer_source is set"
    return None


def _write_files(directory: Path, donor: Source, vocabulary: OutputVocabulary | None, template: str | None) -> None:
    if vocabulary is None:
        write_tokenizer(donor.models, directory)
    else:
        write_vocabulary(vocabulary, directory)
    if template is not None:
        drop_templates(directory)
        (directory / TEMPLATE).write_text(template, encoding="utf-8")


def _provenance(setting: Setting, sources: Mapping[Reference, Source], earlier: Mapping[str, Path]) -> dict[str, Any]:
    return {
        "evomerge": __version__,
        "mergekit": {
            "config": setting.text,
            "compat": setting.compat,
            "seed": setting.seed,
            "roots": [str(root) for root in setting.roots],
        },
        # An intermediate merge leaves no files; the text says how it was made.
        "models": [_model(ref, source) for ref, source in sources.items() if ref.path not in earlier],
    }


def _model(reference: Reference, source: Source) -> dict[str, Any]:
    refs = (source.models.base, *source.models.experts)
    files = [path for one in source.models.weight_files().values() for path in one]
    return {
        "model": str(reference),
        "paths": [ref.path for ref in refs],
        "revisions": [ref.revision for ref in refs],
        "sha256": {path.name: sha256(path) for path in files},
    }


def _card(config: MergeConfig, plan: Plan, setting: Setting) -> str:
    models = "\n".join(f"- `{reference}`" for reference in config.references())
    return (
        "---\nlibrary_name: transformers\ntags:\n- merge\n- evomerge\n---\n"
        f"# A {config.method.name} merge\n\n"
        f"Made by evomerge {__version__} with the operator `{plan.operator.name}` from:\n\n{models}\n\n"
        f"```yaml\n{setting.text.strip()}\n```\n"
    )
