"""Which checkpoints can take each other's place in a running engine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from merging.checkpoints import Checkpoint
from merging.models import ModelRef

# What a configuration says about where it comes from, not about the model.
_NOT_THE_MODEL = {"_name_or_path", "name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache"}
_CONFIGS = ("config.json", "tokenizer_config.json", "special_tokens_map.json")
_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json")


def obstacle(resident: ModelRef, other: ModelRef) -> str | None:
    """Return why a checkpoint's weights cannot be written over those of another one; None where they can.

    Configuration, tokenizer and chat template must be the same, and so must names and shapes of all tensors.

    Raises:
        ModelError: a checkpoint cannot be opened.
    """
    return next(_obstacles(Path(resident.path), Path(other.path)), None)


def _obstacles(one: Path, two: Path) -> Iterator[str]:
    for name in _CONFIGS:
        a, b = _config(one / name), _config(two / name)
        for key in sorted(a.keys() | b.keys()):
            if a.get(key) != b.get(key):
                yield f"{name} says {a.get(key)!r:.60} and {b.get(key)!r:.60} for {key}"
    for name in _FILES:
        if _bytes(one / name) != _bytes(two / name):
            yield f"their {name} differs"
    shapes = [{name: info.shape for name, info in Checkpoint(str(path), path).infos.items()} for path in (one, two)]
    for name in sorted(shapes[0].keys() | shapes[1].keys()):
        if shapes[0].get(name) != shapes[1].get(name):
            yield f"tensor {name} has the shapes {shapes[0].get(name)} and {shapes[1].get(name)}"


def _config(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return {key: value for key, value in found.items() if key not in _NOT_THE_MODEL}


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
