"""Every model's rows in one output vocabulary: which row stands for which token, in embeddings and heads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from evomerge.errors import ModelError, RecipeError
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.operators import get_operator, operator_names
from merging.recipe import Recipe
from merging.vocabulary.plan import plan_vocabulary
from merging.vocabulary.policy import TokenRule, VocabularyPolicy
from merging.vocabulary.rows import Member, OutputVocabulary

EMBEDDING, HEAD, UP = "model.embed_tokens.weight", "lm_head.weight", "model.layers.0.mlp.up_proj.weight"
BASE, UNION = VocabularyPolicy("base"), VocabularyPolicy("union")
FEW_STEPS = {"wudi": {"iterations": 2}, "optmerge": {"iterations": 2}}
TOKENS = 261
"""Of the plain tokenizer: 256 bytes, 4 merges, <end>."""


def expert_rows(models: ModelSet, name: str, expert: str) -> Tensor:
    """Return an expert's tensor as operators see it."""
    base, delta = models.base_tensor(name).float(), models.delta(name, expert)
    return base if delta is None else base + delta


def rule(token: str = "<new>", **fields: Any) -> VocabularyPolicy:
    return VocabularyPolicy("union", {token: TokenRule(**fields)})


@pytest.fixture
def pair(tiny: Callable[..., Any]) -> tuple[Any, Any, Any]:
    """A base, and two experts with tokens of their own: <a>, and <b> with another merge; <both> in each."""
    base = tiny("base", seed=0)
    first = tiny("first", seed=1, special=("<end>", "<a>", "<both>"))
    second = tiny("second", seed=2, merges=[["t", "h"], ["o", "f"], ["a", "n"]], special=("<end>", "<both>", "<b>"))
    return base, first, second


@pytest.mark.parametrize("name", [EMBEDDING, HEAD])
def test_union_keeps_ids_of_the_base_and_appends_the_rest(opened: Any, pair: Any, name: str) -> None:
    base, first, second = pair
    models = opened(UNION, *pair)
    assert models.config["vocab_size"] == models.tensor_info(name).shape[0] == TOKENS + 4
    assert list(models.vocabulary.appended) == ["<a>", "<both>", "of", "<b>"]
    rows = models.base_tensor(name)
    assert rows.dtype is torch.bfloat16 and rows.shape == (TOKENS + 4, 16)
    assert torch.equal(rows[:TOKENS], base.tensors[name])
    # What one expert has is its own row; what both have is the mean.
    assert torch.equal(rows[TOKENS].float(), first.row("<a>", name))
    mean = (first.row("<both>", name) + second.row("<both>", name)) / 2
    assert torch.equal(rows[TOKENS + 1], mean.bfloat16())
    for expert, one in (("a", first), ("b", second)):
        found = expert_rows(models, name, expert)
        for token, index in {**base.ids, **models.vocabulary.appended}.items():
            expected = one.row(token, name) if token in one.ids else rows[index].float()
            assert torch.equal(found[index], expected), token


def test_other_tensors_are_untouched(opened: Any, pair: Any) -> None:
    models = opened(UNION, *pair)
    assert torch.equal(models.base_tensor(UP), pair[0].tensors[UP])
    difference = pair[1].tensors[UP].float() - pair[0].tensors[UP].float()
    assert torch.equal(models.delta(UP, "a"), difference)


def test_a_token_of_one_expert_survives_every_plain_merge(opened: Any, pair: Any) -> None:
    models = opened(UNION, *pair)
    for method in ("task_arithmetic", "ties", "linear", "dare_linear"):
        merged = dict(Materializer(models).tensors(Recipe(method, ("a", "b"))))
        for name in (EMBEDDING, HEAD):
            assert torch.equal(merged[name][models.vocabulary.appended["<b>"]].float(), pair[2].row("<b>", name)), (
                method
            )


