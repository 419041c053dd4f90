"""The trainer of the demo's experts on a small random model, and the shipped adapters on the real one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

from experts_training.datasets import task_items, training_set
from experts_training.lora import BASE_MODEL, LoraLinear, attach, save_adapter
from experts_training.training import Encoded, Schedule, answer_logits, batches, encode, exact_match, train

EXPERTS = EXAMPLES / "experts"
RANK = 4


def load(path: Path, dtype: torch.dtype = torch.float32) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(path, dtype=dtype, attn_implementation="eager")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Callable[..., Path]) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny"), vocab_size=49152, num_hidden_layers=2)


@pytest.fixture(scope="module")
def tokenizer(smollm2: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(smollm2)


def test_hand_written_backward_agrees_with_autograd() -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(6, 5, bias=False).requires_grad_(False)
    layer = LoraLinear(linear, rank=2, alpha=6, generator=torch.Generator().manual_seed(0))
    torch.nn.init.normal_(layer.lora_B)
    x = torch.randn(3, 4, 6, requires_grad=True)
    weights = torch.randn(3, 4, 5)

    expected = x @ (linear.weight + 3.0 * layer.lora_B @ layer.lora_A).T
    reference = torch.autograd.grad((expected * weights).sum(), (x, layer.lora_A, layer.lora_B))
    actual = layer(x)
    gradients = torch.autograd.grad((actual * weights).sum(), (x, layer.lora_A, layer.lora_B))

    torch.testing.assert_close(actual, expected)
    for gradient, wanted in zip(gradients, reference, strict=True):
        torch.testing.assert_close(gradient, wanted)


def test_training_learns_is_deterministic_and_peft_reads_the_result(tiny: Path, tokenizer: Any, tmp_path: Path) -> None:
    from peft import PeftModel

    encoded = encode(tokenizer, training_set("arithmetic", 12, seed=0))

    def loss(model: Any) -> float:
        with torch.inference_mode():
            logits, targets, _ = answer_logits(model, encoded)
            return float(torch.nn.functional.cross_entropy(logits, targets))

    states = []
    for _ in range(2):
        model = load(tiny)
        before = loss(model)
        adapters = attach(model, RANK, 2 * RANK, seed=0)
        assert loss(model) == before
        train(model, adapters, encoded, Schedule(steps=20, learning_rate=2e-2, batch_tokens=240), seed=0)
        assert loss(model) < before - 0.2
        states.append([p.detach().clone() for adapter in adapters.values() for p in adapter.parameters()])
    for first, second in zip(*states, strict=True):
        assert torch.equal(first, second)

    save_adapter(adapters, RANK, 2 * RANK, tmp_path / "adapter")
    merged = PeftModel.from_pretrained(load(tiny), tmp_path / "adapter").merge_and_unload()
    base = load_file(tiny / "model.safetensors")
    saved = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert len(saved) == 2 * 7 * 2
    for name, tensor in merged.state_dict().items():
        if name.endswith("_proj.weight"):
            stem = f"base_model.model.{name.removesuffix('.weight')}"
            a, b = (saved[f"{stem}.lora_{letter}.weight"].float() for letter in "AB")
            torch.testing.assert_close(tensor, base[name].float() + 2.0 * b @ a)


def test_exact_match_is_greedy_decoding(tiny: Path, tokenizer: Any) -> None:
    model = load(tiny)
    questions = encode(tokenizer, training_set("json", 6, seed=0))
    written = []
    for item in questions:
        ids = item.ids[: item.answer_start]
        for _ in range(4):
            with torch.inference_mode():
                ids = [*ids, int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())]
        written.append(Encoded(ids, item.answer_start))
    assert exact_match(model, written) == 1.0

    spoilt = [Encoded([*item.ids[:-1], item.ids[-1] ^ 1], item.answer_start) for item in written[:2]]
    assert exact_match(model, [*spoilt, *written[2:]]) == pytest.approx(4 / 6)


def test_batches_hold_every_item_once_within_the_limit() -> None:
    encoded = [Encoded([0] * length, 1) for length in (5, 30, 7, 7, 12, 3, 29, 30)]
    groups = batches(encoded, batch_tokens=40)
    assert sorted(index for group in groups for index in group) == list(range(len(encoded)))
    assert all(len(group) * max(len(encoded[i].ids) for i in group) <= 40 for group in groups)


@pytest.mark.parametrize(("expert", "task"), [("arithmetic", "arithmetic"), ("json", "json_facts")])
def test_shipped_expert_has_its_skill_and_not_the_target_skill(
    smollm2: Path, tokenizer: Any, expert: str, task: str
) -> None:
    from peft import PeftModel

    config = json.loads((EXPERTS / expert / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == BASE_MODEL
    own = encode(tokenizer, task_items(task)[:48])
    target = encode(tokenizer, task_items("arithmetic_json")[:16])
    base = load(smollm2, torch.bfloat16)
    assert exact_match(base, own) < 0.2
    merged = PeftModel.from_pretrained(base, EXPERTS / expert).merge_and_unload()
    assert exact_match(merged, own) >= 0.6
    assert exact_match(merged, target) < 0.1
