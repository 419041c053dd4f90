"""Low-rank adapters with a hand-written backward pass, saved in the layout that PEFT reads."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
BASE_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"


class _LowRankLinear(torch.autograd.Function):
    """y = x W^T + s (x A^T) B^T with W frozen.

    Autograd's own backward copies large operands into transposed layouts, which takes half of a training step
    on a CPU; here only products with a rank-sized operand are formed besides the one with W.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
        down, up = a.to(x.dtype), b.to(x.dtype) * scale
        hidden = x @ down.T
        ctx.save_for_backward(x, weight, down, up, hidden)
        ctx.scale = scale
        return torch.addmm(x @ weight.T, hidden, up.T)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, Tensor, Tensor, None]:
        (grad,) = grads
        x, weight, down, up, hidden = ctx.saved_tensors
        grad_hidden = grad @ up
        grad_x = torch.addmm(grad @ weight, grad_hidden, down)
        grad_a = (grad_hidden.T @ x).float()
        grad_b = ctx.scale * (grad.T @ hidden).float()
        return grad_x, None, grad_a, grad_b, None


class LoraLinear(nn.Module):
    """A frozen linear layer plus a trained update ``(alpha / rank) B A``; A is (rank, in), B (out, rank)."""

    def __init__(self, linear: nn.Linear, rank: int, alpha: int, generator: torch.Generator) -> None:
        """Share the weight of ``linear``; A starts uniform and B at zero, so the layer starts unchanged."""
        super().__init__()
        self.weight = linear.weight
        self.scale = alpha / rank
        bound = 1 / math.sqrt(linear.in_features)
        a = torch.empty(rank, linear.in_features).uniform_(-bound, bound, generator=generator)
        self.lora_A = nn.Parameter(a)
        self.lora_B = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer to ``x`` of shape (..., in)."""
        flat = x.reshape(-1, x.shape[-1])
        y: Tensor = _LowRankLinear.apply(  # type: ignore[no-untyped-call]
            flat, self.weight, self.lora_A, self.lora_B, self.scale
        )
        return y.view(*x.shape[:-1], -1)


def attach(model: nn.Module, rank: int, alpha: int, seed: int) -> dict[str, LoraLinear]:
    """Freeze ``model``, put an adapter on each linear layer of its blocks and return them by module name."""
    model.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    adapters: dict[str, LoraLinear] = {}
    for name, module in list(model.named_modules()):
        parent, _, leaf = name.rpartition(".")
        if leaf in TARGETS and isinstance(module, nn.Linear):
            adapters[name] = LoraLinear(module, rank, alpha, generator)
            setattr(model.get_submodule(parent), leaf, adapters[name])
    return adapters


def save_adapter(adapters: dict[str, LoraLinear], rank: int, alpha: int, out: Path) -> None:
    """Write ``adapter_config.json`` and ``adapter_model.safetensors`` (bf16) to the directory ``out``."""
    tensors: dict[str, Tensor] = {}
    for name, adapter in adapters.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = adapter.lora_A.detach().to(torch.bfloat16)
        tensors[f"base_model.model.{name}.lora_B.weight"] = adapter.lora_B.detach().to(torch.bfloat16)
    config = {
        "base_model_name_or_path": BASE_MODEL,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": rank,
        "target_modules": list(TARGETS),
        "task_type": "CAUSAL_LM",
    }
    out.mkdir(parents=True, exist_ok=True)
    weights = out / "adapter_model.safetensors"
    save_file(tensors, weights, metadata={"format": "pt"})
    # safetensors writes files that only the owner can read.
    weights.chmod(0o644)
    (out / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