@pytest.mark.parametrize("method", [name for name in operator_names() if get_operator(name).data == "none"])
def test_every_operator_merges_in_the_output_vocabulary(opened: Any, pair: Any, method: str) -> None:
    operator = get_operator(method)
    models = opened(UNION, *pair)
    if method == "evo_merging":
        pytest.skip("merges adapters only")
    recipe = Recipe(method, ("a", "b")[: operator.max_models], options=FEW_STEPS.get(method, {}))
    for resident in (True, False):
        merged = dict(Materializer(models, resident=resident).tensors(recipe))
        for name in (EMBEDDING, HEAD):
            assert merged[name].shape == (TOKENS + 4, 16) and merged[name].isfinite().all()


def test_source_base_drops_what_the_base_lacks(opened: Any, pair: Any) -> None:
    base, _, second = pair
    models = opened(BASE, *pair)
    assert models.tensor_info(EMBEDDING).shape == (TOKENS, 16)
    assert torch.equal(models.base_tensor(EMBEDDING), base.tensors[EMBEDDING])
    # second has no "the": its task vector is zero there and its own row elsewhere, wherever that is.
    found = expert_rows(models, EMBEDDING, "b")
    assert torch.equal(found[base.ids["the"]], base.row("the"))
    assert base.ids["<end>"] != second.ids["<end>"]
    assert torch.equal(found[base.ids["<end>"]], second.row("<end>"))


def test_source_model_takes_ids_and_special_tokens_of_that_model(opened: Any, pair: Any) -> None:
    base, _, second = pair
    models = opened(VocabularyPolicy("model:b"), *pair)
    assert models.tensor_info(EMBEDDING).shape[0] == len(second.ids)
    assert models.config["eos_token_id"] == second.ids["<end>"] != base.ids["<end>"]
    rows = models.base_tensor(EMBEDDING)
    assert torch.equal(rows[second.ids["<end>"]].float(), base.row("<end>"))
    # The base lacks "of", which only b has, and <both>, which a and b have.
    assert torch.equal(rows[second.ids["of"]].float(), second.row("of"))
    assert torch.equal(expert_rows(models, EMBEDDING, "b"), second.tensors[EMBEDDING].float())


def test_equal_tokens_in_another_order_are_matched_by_string(opened: Any, tiny: Any) -> None:
    base, expert = tiny("base", seed=0), tiny("expert", seed=1, swapped=("the", "<end>"))
    models = opened(BASE, base, expert)
    assert torch.equal(expert_rows(models, EMBEDDING, "a")[base.ids["the"]], expert.row("the"))
    assert torch.equal(expert_rows(models, EMBEDDING, "a")[base.ids["<end>"]], expert.row("<end>"))


def test_rows_beyond_the_tokenizer_are_the_references(opened: Any, tiny: Any) -> None:
    base, expert = tiny("base", seed=0, padding=5), tiny("expert", seed=1, padding=2, special=("<end>", "<x>"))
    for policy, size in ((UNION, TOKENS + 5), (BASE, TOKENS + 5), (VocabularyPolicy("model:a"), TOKENS + 3)):
        models = opened(policy, base, expert)
        rows, found = models.base_tensor(HEAD), expert_rows(models, HEAD, "a")
        assert len(rows) == size
        reference = expert if policy.source == "model:a" else base
        last = reference.tensors[HEAD][-1]
        assert torch.equal(rows[-1], last) and torch.equal(found[-1], last.float())
    # In the union a new token takes the first padding row instead of growing the matrix.
    models = opened(UNION, base, expert)
    assert models.vocabulary.appended == {"<x>": TOKENS}
    assert torch.equal(models.base_tensor(HEAD)[TOKENS].float(), expert.row("<x>", HEAD))


def test_new_padding_is_the_mean_row(opened: Any, pair: Any) -> None:
    models = opened(VocabularyPolicy("union", pad_to_multiple_of=64), *pair)
    assert models.config["vocab_size"] == 320
    mean = pair[0].tensors[HEAD].float().mean(0).bfloat16()
    assert torch.equal(models.base_tensor(HEAD)[TOKENS + 4 :], mean.expand(320 - TOKENS - 4, -1))
    assert torch.equal(expert_rows(models, HEAD, "a")[-1], mean.float())


