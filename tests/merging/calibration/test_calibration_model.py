"""The live model: its weights are those that are written, under checkpoint names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from calibrations import SIZES, byte_tokenizer, readers
from torch import Tensor

from evomerge.errors import ModelError, RecipeError
from merging.calibration.data import Batch, Example, batches
from merging.calibration.model import LiveModel
from merging.models import ModelRef, ModelSet

EXAMPLES = [Example("2+3=", "5"), Example("hello world, this is longer")]
EMBEDDING = "model.embed_tokens.weight"


def batch(live: LiveModel) -> Batch:
    (one,) = batches(EXAMPLES, live.tokenizer, size=2, max_tokens=32)
    return one


def logits_of(path: str, given: Batch) -> Tensor:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    with torch.no_grad():
        logits: Tensor = model(input_ids=given.input_ids, attention_mask=given.attention_mask).logits
    return logits


def test_starts_as_the_base_and_becomes_each_expert(live: LiveModel, models: ModelSet) -> None:
    given = batch(live)
    for path, write in (
        (models.base.path, lambda: None),
        (models.experts[0].path, lambda: live.write_expert("a")),
        (models.experts[1].path, lambda: live.write_expert("b")),
        (models.base.path, live.write_base),
    ):
        write()
        torch.testing.assert_close(live.logits(given), logits_of(path, given), atol=1e-5, rtol=1e-4)


def test_an_adapter_is_added_exactly(live: LiveModel, models: ModelSet) -> None:
    live.write_expert("c")
    name = "model.layers.1.mlp.up_proj.weight"
    delta = models.delta(name, "c")
    assert delta is not None
    assert torch.equal(live.parameter(name), models.base_tensor(name).float() + delta)
    assert torch.equal(live.parameter(EMBEDDING), models.base_tensor(EMBEDDING).float())


def test_write_expert_of_some_tensors_leaves_the_others(live: LiveModel, models: ModelSet) -> None:
    live.write_base()
    live.write_expert("a", ["model.norm.weight", "model.layers.0.self_attn.q_proj.weight"])
    changed = [n for n in live.names if not torch.equal(live.parameter(n), models.base_tensor(n).float())]
    assert changed == ["model.layers.0.self_attn.q_proj.weight"]  # norm gains are all ones


def test_names_are_the_merged_tensors(live: LiveModel, models: ModelSet) -> None:
    assert live.names == models.tensor_names()
    assert "lm_head.weight" not in live.names
    assert not any(live.parameter(name).requires_grad for name in live.names)


def test_tied_head_is_written_with_the_embedding(live: LiveModel) -> None:
    live.write_base()
    live.write(EMBEDDING, 2 * live.parameter(EMBEDDING))
    head = live.model.get_output_embeddings().weight
    assert torch.equal(head, live.parameter(EMBEDDING))


def test_loss_counts_labels_and_hidden_leads_to_the_logits(live: LiveModel) -> None:
    live.write_expert("a")
    given = batch(live)
    total, count = live.loss(given)
    assert count == 1 + len("hello world, this is longer") - 1
    log_p = live.logits(given).log_softmax(-1)
    expected = [-log_p[1, 3, given.input_ids[1, 4]]]
    expected += [-log_p[0, t - 1, given.input_ids[0, t]] for t in range(1, given.input_ids.shape[1])]
    torch.testing.assert_close(total, torch.stack(expected).sum())
    torch.testing.assert_close(live.model.lm_head(live.hidden(given)), live.logits(given))


def test_gradients_by_name_with_both_uses_of_a_tied_embedding(live: LiveModel) -> None:
    live.write_expert("a")
    given, name = batch(live), "model.layers.2.mlp.down_proj.weight"
    live.require_gradients([EMBEDDING, name])
    found = live.gradients(live.loss(given)[0])
    assert set(found) == {EMBEDDING, name}
    direction = found[EMBEDDING] / found[EMBEDDING].norm()
    start, step = live.parameter(EMBEDDING).detach().clone(), 1e-3
    ends = []
    for sign in (1, -1):
        live.write(EMBEDDING, start + sign * step * direction)
        ends.append(float(live.loss(given)[0].detach()))
    live.require_gradients(())
    slope = (ends[0] - ends[1]) / (2 * step)
    torch.testing.assert_close(slope, float(found[EMBEDDING].norm()), rtol=1e-2, atol=0.0)


def test_blocks_in_order(live: LiveModel) -> None:
    assert live.blocks() == tuple(live.model.model.layers)


def test_an_untied_head_has_its_own_name(
    tmp_path: Path, tiny_llama: Callable[..., Path], make_lora: Callable[..., Path]
) -> None:
    untied = LiveModel(readers(tmp_path, tiny_llama, make_lora, tie_word_embeddings=False, num_hidden_layers=1))
    assert "lm_head.weight" in untied.names
    untied.write("lm_head.weight", torch.zeros_like(untied.parameter("lm_head.weight")))
    assert untied.logits(batch(untied)).eq(0).all()


def test_transformers_without_the_checkpoints_names_is_refused(tmp_path: Path, tiny_llama: Callable[..., Path]) -> None:
    from safetensors.torch import load_file, save_file

    base = tiny_llama(tmp_path / "base", **(SIZES | {"num_hidden_layers": 1}))
    byte_tokenizer(base)
    tensors = load_file(base / "model.safetensors")
    tensors["model.layers.0.extra.weight"] = torch.zeros(3)
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"model.layers.0.extra.weight has no such parameter in transformers"):
        LiveModel(ModelSet.open(ModelRef("base", str(base)), []))


def test_a_checkpoint_without_a_parameter_is_refused(tmp_path: Path, tiny_llama: Callable[..., Path]) -> None:
    from safetensors.torch import load_file, save_file

    base = tiny_llama(tmp_path / "base", **(SIZES | {"num_hidden_layers": 1}))
    byte_tokenizer(base)
    tensors = load_file(base / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"the checkpoint has no tensor model.norm.weight \(1 in all\)"):
        LiveModel(ModelSet.open(ModelRef("base", str(base)), []))


def test_a_base_that_cannot_be_loaded_is_refused(models: ModelSet, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(models.base.path, broken)
    config = json.loads((broken / "config.json").read_text())
    config["model_type"] = "unheard_of"
    (broken / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="transformers cannot load"):
        LiveModel(ModelSet.open(ModelRef("base", str(broken)), []))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_named(models: ModelSet) -> None:
    with pytest.raises(RecipeError, match=r"recipe.options.device: this machine has no CUDA device"):
        LiveModel(models, device="cuda")
