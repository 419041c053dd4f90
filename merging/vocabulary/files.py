"""The tokenizer, chat template and configuration that a merge is written with."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evomerge.errors import ModelError, RecipeError
from merging.checkpoints import read_json
from merging.vocabulary.policy import BASE, MODEL, NONE, UNION, model_named
from merging.vocabulary.rows import Member, OutputVocabulary
from merging.vocabulary.tokenizer import OTHER_FORMS, TOKENIZER, has_tokenizer, tokenizer_data, united

if TYPE_CHECKING:
    from merging.models import ModelSet

TOKENIZER_CONFIG = "tokenizer_config.json"
TEMPLATE, OLD_TEMPLATE = "chat_template.jinja", "chat_template.json"
# Files of a model that say how text becomes tokens and how tokens are generated.
COPIED = (
    "generation_config.json", TOKENIZER, TOKENIZER_CONFIG, "special_tokens_map.json", *OTHER_FORMS, TEMPLATE,
    OLD_TEMPLATE,
)  # fmt: skip
_TOKEN_ID = re.compile(r"(?:^|_)token_(?:ids?|index)$")
_STALE = ("added_tokens_decoder", "chat_template", "vocab_file", "merges_file", "tokenizer_file")


def write_tokenizer(models: ModelSet, out: Path) -> None:
    """Write tokenizer, chat template and generation configuration of a merge into a directory that exists.

    Without a vocabulary policy these are the base's files, unchanged.

    Raises:
        ModelError, RecipeError: the policy asks for what a model does not have.
    """
    if models.vocabulary is None:
        _copy(Path(models.base.path), out)
    else:
        write_vocabulary(models.vocabulary, out)


def write_vocabulary(vocabulary: OutputVocabulary, out: Path) -> None:
    """Write what :func:`write_tokenizer` writes, for a vocabulary of models that are opened elsewhere.

    Raises:
        ModelError, RecipeError: the policy asks for what a model does not have.
    """
    reference = vocabulary.members[vocabulary.reference]
    if not (reference.directory / "config.json").is_file():
        # An adapter has no generation configuration of its own.
        _copy(vocabulary.members[vocabulary.base].directory, out, ("generation_config.json",))
    _copy(_with_tokenizer(reference, vocabulary), out)
    if vocabulary.appended or (vocabulary.policy.source == UNION and vocabulary.remaps):
        _write_united(vocabulary, out)
    choice = vocabulary.policy.chat_template
    if choice is not None:
        template = None if choice == NONE else _template(choice, vocabulary)
        drop_templates(out)
        if template is not None:
            (out / TEMPLATE).write_text(template, encoding="utf-8")


def output_config(config: Mapping[str, Any], vocabulary: OutputVocabulary) -> dict[str, Any]:
    """Return the base's ``config.json`` with the size and the special tokens of the output vocabulary."""
    reference = vocabulary.members[vocabulary.reference]
    special: Mapping[str, Any] = {}
    if vocabulary.reference != vocabulary.base and (reference.directory / "config.json").is_file():
        special = read_json(reference.label, reference.directory / "config.json")
    changed = _section(config, special, vocabulary.size)
    nested = config.get("text_config")
    if isinstance(nested, Mapping):
        changed["text_config"] = _section(nested, special.get("text_config") or special, vocabulary.size)
    elif "vocab_size" not in changed:
        changed["vocab_size"] = vocabulary.size
    return changed


def vocabulary_digest(vocabulary: OutputVocabulary) -> str:
    """Return 16 hex digits that differ where the rows or any written file would differ."""
    state = hashlib.sha256(vocabulary.digest().encode())
    with tempfile.TemporaryDirectory() as directory:
        write_vocabulary(vocabulary, Path(directory))
        for path in sorted(Path(directory).iterdir()):
            state.update(path.name.encode() + path.read_bytes())
    return state.hexdigest()[:16]


def _section(config: Mapping[str, Any], special: Mapping[str, Any], size: int) -> dict[str, Any]:
    changed = {key: special.get(key, value) if _TOKEN_ID.search(key) else value for key, value in config.items()}
    if "vocab_size" in changed:
        changed["vocab_size"] = size
    return changed


def _with_tokenizer(member: Member, vocabulary: OutputVocabulary) -> Path:
    """Return the directory that a model's tokenizer is in: its own, or the base's."""
    return member.directory if has_tokenizer(member.directory) else vocabulary.members[vocabulary.base].directory


def _copy(source: Path, out: Path, names: Sequence[str] = COPIED) -> None:
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, out / name)


def _write_united(vocabulary: OutputVocabulary, out: Path) -> None:
    reference = vocabulary.members[vocabulary.reference]
    experts = [member for name, member in vocabulary.members.items() if name != vocabulary.reference]
    others = [member for member in experts if has_tokenizer(member.directory)]
    data = united(
        tokenizer_data(reference.label, _with_tokenizer(reference, vocabulary)),
        [tokenizer_data(m.label, m.directory) for m in others] if vocabulary.policy.source == UNION else [],
        vocabulary.appended,
    )
    for name in OTHER_FORMS:
        (out / name).unlink(missing_ok=True)
    (out / TOKENIZER).write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    settings = _settings(out)
    if not (out / TEMPLATE).is_file() and isinstance(settings.get("chat_template"), str):
        (out / TEMPLATE).write_text(settings["chat_template"], encoding="utf-8")
    # The plain class reads tokenizer.json as it is; a model's own class may build its own from other files.
    _write_settings(
        out,
        {key: value for key, value in settings.items() if key not in _STALE}
        | {"tokenizer_class": "PreTrainedTokenizerFast"},
    )


def _template(choice: str, vocabulary: OutputVocabulary) -> str:
    where = "tokenizer.chat_template"
    if choice != BASE and not choice.startswith(MODEL):
        try:
            return Path(choice).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(
                where,
                f"{choice!r} is no readable file ({error})",
                "write base, model:<name of an expert>, none, or the path of a Jinja file",
            ) from error
    name = model_named(choice, vocabulary.base, vocabulary.members, where)
    member = vocabulary.members[name]
    found = template_of(member.label, member.directory)
    if found is None:
        raise ModelError(member.label, f"{member.directory} has no chat template", f"choose another for {where}")
    return found


def template_of(label: str, directory: Path) -> str | None:
    """Read a model's chat template from wherever its version of transformers has put it."""
    if (directory / TEMPLATE).is_file():
        return (directory / TEMPLATE).read_text(encoding="utf-8")
    for name in (TOKENIZER_CONFIG, OLD_TEMPLATE):
        if (directory / name).is_file():
            found = read_json(label, directory / name).get("chat_template")
            if isinstance(found, list):
                named = {entry["name"]: entry["template"] for entry in found}
                found = named.get("default", next(iter(named.values()), None))
            if isinstance(found, str):
                return found
    return None


def drop_templates(out: Path) -> None:
    """Remove every form of a chat template from a directory."""
    (out / TEMPLATE).unlink(missing_ok=True)
    (out / OLD_TEMPLATE).unlink(missing_ok=True)
    settings = _settings(out)
    if "chat_template" in settings:
        _write_settings(out, {key: value for key, value in settings.items() if key != "chat_template"})


def _settings(out: Path) -> dict[str, Any]:
    return read_json("tokenizer", out / TOKENIZER_CONFIG) if (out / TOKENIZER_CONFIG).is_file() else {}


def _write_settings(out: Path, settings: Mapping[str, Any]) -> None:
    (out / TOKENIZER_CONFIG).write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
