from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from evomerge.errors import EvomergeError
from merging.chat_templates import TEMPLATES
from merging.export import write_model
from merging.mergekit.config import read_configs
from merging.mergekit.merge import Setting, merge_of

EMBEDDING = "model.embed_tokens.weight"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Callable[..., Path]) -> Path:
    """Three models: ``a`` and ``b`` have one token each that the other lacks, and another order of ids."""
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel

    root = tmp_path_factory.mktemp("models")
    letters = sorted(ByteLevel.alphabet())
    for seed, (name, tokens) in enumerate(
        {"a": [*letters, "th", "<a>"], "b": [*letters, "<b>", "th"], "same": [*letters, "th", "<a>"]}.items()
    ):
        ids = {token: index for index, token in enumerate(tokens) if not token.startswith("<")}
        tokenizer = Tokenizer(BPE(vocab=ids, merges=[("t", "h")]))
        tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
        path = tiny_llama(
            root / name, seed=seed, vocab_size=258, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
            tie_word_embeddings=False,
        )  # fmt: skip
        data = json.loads(tokenizer.to_str())
        special = tokens.index(f"<{name[0]}>" if name != "same" else "<a>")
        data["added_tokens"] = [
            {"id": special, "content": tokens[special], "special": True, "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": False}
        ]  # fmt: skip
        (path / "tokenizer.json").write_text(json.dumps(data))
        (path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
        (path / "chat_template.jinja").write_text("B {{ messages }}" if name == "b" else "A {{ messages }}")
    return root


def written(models: Path, out: Path, text: str) -> dict[str, Tensor]:
    (config,) = read_configs(text, "merge.yml")
    write_model(merge_of(config, Setting(text, (models,)), {}), out)
    return load_file(out / "model.safetensors")


LINEAR = "merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\ndtype: float32\n"


def test_a_union_keeps_every_token(models: Path, tmp_path: Path) -> None:
    merged = written(models, tmp_path / "out", LINEAR + "tokenizer_source: union\n")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    ids = tokenizer.get_vocab()
    a, b = (load_file(models / name / "model.safetensors")[EMBEDDING].float() for name in "ab")
    rows = merged[EMBEDDING]
    assert len(rows) == json.loads((tmp_path / "out" / "config.json").read_text())["vocab_size"] == 259
    torch.testing.assert_close(rows[ids["th"]], (a[256] + b[257]) / 2)
    # What only one model has comes from it.
    torch.testing.assert_close(rows[ids["<a>"]], a[257])
    torch.testing.assert_close(rows[ids["<b>"]], b[256])
    assert merged["lm_head.weight"].shape == rows.shape


def test_the_tokenizer_of_one_model(models: Path, tmp_path: Path) -> None:
    merged = written(models, tmp_path / "out", LINEAR + "tokenizer: {source: b}\n")
    a, b = (load_file(models / name / "model.safetensors")[EMBEDDING].float() for name in "ab")
    torch.testing.assert_close(merged[EMBEDDING][257], (a[256] + b[257]) / 2)
    torch.testing.assert_close(merged[EMBEDDING][256], b[256])
    assert (tmp_path / "out" / "tokenizer.json").read_bytes() == (models / "b" / "tokenizer.json").read_bytes()


def test_rules_for_tokens(models: Path, tmp_path: Path) -> None:
    text = """\
tokenizer:
  source: base
  tokens:
    <a>: {source: {kind: model_token, model: b, token: th}, force: true}
    <new>: {source: {kind: zero}}
  pad_to_multiple_of: 64
"""
    merged = written(models, tmp_path / "out", LINEAR + text)
    b = load_file(models / "b" / "model.safetensors")[EMBEDDING].float()
    torch.testing.assert_close(merged[EMBEDDING][257], b[257])
    assert not merged[EMBEDDING][258].any()
    assert len(merged[EMBEDDING]) == 320


def test_other_tokens_without_a_policy_are_noted(models: Path) -> None:
    (config,) = read_configs(LINEAR, "merge.yml")
    notes = merge_of(config, Setting(LINEAR, (models,)), {}).notes
    assert any("model b: its tokenizer has '<b>' at id 256" in note for note in notes)
    same = LINEAR.replace("model: b", "model: same")
    (config,) = read_configs(same, "merge.yml")
    assert merge_of(config, Setting(same, (models,)), {}).notes == ()


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", "A {{ messages }}"),
        ("chatml", TEMPLATES["chatml"]),
        ("'{% for m in messages %}{{ m }}{% endfor %}'", "{% for m in messages %}{{ m }}{% endfor %}"),
    ],
)
def test_chat_templates(models: Path, tmp_path: Path, choice: str, expected: str) -> None:
    text = LINEAR.replace("model: b", "model: same") + f"chat_template: {choice}\n"
    written(models, tmp_path / "out", text)
    assert (tmp_path / "out" / "chat_template.jinja").read_text() == expected


def test_every_named_template_renders() -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    chat = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Bye"},
    ]
    expected = {
        "chatml": "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n",
        "llama3": "<s><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "mistral": "<s>[INST] Be kind.\n\nHi [/INST] Hello</s>[INST] Bye [/INST]",
        "alpaca": "Be kind.\n\n### Instruction:\nHi\n\n### Response:\nHello\n\n"
        "### Instruction:\nBye\n\n### Response:\n",
    }
    assert expected.keys() == TEMPLATES.keys()
    for name, template in TEMPLATES.items():
        rendered, _ = render_jinja_template(
            [chat], chat_template=template, add_generation_prompt=True, bos_token="<s>", eos_token="</s>"
        )
        assert rendered == [expected[name]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chat_template: chatty", "'chatty' is no chat template"),
        ("tokenizer: {tokens: {<x>: {source: {kind: model_token, model: a, token: nope}}}}", "a has no row for 'nope'"),
        ("tokenizer: {tokens: {<x>: {force: true}}}", "the token '<x>' has no source"),
    ],
)
def test_what_cannot_be_is_refused(models: Path, text: str, message: str) -> None:
    (config,) = read_configs(LINEAR + text, "merge.yml")
    with pytest.raises(EvomergeError, match=message):
        merge_of(config, Setting("", (models,)), {})
