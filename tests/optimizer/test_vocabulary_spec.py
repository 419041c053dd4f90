"""From merge.tokenizer of a spec to a finished search whose winner has the output vocabulary."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evomerge.errors import EvomergeError, ModelError, SpecError
from experiments.spec import load_spec
from merging.vocabulary.policy import TokenRule, VocabularyPolicy
from optimizer.plan import Plan
from optimizer.preflight import make_plan
from runs import TinyExperiment, run


@pytest.fixture(scope="module")
def tool(tiny_experiment: TinyExperiment, tiny_llama: Callable[..., Path]) -> Path:
    """An expert with a token of its own, beside the others."""
    path = tiny_llama(tiny_experiment.folder / "tool", seed=9, vocab_size=49153)
    data = json.loads((path / "tokenizer.json").read_text())
    data["model"]["vocab"]["<|tool|>"] = 49152
    data["added_tokens"].append(data["added_tokens"][0] | {"id": 49152, "content": "<|tool|>"})
    (path / "tokenizer.json").write_text(json.dumps(data))
    (path / "chat_template.jinja").write_text("<|tool|>{{ messages[0]['content'] }}")
    return path


def spec(tiny_experiment: TinyExperiment, name: str, tokenizer: dict[str, Any] | None, **changes: Any) -> Path:
    def change(data: dict[str, Any]) -> None:
        data["models"] = {"a": "a", "tool": "tool"}
        if tokenizer is not None:
            data["merge"]["tokenizer"] = tokenizer
        data.update(changes)

    return tiny_experiment.spec(name, change)


def plan(path: Path) -> Plan:
    loaded = load_spec(path)
    return make_plan(loaded.spec, loaded.source_dir)


def test_the_section_reaches_the_workers(tiny_experiment: TinyExperiment, tool: Path) -> None:
    tokens = {
        "<|tool|>": {"source": "model:tool", "force": True},
        "<|call|>": {"source": "base", "token": "<|im_end|>"},
    }
    (tiny_experiment.folder / "mine.jinja").write_text("mine")
    section = {"source": "union", "tokens": tokens, "pad_to_multiple_of": 8, "chat_template": "mine.jinja"}
    made = plan(spec(tiny_experiment, "vocabulary", section))
    rules = {"<|tool|>": TokenRule("model:tool", force=True), "<|call|>": TokenRule("base", "<|im_end|>")}
    template = str((tiny_experiment.folder / "mine.jinja").resolve())
    policy = VocabularyPolicy("union", rules, 8, template)
    assert made.worker.vocabulary == policy
    assert VocabularyPolicy.from_dict(json.loads(json.dumps(made.provenance["vocabulary"]))) == policy
    # Another template makes other scores, so the run could not go on with it.
    (tiny_experiment.folder / "mine.jinja").write_text("yours")
    assert plan(spec(tiny_experiment, "vocabulary", section)).inputs["vocabulary"] != made.inputs["vocabulary"]


@pytest.mark.parametrize(
    ("tokenizer", "kind", "field", "problem"),
    [
        (None, ModelError, "model tool", "its tokenizer has '<|tool|>' at id 49152, the base's has no token"),
        ({"source": "model:b"}, SpecError, "merge.tokenizer.source", "no model is named 'b'"),
        (
            {"tokens": {"<x>": {"source": "base"}}},
            SpecError,
            "merge.tokenizer.tokens['<x>']",
            "base has no row for '<x>'",
        ),
        ({"chat_template": "no.jinja"}, SpecError, "merge.tokenizer.chat_template", "there is no file"),
        ({"chat_template": "model:a"}, ModelError, "model a", "has no chat template"),
    ],
)
def test_what_does_not_exist_is_named(
    tiny_experiment: TinyExperiment,
    tool: Path,
    tokenizer: dict[str, Any] | None,
    kind: type[EvomergeError],
    field: str,
    problem: str,
) -> None:
    with pytest.raises(kind) as caught:
        plan(spec(tiny_experiment, "wrong", tokenizer))
    assert isinstance(caught.value, ModelError | SpecError)
    assert caught.value.field == field and problem in caught.value.problem


def test_a_search_over_two_vocabularies_ends_in_a_model_of_the_union(
    tiny_experiment: TinyExperiment, tool: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = spec(
        tiny_experiment,
        "union",
        {"source": "union", "chat_template": "model:tool"},
        output="union-{id}",
        search={"budget": {"evaluations": 11}, "finalists": 1},
    )
    done = run("run", path, "--store", tiny_experiment.store("union"), "--format", "json")
    assert done.returncode == 0, done.stderr
    (out,) = tiny_experiment.folder.glob("union-*")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    assert model.config.vocab_size == 49153 and tokenizer.get_vocab()["<|tool|>"] == 49152
    text = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
    assert text == "<|tool|>hi"
