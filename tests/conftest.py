"""Fixtures shared by every room: the real base model, small random models, adapters."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Threads that are out of work sleep: by default they keep a core busy for a while, which other test processes need.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Ray would start a process per core that no test uses, since every worker has an environment of its own.
os.environ.setdefault("RAY_prestart_worker_first_driver", "0")
if not Path("/dev/nvidia0").exists():
    # Loops for a GPU are then interpreted by the processor; Triton asks once, when it is first imported.
    os.environ.setdefault("TRITON_INTERPRET", "1")

import pytest
from hypothesis import settings

# CI tries the same examples every time, so that it judges the change and not its luck; developers try new ones.
settings.register_profile("ci", derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

pytest_plugins = ["judges", "run_fixtures", "service", "store_fixtures"]

ROOT = Path(__file__).resolve().parent.parent
SMOLLM2 = ROOT / "models" / "smollm2-135m-instruct"
# Files that take minutes, the longest first: begun last, one of them would run on alone while all other workers wait.
LONGEST = (
    "test_recovery", "test_cli", "test_vllm_lm", "test_vllm_engine", "test_worker", "test_pool", "test_reproduction",
    "test_lora_population", "test_adapter_runs", "test_crash_equivalence", "test_service_crashes", "test_live_run",
    "test_serving", "test_state_machine", "test_fuzz", "test_depth_search", "test_soup",
)  # fmt: skip
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The real SmolLM2-135M-Instruct checkpoint in bf16; ``make setup`` prepares it."""
    if not (SMOLLM2 / "config.json").exists():
        pytest.fail(f"{SMOLLM2} is missing: run 'make setup'")
    return SMOLLM2


@pytest.fixture(scope="session")
def tiny_llama(smollm2: Path) -> Callable[..., Path]:
    """Write a small random Llama checkpoint with SmolLM2's tokenizer and return its path."""

    def make(path: Path, *, seed: int = 0, **overrides: Any) -> Path:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        settings: dict[str, Any] = {
            "vocab_size": 49152,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "tie_word_embeddings": True,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 2,
        }
        settings.update(overrides)
        torch.manual_seed(seed)
        model = LlamaForCausalLM(LlamaConfig(**settings)).to(torch.bfloat16)
        model.save_pretrained(path)
        for name in TOKENIZER_FILES:
            shutil.copy(smollm2 / name, path / name)
        return path

    return make


@pytest.fixture(scope="session")
def make_lora() -> Callable[..., Path]:
    """Write a random PEFT LoRA adapter for a checkpoint and return its path."""

    def make(path: Path, base: Path, *, seed: int = 0, rank: int = 4, scale: float = 0.02) -> Path:
        import torch
        from safetensors.torch import load_file, save_file

        weights: dict[str, torch.Tensor] = {}
        generator = torch.Generator().manual_seed(seed)
        for name, tensor in load_file(base / "model.safetensors").items():
            if name.endswith("_proj.weight"):
                module = f"base_model.model.{name.removesuffix('.weight')}"
                rows, columns = tensor.shape
                weights[f"{module}.lora_A.weight"] = scale * torch.randn(rank, columns, generator=generator)
                weights[f"{module}.lora_B.weight"] = scale * torch.randn(rows, rank, generator=generator)
        path.mkdir(parents=True, exist_ok=True)
        save_file(weights, path / "adapter_model.safetensors")
        config = {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": str(base),
            "r": rank,
            "lora_alpha": 2 * rank,
            "lora_dropout": 0.0,
            "bias": "none",
            "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        }
        (path / "adapter_config.json").write_text(json.dumps(config))
        return path

    return make
