"""Tokenizer files: what they say, and the file that holds the tokens of several of them.

The union keeps every id of the reference tokenizer and appends what others have beyond it. Of a BPE tokenizer
the merges of the others follow those of the reference, so that text is first cut as the reference cuts it and
then only joined further. How text is normalized and cut before that stays the reference's.
"""

from __future__ import annotations

import filecmp
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evomerge.errors import ModelError
from merging.checkpoints import read_json

TOKENIZER = "tokenizer.json"
# Forms of the same tokenizer that other libraries read; stale as soon as tokenizer.json is another one.
OTHER_FORMS = ("tokenizer.model", "vocab.json", "vocab.txt", "merges.txt", "added_tokens.json")
SPACE = "\u2581"


@dataclass(frozen=True)
class Tokenizer:
    """The tokens of a model.

    Args:
        label: how errors name the model.
        directory: where its files are.
        ids: token -> id.
        kind: how texts become token strings, in words; equal strings mean equal texts only within one kind.
    """

    label: str
    directory: Path
    ids: Mapping[str, int]
    kind: str


def has_tokenizer(directory: Path) -> bool:
    """Return whether a model directory comes with a tokenizer."""
    return any((directory / name).is_file() for name in (TOKENIZER, *OTHER_FORMS[:3]))


def read_tokenizer(label: str, directory: Path) -> Tokenizer:
    """Read a model's tokenizer.

    Raises:
        ModelError: there is none, or it has no form that can be read.
    """
    data = tokenizer_data(label, directory)
    return Tokenizer(label, directory, _ids(data), _kind(data))


def check_same_tokens(label: str, directory: Path, base: Path, rows: int) -> None:
    """Check that a model's tokens have the ids that they have in the base.

    Only ``tokenizer.json`` is compared, and only ids that the embedding has rows for; a model that comes without
    one has the base's tokenizer.

    Raises:
        ModelError: names the token with the lowest id that differs.
    """
    theirs, ours = directory / TOKENIZER, base / TOKENIZER
    if not theirs.is_file() or not ours.is_file() or filecmp.cmp(theirs, ours, shallow=False):
        return
    first, second = (_by_id(_ids(tokenizer_data(label, path)), rows) for path in (directory, base))
    different = next((index for index in sorted({*first, *second}) if first.get(index) != second.get(index)), None)
    if different is not None:
        found, expected = (repr(tokens[different]) if different in tokens else "no token" for tokens in (first, second))
        raise ModelError(
            label,
            f"its tokenizer has {found} at id {different}, the base's has {expected}",
            "set merge.tokenizer to say which vocabulary the merge has, such as {source: base} or {source: union}",
        )


def tokenizer_data(label: str, directory: Path) -> dict[str, Any]:
    """Return the content of ``tokenizer.json``, converted by transformers where only other forms exist.

    Raises:
        ModelError: there is no tokenizer, or it cannot be converted.
    """
    fix = "save the model's fast tokenizer with save_pretrained into its directory"
    if not has_tokenizer(directory):
        raise ModelError(label, f"{directory} has no tokenizer", fix)
    if (directory / TOKENIZER).is_file():
        data = read_json(label, directory / TOKENIZER)
    else:
        import transformers

        try:
            loaded = transformers.AutoTokenizer.from_pretrained(
                directory, trust_remote_code=False, local_files_only=True
            )
            data = json.loads(loaded.backend_tokenizer.to_str())
        except Exception as error:
            problem = f"its tokenizer has no {TOKENIZER} and cannot be converted ({type(error).__name__}: {error})"
            raise ModelError(label, problem, fix) from error
    model = data.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("vocab"), dict | list):
        raise ModelError(label, f"{TOKENIZER} has no vocabulary", fix)
    return data


