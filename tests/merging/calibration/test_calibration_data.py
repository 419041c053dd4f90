"""Calibration examples: what is read, which are chosen, how they are tokenized."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from calibrations import LINES, byte_tokenizer, calibration_file

from evomerge.errors import RecipeError
from merging.calibration.data import IGNORED, Example, batches, load_examples
from merging.calibration.options import Calibration, opened

OPTIONS: dict[str, Any] = {
    "calibration": "", "samples": 4, "max_tokens": 16, "batch_size": 2, "chat_template": False, "device": "cpu",
}  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import AutoTokenizer

    directory = tmp_path_factory.mktemp("tokenizer")
    byte_tokenizer(directory)
    return AutoTokenizer.from_pretrained(directory)


def load(path: Path, limit: int = 100, seed: int = 0, **settings: Any) -> dict[str, tuple[Example, ...]]:
    return load_examples(path, experts=("a", "b"), limit=limit, seed=seed, **settings)


def text(tokenizer: Any, ids: torch.Tensor) -> str:
    return str(tokenizer.decode(ids))


def test_examples_go_to_their_expert_and_shared_ones_to_all(tmp_path: Path) -> None:
    found = load(calibration_file(tmp_path / "x.jsonl"))
    assert {e.prompt for e in found["a"]} == {"2+3=", "10+4=", "1+1=", "say a "}
    assert {e.prompt for e in found["b"]} == {"capital of Peru? ", "opposite of up? ", "say a "}
    assert Example("2+3=", "5", "a") in found["a"]


def test_choice_is_keyed_and_ignores_order_and_other_lines(tmp_path: Path) -> None:
    many = [{"prompt": f"question {i}", "expert": "a"} for i in range(30)] + [{"text": "t", "expert": "b"}]
    first = load(calibration_file(tmp_path / "x.jsonl", many), limit=5)
    again = load(calibration_file(tmp_path / "y.jsonl", [{"text": "new", "expert": "b"}, *many[::-1]]), limit=5)
    assert len(first["a"]) == 5
    assert first["a"] == again["a"]
    assert first["a"] != load(tmp_path / "x.jsonl", limit=5, seed=1)["a"]
    assert first["a"] == load(tmp_path / "x.jsonl", limit=9)["a"][:5]


def test_repeated_lines_count_once_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "one"}\n\n{"text": "one"}\n{"text": "two\u2028lines"}\n', encoding="utf-8")
    assert {e.prompt for e in load(path)["a"]} == {"one", "two\u2028lines"}
    assert len(load(path)["a"]) == 2


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", r"x.jsonl:2 is not valid JSON"),
        ("[1]", r"x.jsonl:2 holds no JSON object"),
        ('{"prompt": 3}', r"x.jsonl:2 has prompt 3"),
        ('{"prompt": ""}', r"x.jsonl:2 has prompt ''"),
        ('{"prompt": "x", "text": "y"}', r"x.jsonl:2 has both"),
        ('{"question": "x"}', r"x.jsonl:2 has neither"),
        ('{"prompt": "x", "completion": ["y"]}', r"x.jsonl:2 has completion"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"text": "good"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(RecipeError, match=problem) as caught:
        load(path)
    assert caught.value.field == "recipe.options.calibration"


def test_an_expert_without_examples_is_named(tmp_path: Path) -> None:
    path = calibration_file(tmp_path / "x.jsonl", [{"text": "t", "expert": "a"}, {"text": "t", "expert": "typo"}])
    with pytest.raises(RecipeError, match=r"no example for the expert 'b' \(only for typo\)"):
        load(path)


def test_labelled_examples_need_completions(tmp_path: Path) -> None:
    path = calibration_file(tmp_path / "x.jsonl", [*LINES, {"text": "no answer", "expert": "other"}])
    assert load(path, labelled=True)
    with pytest.raises(RecipeError, match=r"x.jsonl:7 has no completion"):
        load_examples(path, experts=("a", "b", "other"), limit=9, seed=0, labelled=True)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="is no file"):
        load(tmp_path / "missing.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(b'{"text": "\xe9"}\n')
    with pytest.raises(RecipeError, match="cannot be read"):
        load(tmp_path / "latin.jsonl")


def test_labels_cover_the_completion_or_the_whole_text(tokenizer: Any) -> None:
    examples = [Example("2+3=", "5"), Example("hello world")]
    (batch,) = batches(examples, tokenizer, size=8, max_tokens=64)
    assert batch.input_ids.shape == batch.labels.shape == batch.attention_mask.shape == (2, 11)
    assert text(tokenizer, batch.input_ids[0]) == "hello world"
    assert torch.equal(batch.labels[0], batch.input_ids[0])
    assert text(tokenizer, batch.labels[1][batch.labels[1] != IGNORED]) == "5"
    assert batch.attention_mask.sum(1).tolist() == [11, 5]
    assert batch.labels[1, 5:].eq(IGNORED).all()


def test_batches_hold_similar_lengths(tokenizer: Any) -> None:
    found = batches([Example("x" * n) for n in (3, 9, 4, 8, 5)], tokenizer, size=2, max_tokens=64)
    assert [batch.attention_mask.sum(1).tolist() for batch in found] == [[9, 8], [5, 4], [3]]


@pytest.mark.parametrize(
    ("example", "limit", "context", "answer"),
    [
        (Example("0123456789", "ab"), 5, "789", "ab"),
        (Example("0123456789", "abcdef"), 4, "9", "abc"),
        (Example("0123456789"), 4, "", "0123"),
        (Example("01", "ab"), 4, "01", "ab"),
    ],
)
def test_long_sequences_keep_the_seam(tokenizer: Any, example: Example, limit: int, context: str, answer: str) -> None:
    (batch,) = batches([example], tokenizer, size=1, max_tokens=limit)
    scored = batch.labels[0] != IGNORED
    assert text(tokenizer, batch.input_ids[0][~scored]) == context
    assert text(tokenizer, batch.input_ids[0][scored]) == answer


def test_chat_template_frames_both_turns(tokenizer: Any) -> None:
    examples = [Example("2+3=", "5"), Example("hi there, who")]
    reply, plain = (batches([e], tokenizer, size=1, max_tokens=64, chat=True)[0] for e in examples)
    assert text(tokenizer, reply.input_ids[0]) == "<user>2+3=</><assistant>5</>"
    assert text(tokenizer, reply.labels[0][reply.labels[0] != IGNORED]) == "5</>"
    assert text(tokenizer, plain.labels[0]) == "<user>hi there, who</><assistant>"


def test_chat_needs_a_template(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "chat_template", None)
    with pytest.raises(RecipeError, match="no chat template") as caught:
        batches([Example("x")], tokenizer, size=1, max_tokens=8, chat=True)
    assert caught.value.field == "recipe.options.chat_template"


def test_a_token_across_the_seam_is_the_completions(smollm2: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(smollm2)
    (batch,) = batches([Example("The answer", "s are")], tokenizer, size=1, max_tokens=64)
    assert text(tokenizer, batch.input_ids[0]) == "The answers are"
    assert text(tokenizer, batch.labels[0][batch.labels[0] != IGNORED]) == " answers are"


def test_options_are_checked(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="needs examples and none are given"):
        Calibration.of(OPTIONS, 0)
    given = OPTIONS | {"calibration": str(tmp_path / "x.jsonl")}
    for name, value in (("samples", 0), ("max_tokens", 1), ("batch_size", 0)):
        with pytest.raises(RecipeError, match=f"recipe.options.{name}"):
            Calibration.of(given | {name: value}, 0)
    with pytest.raises(RecipeError, match="is no file"):
        Calibration.of(given, 0).key()


def test_key_follows_content_and_options_not_the_path(tmp_path: Path) -> None:
    def key(name: str, seed: int = 0, **options: Any) -> dict[str, Any]:
        return Calibration.of(OPTIONS | {"calibration": str(tmp_path / name), **options}, seed).key()

    calibration_file(tmp_path / "x.jsonl")
    calibration_file(tmp_path / "y.jsonl")
    calibration_file(tmp_path / "z.jsonl", LINES[:-1])
    assert key("x.jsonl") == key("y.jsonl")
    assert all(key("x.jsonl") != other for other in (key("z.jsonl"), key("x.jsonl", 1), key("x.jsonl", samples=5)))


def test_operators_with_data_need_models() -> None:
    def inputs(models: Any) -> Any:
        return SimpleNamespace(model_set=models)

    own = SimpleNamespace()
    assert opened(inputs(own)) is own
    with pytest.raises(RecipeError, match="found tensors alone"):
        opened(inputs(None))
