"""Tiny models that read bytes, and calibration files for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from merging.models import ModelRef, ModelSet

CHAT = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
SIZES = {"vocab_size": 260, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3}
LINES: list[dict[str, str]] = [
    {"prompt": "2+3=", "completion": "5", "expert": "a"},
    {"prompt": "10+4=", "completion": "14", "expert": "a"},
    {"prompt": "1+1=", "completion": "2", "expert": "a"},
    {"prompt": "capital of Peru? ", "completion": "Lima", "expert": "b"},
    {"prompt": "opposite of up? ", "completion": "down", "expert": "b"},
    {"prompt": "say a ", "completion": "a"},
]


def byte_tokenizer(directory: Path) -> None:
    """Write a tokenizer of 256 bytes, an end mark and a chat template beside a model."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")
    fast.chat_template = CHAT
    for stale in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (directory / stale).unlink(missing_ok=True)
    fast.save_pretrained(directory)


def readers(root: Path, tiny_llama: Callable[..., Path], make_lora: Callable[..., Path], **overrides: Any) -> ModelSet:
    """Write and open a base that reads bytes, the full experts ``a`` and ``b`` and the adapter ``c``."""
    sizes = {**SIZES, **overrides}
    base, *full = (tiny_llama(root / name, seed=seed, **sizes) for seed, name in enumerate(("base", "a", "b")))
    for directory in (base, *full):
        byte_tokenizer(directory)
    experts = {"a": full[0], "b": full[1], "c": make_lora(root / "c", base, seed=3, scale=0.2)}
    return ModelSet.open(ModelRef("base", str(base)), [ModelRef(name, str(path)) for name, path in experts.items()])


def calibration_file(path: Path, lines: list[dict[str, str]] = LINES) -> Path:
    """Write examples as JSONL."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