def united(data: Mapping[str, Any], others: Sequence[Mapping[str, Any]], appended: Mapping[str, int]) -> dict[str, Any]:
    """Return the tokenizer that has the reference's tokens and the appended ones.

    Args:
        data: of the reference; unchanged.
        others: of the models whose tokens were appended, of the same kind.
        appended: new token -> id, all beyond the reference's.
    """
    ids = {**_ids(data), **appended}
    model = dict(data["model"])
    if isinstance(model["vocab"], dict):
        # Ids of added tokens outside the vocabulary follow from its size, which changes: inside they are fixed.
        model["vocab"] = dict(sorted(ids.items(), key=lambda pair: pair[1]))
    else:
        # The pieces of a Unigram tokenizer have their place in the list as id.
        scores = dict(piece for other in reversed((data, *others)) for piece in other["model"]["vocab"])
        model["vocab"] = [[token, scores.get(token, 0.0)] for token in _without_gaps(ids)]
    if "merges" in model:
        model["merges"] = _merges(model["merges"], others, ids)
    return {**data, "model": model, "added_tokens": _added(data, others, appended, ids)}


def _without_gaps(ids: Mapping[str, int]) -> list[str]:
    tokens = sorted(ids, key=ids.__getitem__)
    gap = next((place for place, token in enumerate(tokens) if ids[token] != place), None)
    if gap is not None:
        raise ModelError(
            "tokenizer",
            f"no token has the id {gap}, so nothing can be appended to this Unigram tokenizer",
            "take the tokenizer of one model: source base or model:<name>, without tokens of your own",
        )
    return tokens


def _merges(merges: Sequence[Any], others: Sequence[Mapping[str, Any]], ids: Mapping[str, int]) -> list[Any]:
    pairs = dict.fromkeys(_pair(merge) for merge in merges)
    for other in others:
        for merge in other["model"].get("merges", ()):
            first, second = _pair(merge)
            if all(piece in ids for piece in (first, second, first + second)):
                pairs.setdefault((first, second))
    if merges and isinstance(merges[0], str):
        return [" ".join(pair) for pair in pairs]
    return [list(pair) for pair in pairs]


def _pair(merge: Any) -> tuple[str, str]:
    first, second = merge.split(" ") if isinstance(merge, str) else merge
    return first, second


def _added(
    data: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]],
    appended: Mapping[str, int],
    ids: Mapping[str, int],
) -> list[dict[str, Any]]:
    """Return the entries of all added tokens by id; a token that no model has becomes a special one."""
    found = {entry["content"]: entry for one in reversed((data, *others)) for entry in one.get("added_tokens", ())}
    known = {token for other in others for token in _ids(other)}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    for token in appended:
        if token not in known:
            found[token] = {"content": token, **flags}
    entries = [{**entry, "id": ids[token]} for token, entry in found.items() if token in ids]
    return sorted(entries, key=lambda entry: int(entry["id"]))


def _ids(data: Mapping[str, Any]) -> dict[str, int]:
    vocabulary = data["model"]["vocab"]
    if isinstance(vocabulary, list):
        vocabulary = {piece[0]: index for index, piece in enumerate(vocabulary)}
    added = {entry["content"]: entry["id"] for entry in data.get("added_tokens") or ()}
    return {**vocabulary, **added}


def _by_id(ids: Mapping[str, int], rows: int) -> dict[int, str]:
    return {index: token for token, index in ids.items() if index < rows}


def _kind(data: Mapping[str, Any]) -> str:
    model = data["model"]
    steps = json.dumps([data.get(key) for key in ("normalizer", "pre_tokenizer", "decoder")], ensure_ascii=False)
    name = model.get("type") or ("Unigram" if isinstance(model["vocab"], list) else "BPE")
    details = []
    if "ByteLevel" in steps:
        name = f"byte-level {name}"
    elif SPACE in steps:
        details.append(f"{SPACE} for spaces")
    if model.get("byte_fallback"):
        details.append("byte fallback")
    for key, what in (("continuing_subword_prefix", "prefix"), ("end_of_word_suffix", "suffix")):
        if model.get(key):
            details.append(f"{what} {model[key]!r}")
    return f"{name} with {' and '.join(details)}" if details else str(name)
