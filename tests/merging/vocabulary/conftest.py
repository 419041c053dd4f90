"""Small models with byte-level BPE tokenizers of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import Tensor

from merging.models import ModelRef, ModelSet
from merging.vocabulary.policy import VocabularyPolicy

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
MERGES = [["t", "h"], ["th", "e"], ["a", "n"], ["an", "d"]]


def tokenizer_json(
    merges: Sequence[Sequence[str]] = MERGES,
    special: Sequence[str] = ("<end>",),
    swapped: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """Return a byte-level BPE tokenizer: 256 bytes, one token per merge, special ones; two may swap their ids."""
    from tokenizers.pre_tokenizers import ByteLevel

    tokens = [*sorted(ByteLevel.alphabet()), *("".join(pair) for pair in merges), *special]
    ids = {token: index for index, token in enumerate(tokens)}
    if swapped is not None:
        first, second = swapped
        ids[first], ids[second] = ids[second], ids[first]
    step = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": ids[token], "content": token, **FLAGS} for token in special],
        "normalizer": None,
        "pre_tokenizer": step,
        "post_processor": None,
        "decoder": step,
        "model": {"type": "BPE", "vocab": ids, "merges": [list(pair) for pair in merges]},
    }


@dataclass(frozen=True)
class Tiny:
    """A model directory, its tensors and its token ids."""

    path: Path

    @property
    def tensors(self) -> dict[str, Tensor]:
        return load_file(self.path / "model.safetensors")

    @property
    def ids(self) -> dict[str, int]:
        data = json.loads((self.path / "tokenizer.json").read_text())
        return {**data["model"]["vocab"], **{one["content"]: one["id"] for one in data["added_tokens"]}}

    def row(self, token: str, tensor: str = EMBEDDING) -> Tensor:
        return self.tensors[tensor][self.ids[token]].float()


@pytest.fixture
def tiny(tmp_path: Path, tiny_llama: Callable[..., Path]) -> Callable[..., Tiny]:
    """Make a model with a tokenizer; ``padding`` rows follow its tokens."""

    def make(
        name: str, *, seed: int, padding: int = 0, tied: bool = False, template: str | None = None, **tokens: Any
    ) -> Tiny:
        data = tokenizer_json(**tokens)
        rows = len(data["model"]["vocab"]) + padding
        shape = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
        end = data["model"]["vocab"][data["added_tokens"][0]["content"]]
        path = tiny_llama(
            tmp_path / name, seed=seed, vocab_size=rows, tie_word_embeddings=tied, bos_token_id=end, eos_token_id=end,
            pad_token_id=end, **shape,
        )  # fmt: skip
        (path / "tokenizer.json").write_text(json.dumps(data))
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": data["added_tokens"][0]["content"]}
        (path / "tokenizer_config.json").write_text(json.dumps(settings))
        (path / "chat_template.jinja").unlink()
        if template is not None:
            (path / "chat_template.jinja").write_text(template)
        return Tiny(path)

    return make


@pytest.fixture
def opened() -> Callable[..., ModelSet]:
    """Open a base and experts a, b, c with a policy."""

    def open_models(policy: VocabularyPolicy | None, base: Tiny, *experts: Tiny) -> ModelSet:
        refs = [ModelRef(name, str(one.path)) for name, one in zip("abc", experts, strict=False)]
        return ModelSet.open(ModelRef("base", str(base.path)), refs, vocabulary=policy)

    return open_models
