from __future__ import annotations

from typing import Any

import pytest
import yaml

from evomerge.errors import RecipeError
from merging.mergekit.config import MergeConfig, read_configs
from merging.mergekit.methods import METHODS
from merging.mergekit.references import Reference
from merging.mergekit.steps import ordered
from merging.mergekit.tokens import TokenRule

MODELS = "models:\n  - model: a\n    parameters: {weight: 1}\n  - model: b\n    parameters: {weight: 1}\n"


def read(text: str) -> MergeConfig:
    (config,) = read_configs(text, "merge.yml")
    return config


def refused(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        read(text)
    return str(caught.value)


def test_every_method_of_the_tool_is_known() -> None:
    assert set(METHODS) == {
        "linear", "slerp", "nuslerp", "multislerp", "karcher", "passthrough", "model_stock", "arcee_fusion", "nearswap",
        "sce", "ram", "ramplus_tl", "task_arithmetic", "ties", "dare_ties", "dare_linear", "breadcrumbs",
        "breadcrumbs_ties", "della", "della_linear",
    }  # fmt: skip


def test_models_are_one_slice_of_whole_models() -> None:
    config = read("merge_method: linear\n" + MODELS)
    (only,) = config.slices
    assert [source.layers for source in only.sources] == [None, None]
    assert config.references() == (Reference("a"), Reference("b"))


def test_all_parts_of_a_configuration_are_read() -> None:
    text = """
name: step one
merge_method: dare_ties
base_model: org/base@v1
slices:
  - sources:
      - model: org/base@v1
        layer_range: [0, 4]
      - model: org/base@v1+org/lora@abc
        layer_range: [2, 6]
        parameters: {weight: 0.5, density: [0.1, 0.9]}
    base_model: org/base@v1
    residual_weight: 0.5
    parameters: {lambda: 0.9}
parameters: {normalize: false, int8_mask: true}
dtype: torch.float16
out_dtype: bfloat16
tokenizer:
  source: union
  tokens:
    <|a|>: {source: org/base@v1, force: true}
    <|b|>: {source: {kind: zero}}
    <|c|>: {source: {kind: model_token, model: org/base@v1, token_id: 7}}
  pad_to_multiple_of: 64
chat_template: auto
"""
    config = read(text)
    base = Reference("org/base", "v1")
    assert (config.name, config.method.name, config.base_model) == ("step one", "dare_ties", base)
    assert config.references() == (base, Reference("org/base", "v1", "org/lora", "abc"))
    assert [source.layers for source in config.slices[0].sources] == [(0, 4), (2, 6)]
    assert (config.dtype, config.out_dtype, config.chat_template) == ("float16", "bfloat16", "auto")
    assert config.tokenizer is not None
    assert (config.tokenizer.source, config.tokenizer.pad_to_multiple_of) == ("union", 64)
    assert config.tokenizer.tokens == (
        TokenRule("<|a|>", base, None, True),
        TokenRule("<|b|>", "zero", None, False),
        TokenRule("<|c|>", base, 7, False),
    )
    assert any("int8_mask only saves memory" in note for note in config.notes)
    assert any("residual_weight has no effect" in note for note in config.notes)


@pytest.mark.parametrize(
    ("written", "reference"),
    [
        ("org/m", Reference("org/m")),
        ("./m@main", Reference("./m", "main")),
        ("m+l", Reference("m", None, "l")),
        ({"model": {"path": "m", "revision": "r"}, "lora": {"path": "l"}}, Reference("m", "r", "l")),
        ({"model": "m@r", "lora": None}, Reference("m", "r")),
    ],
)
def test_forms_of_a_reference(written: Any, reference: Reference) -> None:
    text = yaml.safe_dump({"merge_method": "passthrough", "models": [{"model": written}]})
    assert read(text).references() == (reference,)


def test_a_module_with_slices_is_a_merge() -> None:
    text = (
        "merge_method: passthrough\nmodules:\n  default:\n    slices:\n      - sources:\n"
        "          - {model: a, layer_range: [0, 2]}\n    parameters: {scale: 0.5}\n"
    )
    config = read(text)
    assert config.slices[0].sources[0].layers == (0, 2)
    assert list(config.module_parameters) == ["scale"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("merge_metod: ties", ["line 1: merge_metod", "did you mean 'merge_method'"]),
        ("models: [{model: a}]", ["'merge_method' is missing"]),
        ("merge_method: tise\n" + MODELS, ["line 1: merge_method: found 'tise'", "did you mean 'ties'"]),
        ("merge_method: linear", ["exactly one of models, slices and modules", "none of them"]),
        ("merge_method: linear\nslices: []\n" + MODELS, ["found models and slices"]),
        ("merge_method: linear\nmodels: []", ["line 2: models: found []", "at least one entry"]),
        ("merge_method: linear\nmodels: [{modle: a}]", ["models[0].modle", "did you mean 'model'"]),
        ("merge_method: linear\nmodels: [{model: a+b+c}]", ["models[0].model: found 'a+b+c'"]),
        ("merge_method: linear\nmodels: [{model: a@b@c}]", ["write 'path' or 'path@revision'"]),
        ("merge_method: linear\nmodels: [{model: {model: a, override_architecture: X}}]", ["override_architecture"]),
        (MODELS + "merge_method: ties\nparameters: {densty: 1}", ["parameters.densty", "did you mean 'density'"]),
        ("merge_method: linear\nmodels: [{model: a, weight: 1}]", ["models[0].weight", "move it under 'parameters:'"]),
        (MODELS + "merge_method: linear\nnormalize: true", ["line 7: normalize", "move it under 'parameters:'"]),
        (MODELS + "merge_method: linear\ndtype: int8", ["line 7: dtype: found 'int8'", "bfloat16"]),
        (MODELS + "merge_method: linear\nout_dtype: fp16", ["out_dtype: found 'fp16'"]),
        (MODELS + "merge_method: linear\ntokenizer_source: base\ntokenizer: {source: base}", ["keep one of them"]),
        (MODELS + "merge_method: linear\ntokenizer: {sauce: base}", ["tokenizer.sauce", "did you mean 'source'"]),
        (
            MODELS + "merge_method: linear\ntokenizer: {tokens: {x: {source: {kind: model_token, model: a}}}}",
            ["names a model and one token of it"],
        ),
        (
            "merge_method: linear\nmodules: {text: {models: [{model: a}]}, vision: {models: [{model: a}]}}",
            ["found 2 modules (text, vision)", "merge the language model alone"],
        ),
        ("merge_method: passthrough\nslices: [{sources: [{model: a}]}]", ["'layer_range' is missing"]),
        (
            "merge_method: passthrough\nslices: [{sources: [{model: a, layer_range: [4, 2]}]}]",
            ["layer_range: found [4, 2]", "two ascending block numbers"],
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(text: str, parts: list[str]) -> None:
    message = refused(text)
    assert message.startswith("merge.yml")
    for part in parts:
        assert part in message


def test_the_random_seed_of_many_cards_is_used() -> None:
    config = read("merge_method: linear\nrandom_seed: 7\n" + MODELS)
    assert config.random_seed == 7
    assert any("random_seed is the seed here" in note for note in config.notes)


def test_parameters_without_effect_are_noted() -> None:
    text = (
        "merge_method: slerp\nbase_model: a\nmodels:\n  - {model: a, parameters: {t: 1, density: 0.5}}\n  - model: b\n"
    )
    notes = read(text + "parameters: {t: 0.5}").notes
    assert any("models[0].parameters.t has no effect: it belongs to the merge" in note for note in notes)
    assert any("models[0].parameters.density has no effect: slerp has no such parameter" in note for note in notes)


def documents(*pairs: tuple[str | None, list[str]]) -> list[MergeConfig]:
    texts = [
        yaml.safe_dump(
            ({"name": name} if name else {}) | {"merge_method": "linear", "models": [{"model": m} for m in models]}
        )
        for name, models in pairs
    ]
    return read_configs("---\n".join(texts), "merge.yml")


def test_documents_run_in_the_order_in_which_they_need_each_other() -> None:
    configs = documents((None, ["second", "x"]), ("second", ["first", "y"]), ("first", ["x", "y"]))
    assert [config.name for config in ordered(configs)] == ["first", "second", None]
    configs = documents(("last", ["first+lora"]), ("first", ["x"]))
    assert [config.name for config in ordered(configs)] == ["first", "last"]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("a", ["x"]), ("a", ["y"])], "two documents are named 'a'"),
        ([(None, ["x"]), (None, ["y"])], "two documents have no name"),
        ([("a", ["x"]), ("b", ["y"])], "one document that no other uses, found a, b"),
        ([(None, ["a"]), ("a", ["b"]), ("b", ["a"])], "uses itself"),
        ([("a", ["a"])], "found none"),
        ([(None, ["x"]), ("a", ["y"])], "the result does not use 'a'"),
    ],
)
def test_documents_that_make_no_chain_are_refused(pairs: list[Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        ordered(documents(*pairs))
