"""Tokenizer files of a merge: what transformers reads from them, and how text is cut."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from evomerge.errors import ModelError, RecipeError
from merging.export import export_checkpoint
from merging.materialize import Materializer
from merging.recipe import Recipe
from merging.vocabulary.files import vocabulary_digest, write_tokenizer
from merging.vocabulary.loadable import loadable_base
from merging.vocabulary.policy import TokenRule, VocabularyPolicy
from merging.vocabulary.tokenizer import read_tokenizer, tokenizer_data, united

UNION = VocabularyPolicy("union")
TEXTS = ("the band of another thing", "caf\u00e9 \u2603 of<end>the", "<b>of<both>", "    the\n\nand")


@pytest.fixture
def pair(tiny: Callable[..., Any]) -> tuple[Any, Any, Any]:
    base = tiny("base", seed=0, template="base {{ messages[0]['content'] }}")
    first = tiny("first", seed=1, special=("<end>", "<a>", "<both>"), template="first {{ messages[0]['content'] }}")
    second = tiny("second", seed=2, merges=[["t", "h"], ["o", "f"], ["a", "n"]], special=("<end>", "<both>", "<b>"))
    return base, first, second


@pytest.fixture
def written(opened: Any, tmp_path: Path) -> Callable[..., Any]:
    """Write the tokenizer of a policy and load it with transformers."""
    from transformers import AutoTokenizer

    def write(policy: VocabularyPolicy | None, *models: Any) -> Any:
        out = Path(shutil.rmtree(tmp_path / "out", ignore_errors=True) or tmp_path / "out")
        out.mkdir()
        write_tokenizer(opened(policy, *models), out)
        return AutoTokenizer.from_pretrained(out)

    return write


def load(path: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(path)


def test_union_tokenizer_has_every_token_under_its_row(written: Any, opened: Any, pair: Any) -> None:
    tokenizer = written(UNION, *pair)
    appended = opened(UNION, *pair).vocabulary.appended
    assert tokenizer.get_vocab() == {**pair[0].ids, **appended}
    assert set(pair[1].ids) | set(pair[2].ids) <= set(tokenizer.get_vocab())
    for text in TEXTS:
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.decode(ids) == text
    # Special tokens of every model are cut out whole, and a merge that only the second expert has works.
    assert tokenizer.tokenize("<b>of<both>") == ["<b>", "of", "<both>"]
    assert tokenizer.all_special_ids == [pair[0].ids["<end>"]]


def test_text_is_cut_as_the_base_cuts_it_and_then_joined_further(written: Any, pair: Any) -> None:
    base, union = load(pair[0].path), written(UNION, *pair)
    for text in TEXTS[:2]:
        ours, theirs = union.tokenize(text), base.tokenize(text)
        assert "".join(ours) == "".join(theirs) and len(ours) <= len(theirs)
        ends = [{len("".join(tokens[: i + 1])) for i in range(len(tokens))} for tokens in (ours, theirs)]
        assert ends[0] <= ends[1]


def test_one_models_tokenizer_is_taken_as_it_is(written: Any, pair: Any) -> None:
    for policy, one in (
        (None, pair[0]),
        (VocabularyPolicy("base"), pair[0]),
        (VocabularyPolicy("model:b"), pair[2]),
    ):
        models = pair if policy else (pair[0],)
        tokenizer = written(policy, *models)
        assert tokenizer.get_vocab() == one.ids
        source = json.loads((one.path / "tokenizer.json").read_text())
        assert json.loads((Path(tokenizer.name_or_path) / "tokenizer.json").read_text()) == source


def test_a_token_of_ones_own_is_special(written: Any, pair: Any) -> None:
    policy = VocabularyPolicy("base", {"<tool>": TokenRule("base", token="<end>")})
    tokenizer = written(policy, *pair)
    assert tokenizer.get_vocab()["<tool>"] == len(pair[0].ids)
    assert tokenizer.tokenize("the<tool>the") == ["the", "<tool>", "the"]
    assert tokenizer.decode([len(pair[0].ids)], skip_special_tokens=True) == ""


@pytest.mark.parametrize(
    ("choice", "expected"),
    [(None, "base hi"), ("base", "base hi"), ("model:a", "first hi"), ("file", "mine hi"), ("none", None)],
)
def test_the_chat_template_is_an_explicit_choice(
    written: Any, pair: Any, tmp_path: Path, choice: str | None, expected: str | None
) -> None:
    (tmp_path / "mine.jinja").write_text("mine {{ messages[0]['content'] }}")
    policy = VocabularyPolicy("union", chat_template=str(tmp_path / "mine.jinja") if choice == "file" else choice)
    tokenizer = written(policy, *pair)
    if expected is None:
        assert tokenizer.chat_template is None
    else:
        assert tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False) == expected


def test_templates_inside_other_files_are_found_and_removed(written: Any, pair: Any) -> None:
    base, first, _ = pair
    for one, template in (
        (base, "inside"),
        (first, [{"name": "other", "template": "x"}, {"name": "default", "template": "y"}]),
    ):
        (one.path / "chat_template.jinja").unlink()
        settings = json.loads((one.path / "tokenizer_config.json").read_text())
        (one.path / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": template}))
    assert written(UNION, *pair).chat_template == "inside"
    assert written(VocabularyPolicy("union", chat_template="model:a"), *pair).chat_template == "y"
    assert written(VocabularyPolicy("union", chat_template="none"), *pair).chat_template is None
    assert written(VocabularyPolicy("base", chat_template="none"), *pair).chat_template is None


def test_a_template_that_does_not_exist(written: Any, pair: Any) -> None:
    with pytest.raises(ModelError, match=r"model b: .* has no chat template"):
        written(VocabularyPolicy("union", chat_template="model:b"), *pair)
    with pytest.raises(RecipeError, match="no model is named 'z'"):
        written(VocabularyPolicy("union", chat_template="model:z"), *pair)
    with pytest.raises(RecipeError, match=r"'/nowhere\.jinja' is no readable file"):
        written(VocabularyPolicy("union", chat_template="/nowhere.jinja"), *pair)


def test_an_exported_union_is_a_complete_model(opened: Any, pair: Any, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    models = opened(VocabularyPolicy("union", pad_to_multiple_of=16), *pair)
    materializer, recipe = Materializer(models), Recipe("task_arithmetic", ("a", "b"))
    result = export_checkpoint(materializer, recipe, tmp_path / "merged", card="")
    out = result.path
    assert result.not_expressible is not None and not (out / "mergekit_config.yml").exists()
    model, tokenizer = AutoModelForCausalLM.from_pretrained(out), load(out)
    assert model.config.vocab_size == 272 == model.get_input_embeddings().weight.shape[0]
    assert max(tokenizer.get_vocab().values()) < 272
    logits = model(torch.tensor([tokenizer("<b>of<both>the")["input_ids"]])).logits
    assert logits.shape[-1] == 272 and logits.isfinite().all()
    weights = model.state_dict()
    for name, tensor in materializer.tensors(recipe):
        assert torch.equal(weights[name], tensor)
    # It opens again as an expert of the same base.
    assert opened(UNION, pair[0], type(pair[0])(out)).config["vocab_size"] == 265


def test_special_tokens_and_generation_follow_the_models_ids(opened: Any, pair: Any, tmp_path: Path) -> None:
    generation = json.dumps({"eos_token_id": pair[2].ids["<end>"]})
    (pair[2].path / "generation_config.json").write_text(generation)
    models = opened(VocabularyPolicy("model:b"), *pair)
    out = export_checkpoint(Materializer(models), Recipe("linear", ("a",)), tmp_path / "merged", card="").path
    assert (out / "generation_config.json").read_text() == generation
    config = json.loads((out / "config.json").read_text())
    assert {config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")} == {pair[2].ids["<end>"]}


def test_engines_load_the_base_in_the_output_vocabulary(opened: Any, pair: Any, tiny: Any) -> None:
    models = opened(UNION, *pair)
    with loadable_base(models) as base:
        tensors = load_file(base.path / "model.safetensors")
        assert set(tensors) == set(models.tensor_names())
        assert all(torch.equal(tensors[name], models.base_tensor(name)) for name in tensors)
        assert load(base.path).get_vocab()["<b>"] == models.vocabulary.appended["<b>"]
        base.forget_weights()
        assert not list(base.path.glob("*.safetensors")) and (base.path / "config.json").exists()
    assert not base.path.exists()


def test_engines_load_the_bases_own_weights_where_rows_are_equal(opened: Any, pair: Any, tiny: Any) -> None:
    weights = pair[0].path / "model.safetensors"
    same = opened(VocabularyPolicy("base", chat_template="none"), pair[0], tiny("same", seed=5))
    with loadable_base(same) as base:
        assert (base.path / "model.safetensors").resolve() == weights
        assert load(base.path).chat_template is None
        base.forget_weights()
    assert weights.exists()
    with loadable_base(opened(None, pair[0])) as base:
        assert base.path == pair[0].path
        base.forget_weights()
    assert weights.exists()


def test_operators_that_run_the_models_on_text_run_them_in_the_output_vocabulary(
    opened: Any, pair: Any, tmp_path: Path
) -> None:
    calibration = tmp_path / "calibration.jsonl"
    calibration.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    models = opened(UNION, *pair)
    recipe = Recipe("regmean", ("a", "b"), options={"calibration": str(calibration)})
    merged = dict(Materializer(models).tensors(recipe))
    assert all(tensor.isfinite().all() for tensor in merged.values())
    assert merged["model.embed_tokens.weight"].shape == (265, 16)


def test_the_digest_sees_rows_tokens_and_templates(opened: Any, pair: Any) -> None:
    policies = [
        UNION, VocabularyPolicy("base"), VocabularyPolicy("union", pad_to_multiple_of=64),
        VocabularyPolicy("union", chat_template="model:a"), VocabularyPolicy("union", {"<a>": TokenRule("zero")}),
    ]  # fmt: skip
    digests = {vocabulary_digest(opened(policy, *pair).vocabulary) for policy in policies}
    assert len(digests) == len(policies)
    assert vocabulary_digest(opened(UNION, *pair).vocabulary) in digests
    assert vocabulary_digest(opened(UNION, *pair[:2]).vocabulary) not in digests


def test_a_tokenizer_of_older_files_is_converted(tiny: Any) -> None:
    one = tiny("old", seed=0)
    data = json.loads((one.path / "tokenizer.json").read_text())
    (one.path / "tokenizer.json").unlink()
    (one.path / "vocab.json").write_text(json.dumps(data["model"]["vocab"]))
    (one.path / "merges.txt").write_text("\n".join(" ".join(pair) for pair in data["model"]["merges"]))
    (one.path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer"}))
    found = read_tokenizer("model old", one.path)
    assert found.kind == "byte-level BPE"
    assert data["model"]["vocab"].items() <= found.ids.items()
    (one.path / "vocab.json").write_text("[")
    with pytest.raises(ModelError, match=r"model old: its tokenizer has no tokenizer\.json and cannot be converted"):
        read_tokenizer("model old", one.path)
    (one.path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json has no vocabulary"):
        tokenizer_data("model old", one.path)


def unigram(*pieces: str, special: str = "<unk>") -> dict[str, Any]:
    vocabulary = [[special, 0.0], *([piece, -1.0 - index / 10] for index, piece in enumerate(pieces))]
    return {
        "version": "1.0",
        "added_tokens": [{"id": 0, "content": special, "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True}],
        "normalizer": None, "post_processor": None, "truncation": None, "padding": None,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
        "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
        "model": {"type": "Unigram", "unk_id": 0, "vocab": vocabulary, "byte_fallback": False},
    }  # fmt: skip


def test_unigram_pieces_are_appended_with_their_scores() -> None:
    from tokenizers import Tokenizer

    first, second = unigram("\u2581a", "b", "c"), unigram("\u2581a", "bc", "c")
    data = united(first, [second], {"bc": 4})
    assert data["model"]["vocab"][4] == ["bc", second["model"]["vocab"][2][1]]
    tokenizer = Tokenizer.from_str(json.dumps(data))
    assert tokenizer.encode("abc").tokens == ["\u2581a", "bc"]
    with pytest.raises(ModelError, match="no token has the id 4"):
        united(first, [second], {"bc": 5})


def test_merges_keep_their_form_and_their_order() -> None:
    def bpe(merges: list[Any], *tokens: str) -> dict[str, Any]:
        vocabulary = {token: index for index, token in enumerate(tokens)}
        return {"model": {"type": "BPE", "vocab": vocabulary, "merges": merges}, "added_tokens": []}

    first = bpe(["a b"], "a", "b", "c", "ab")
    second = bpe([["b", "c"], ["a", "b"], ["ab", "c"]], "a", "b", "c", "ab", "bc", "abc")
    assert united(first, [second], {"bc": 4})["model"]["merges"] == ["a b", "b c"]
    assert united(second, [first], {})["model"]["merges"] == second["model"]["merges"]