def test_rules(opened: Any, pair: Any) -> None:
    base, first, second = pair
    the = base.ids["the"]
    # A rule stands in for a token where a model lacks it ...
    models = opened(rule("the", source="model:a"), *pair)
    assert torch.equal(models.base_tensor(EMBEDDING)[the].float(), base.row("the"))
    assert torch.equal(expert_rows(models, EMBEDDING, "a")[the], first.row("the"))
    assert torch.allclose(expert_rows(models, EMBEDDING, "b")[the], first.row("the"), atol=1e-6)
    # ... or everywhere, if forced.
    models = opened(rule("the", source="model:a", force=True), *pair)
    for found in (models.base_tensor(HEAD).float(), *(expert_rows(models, HEAD, name) for name in "ab")):
        assert torch.equal(found[the], first.row("the", HEAD))
    # A token that nobody has needs another token's row.
    models = opened(rule(source="model:b", token="<b>"), *pair)
    assert torch.equal(models.base_tensor(HEAD)[-1].float(), second.row("<b>", HEAD))
    models = opened(rule(source="base", token_id=7), *pair)
    assert torch.equal(models.base_tensor(EMBEDDING)[-1], base.tensors[EMBEDDING][7])
    models = opened(rule(source="zero"), *pair)
    assert models.vocabulary.appended["<new>"] == TOKENS + 4
    assert not models.base_tensor(EMBEDDING)[-1].any()


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (VocabularyPolicy("model:z"), "no model is named 'z'"),
        (rule(source="model:z"), "no model is named 'z'"),
        (rule(source="base"), "base has no row for '<new>'"),
        (rule(source="base", token="<a>"), "base has no row for '<a>'"),
        (rule(source="model:a", token_id=9999), "a has no row for id 9999"),
    ],
)
def test_a_policy_that_names_what_does_not_exist(opened: Any, pair: Any, policy: Any, problem: str) -> None:
    with pytest.raises(RecipeError, match=problem):
        opened(policy, *pair)


def test_a_policy_that_contradicts_itself() -> None:
    for make in (
        lambda: VocabularyPolicy("other"),
        lambda: VocabularyPolicy(pad_to_multiple_of=0),
        lambda: TokenRule("union"),
        lambda: TokenRule("base", token="a", token_id=1),
        lambda: TokenRule("zero", token="a"),
    ):
        with pytest.raises(RecipeError, match="tokenizer"):
            make()


def test_without_a_policy_the_first_different_token_is_named(opened: Any, tiny: Any) -> None:
    base = tiny("base", seed=0)
    with pytest.raises(ModelError, match=r"model a: .* '<end>' at id 258, the base's has 'an'.*merge\.tokenizer"):
        opened(None, base, tiny("swapped", seed=1, swapped=("an", "<end>")))
    with pytest.raises(ModelError, match=r"its tokenizer has '<x>' at id 261, the base's has no token"):
        opened(None, base, tiny("more", seed=1, special=("<end>", "<x>")))
    with pytest.raises(ModelError, match=r"vocab_size 263, the base has 261.*merge\.tokenizer"):
        opened(None, base, tiny("padded", seed=1, padding=2))


def test_equal_vocabularies_cost_nothing(opened: Any, tiny: Any) -> None:
    base, expert = tiny("base", seed=0), tiny("expert", seed=1)
    for policy in (BASE, UNION, VocabularyPolicy("model:a")):
        models = opened(policy, base, expert)
        assert not models.vocabulary.remaps
        assert models.base_tensor(EMBEDDING).data_ptr() == models.base_tensor(EMBEDDING).data_ptr()
        assert models.config == opened(None, base, expert).config


def test_tokenizers_of_another_kind_have_no_partners(opened: Any, tiny: Any) -> None:
    base, expert = tiny("base", seed=0), tiny("expert", seed=1)
    data = json.loads((expert.path / "tokenizer.json").read_text())
    data |= {"pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581"}, "decoder": None}
    data["model"]["byte_fallback"] = True
    (expert.path / "tokenizer.json").write_text(json.dumps(data))
    with pytest.raises(ModelError, match="BPE with \u2581 for spaces and byte fallback, the base's is byte-level BPE"):
        opened(BASE, base, expert)


def test_a_base_without_a_tokenizer_is_refused(opened: Any, tiny: Any) -> None:
    base = tiny("base", seed=0)
    (base.path / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"model base: .* has no tokenizer"):
        opened(BASE, base)


def test_a_tied_head_follows_the_embedding(opened: Any, tiny: Any) -> None:
    base = tiny("base", seed=0, tied=True)
    expert = tiny("expert", seed=1, tied=True, special=("<end>", "<x>"))
    models = opened(UNION, base, expert)
    assert HEAD not in models.tensor_names()
    assert torch.equal(models.base_tensor(EMBEDDING)[-1].float(), expert.row("<x>"))


def test_a_biased_head_has_rows_too(opened: Any, tiny: Any) -> None:
    base, expert = tiny("base", seed=0), tiny("expert", seed=1, special=("<end>", "<x>"))
    for one in (base, expert):
        tensors = one.tensors
        tensors["lm_head.bias"] = torch.arange(len(one.ids), dtype=torch.bfloat16)
        save_file(tensors, one.path / "model.safetensors", metadata={"format": "pt"})
    models = opened(UNION, base, expert)
    assert models.base_tensor("lm_head.bias").shape == (TOKENS + 1,)
    assert models.base_tensor("lm_head.bias")[-1] == torch.tensor(TOKENS, dtype=torch.bfloat16)


def test_embeddings_of_single_layers_cannot_be_moved(opened: Any, tiny: Any) -> None:
    base, expert = tiny("base", seed=0), tiny("expert", seed=1, special=("<end>", "<x>"))
    for one in (base, expert):
        tensors = one.tensors | {"model.embed_tokens_per_layer.weight": torch.zeros(200, 8)}
        save_file(tensors, one.path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        ModelError, match=r"model base: its tensor model\.embed_tokens_per_layer\.weight has a vocabulary"
    ):
        opened(UNION, base, expert)
    assert not opened(UNION, base, base).vocabulary.remaps


def test_an_adapter_has_the_bases_tokens_and_its_head_keeps_its_factors(
    opened: Any, pair: Any, tmp_path: Path, make_lora: Callable[..., Path]
) -> None:
    base, first, _ = pair
    adapter = make_lora(tmp_path / "lora", base.path, scale=0.3)
    add_factors(adapter, HEAD, rows=TOKENS)
    models = opened(UNION, base, first, Adapted(adapter))
    change = models.delta(HEAD, "b")
    assert change.shape == (TOKENS + 2, 16) and change[:TOKENS].any() and not change[TOKENS:].any()
    factors = models.factors(HEAD, "b")
    # The task vector is taken against the stored base; only its last fp32 bits differ from the product.
    assert torch.allclose(factors.b @ factors.a, change, atol=1e-6)
    assert models.delta(EMBEDDING, "b") is None
    assert torch.equal(models.factors(UP, "b").b, opened(None, base, Adapted(adapter)).factors(UP, "a").b)


def test_an_adapter_with_a_resized_embedding(
    opened: Any, pair: Any, tmp_path: Path, make_lora: Callable[..., Path]
) -> None:
    base, first, _ = pair
    adapter = make_lora(tmp_path / "lora", base.path)
    replaced = {name: torch.randn(TOKENS + 2, 16) for name in (EMBEDDING, HEAD)}
    weights = load_file(adapter / "adapter_model.safetensors")
    weights |= {f"base_model.model.{name}": tensor for name, tensor in replaced.items()}
    save_file(weights, adapter / "adapter_model.safetensors")
    (adapter / "tokenizer.json").write_bytes((first.path / "tokenizer.json").read_bytes())
    models = opened(UNION, base, Adapted(adapter))
    for name, tensor in replaced.items():
        assert torch.equal(models.base_tensor(name)[TOKENS:], tensor[TOKENS:].bfloat16())
        assert torch.allclose(expert_rows(models, name, "a"), tensor, atol=1e-6)
    with pytest.raises(ModelError, match="belongs to no module of modules_to_save"):
        opened(None, base, Adapted(adapter))


def test_an_embedding_and_a_head_of_different_size_are_refused(opened: Any, pair: Any) -> None:
    tensors = pair[1].tensors
    tensors[HEAD] = tensors[HEAD][:-1].clone()
    save_file(tensors, pair[1].path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"model a: its embedding and head have \[262, 263\] rows"):
        opened(UNION, *pair)


class Adapted:
    """An adapter directory in place of a model."""

    def __init__(self, path: Path) -> None:
        self.path = path


def add_factors(adapter: Path, name: str, rows: int) -> None:
    weights = load_file(adapter / "adapter_model.safetensors")
    module = f"base_model.model.{name.removesuffix('.weight')}"
    weights[f"{module}.lora_A.weight"] = torch.randn(4, 16)
    weights[f"{module}.lora_B.weight"] = torch.randn(rows, 4)
    save_file(weights, adapter / "adapter_model.safetensors")


VOCABULARIES = st.lists(st.sampled_from("abcdefghij"), unique=True, min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(
    base=VOCABULARIES,
    experts=st.lists(VOCABULARIES, min_size=1, max_size=3),
    padding=st.lists(st.integers(0, 3), min_size=4, max_size=4),
    source=st.sampled_from(["base", "union", "model:m1"]),
    data=st.data(),
)
def test_rows_follow_the_written_rules(
    base: list[str], experts: list[list[str]], padding: list[int], source: str, data: st.DataObject
) -> None:
    vocabularies = {f"m{index}": tokens for index, tokens in enumerate([base, *experts])}
    rows = {name: len(tokens) + pad for (name, tokens), pad in zip(vocabularies.items(), padding, strict=False)}
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    matrices = {name: torch.randn(count, 3, generator=generator) for name, count in rows.items()}
    vocabulary = planned(vocabularies, rows, VocabularyPolicy(source))
    reference = vocabularies["m1" if source == "model:m1" else "m0"]
    out = [*reference, *([t for ts in experts for t in ts] if source == "union" else [])]
    out = list(dict.fromkeys(out))
    if not vocabulary.remaps:
        assert len(set(map(tuple, vocabularies.values()))) == 1 and len(set(rows.values())) == 1
        return
    found = vocabulary.base_rows(matrices.__getitem__)
    deltas = {name: vocabulary.delta(name, matrices.__getitem__) for name in list(vocabularies)[1:]}
    for index, token in enumerate(out):
        have = [name for name, tokens in vocabularies.items() if token in tokens]
        own = {name: matrices[name][vocabularies[name].index(token)] for name in have}
        expected = own["m0"] if "m0" in have else torch.stack([own[name] for name in have]).mean(0)
        assert torch.allclose(found[index], expected, atol=1e-6)
        for name, delta in deltas.items():
            change = own.get(name, expected) - expected
            assert torch.allclose(torch.zeros(3) if delta is None else delta[index], change, atol=1e-6)
    for delta in deltas.values():
        assert delta is None or not delta[len(out) :].any()


def planned(vocabularies: dict[str, list[str]], rows: dict[str, int], policy: VocabularyPolicy) -> OutputVocabulary:
    """Plan a vocabulary for bare token lists, written as tokenizer files."""
    import tempfile

    with tempfile.TemporaryDirectory() as root:
        members = []
        for name, tokens in vocabularies.items():
            directory = Path(root) / name
            directory.mkdir()
            model = {"type": "WordLevel", "vocab": {token: index for index, token in enumerate(tokens)}}
            (directory / "tokenizer.json").write_text(json.dumps({"model": model, "added_tokens": []}))
            members.append(Member(name, f"model {name}", directory, rows[name]))
        return plan_vocabulary(policy, members[0], members[1:])
