"""What scores depend on is told apart field by field, and mixed scores are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from evals.provenance import Provenance, check_comparable, differences, provenance_of
from evals.suite import TaskSuite
from evals.tasks import TaskDefinition
from evomerge.errors import InvalidInput

ENGINE = {"engine": "transformers", "transformers": "5.0", "torch": "2.8", "device": "cpu", "dtype": "bfloat16",
          "max_model_len": 256, "threads": 2}  # fmt: skip


class Tokenizer:
    """As much of a tokenizer as provenance asks for."""

    backend_tokenizer = None

    def __init__(self, template: str | None = "{{ messages }}", words: int = 3) -> None:
        self.chat_template = template
        self._words = words

    def get_vocab(self) -> dict[str, int]:
        return {f"w{number}": number for number in range(self._words)}


@pytest.fixture
def made(write_task: Callable[..., str]) -> Callable[..., Provenance]:
    """Make a provenance; keyword arguments change the task."""

    def make(
        tokenizer: Any = None, engine: dict[str, Any] | None = None, keys: Any = None, rows: Any = None, **fields: Any
    ) -> Provenance:
        definition = {"search": 4, "selection": 3, "test": 5, "chat_template": True, **fields}
        source = write_task(rows=rows, **(keys or {}))
        suite = TaskSuite.load([TaskDefinition("quiz", source, "exact_match", **definition)])
        return provenance_of(suite, tokenizer or Tokenizer(), ENGINE | (engine or {}), 0, "in place")

    return make


def test_equal_makings_are_equal_and_survive_json(made: Callable[..., Provenance]) -> None:
    first = made()
    again = Provenance.from_dict(json.loads(json.dumps(first.to_dict())) | {"of_a_later_version": 1})
    assert (again, again.digest) == (first, made().digest)
    assert first.tasks["quiz"].items == {"search": 4, "selection": 3, "test": 5}
    assert first.engine == "transformers 5.0" and first.harness.startswith("lm-eval 0.")
    assert differences(first, again, "test") == ()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"engine": {"dtype": "float32"}}, "dtype (bfloat16 and float32)"),
        ({"engine": {"torch": "2.9"}}, "torch (2.8 and 2.9)"),
        ({"engine": {"max_model_len": 128}}, "max_model_len (256 and 128)"),
        ({"tokenizer": Tokenizer(words=4)}, "tokenizer"),
        ({"tokenizer": Tokenizer("{{ other }}")}, "quiz: chat_template"),
        ({"keys": {"doc_to_text": "Q: {{question}}"}}, "quiz: task"),
        ({"max_tokens": 4}, "quiz: task"),
        ({"seed": 1}, "quiz: seed"),
        ({"test": 6}, "quiz: items (5 and 6)"),
    ],
)
def test_every_change_shows_under_its_name(made: Callable[..., Provenance], change: dict[str, Any], field: str) -> None:
    changed = made(**change)
    assert any(one.startswith(field) for one in differences(made(), changed, "test"))
    assert changed.digest != made().digest


def test_what_a_split_does_not_depend_on_does_not_count(
    made: Callable[..., Provenance], rows: list[dict[str, Any]]
) -> None:
    plain = made()
    assert differences(plain, made(search=6), "test") == ()
    assert differences(plain, made(search=6), "search") != ()
    forced = made(keys={"generation_kwargs": {"until": ["<|im_end|>"], "do_sample": False}}, teacher_forced=True)
    unforced = replace(forced, tasks={"quiz": replace(forced.tasks["quiz"], teacher_forced=False)})
    assert differences(forced, unforced, "test") == ()
    assert differences(forced, unforced, "search") == ("quiz: teacher_forced (True and False)",)
    # Without chat prompts the template of a tokenizer says nothing.
    silent = [made(Tokenizer(template), chat_template=False) for template in ("a", "b")]
    assert differences(*silent, "test") == ()
    # Examples come from the items that no split has.
    shots = [made(search=size, num_fewshot=2, rows=rows) for size in (4, 6)]
    assert any(one.startswith("quiz: examples") for one in differences(*shots, "test"))


def test_mixed_scores_are_refused_or_told_aloud(made: Callable[..., Provenance]) -> None:
    models = {"mine": made(), "same": made(), "theirs": made(engine={"dtype": "float32"})}
    with pytest.raises(InvalidInput, match=r"mine and theirs differ in provenance: dtype \(bfloat16 and float32\)"):
        check_comparable(models, "test")
    (said,) = check_comparable(models, "test", mixed=True)
    assert "dtype" in said
    assert check_comparable({"mine": models["mine"], "same": models["same"]}, "test") == ()


def test_settings_of_our_own_scorers_are_in_the_hash(tmp_path: Path) -> None:
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps({"q": f"{n}+1", "a": n + 1}) + "\n" for n in range(9)))

    def task_hash(tolerance: float) -> str:
        score = {"kind": "numeric", "tolerance": tolerance}
        form = {"data": "sums.jsonl", "prompt": "{{q}}=", "answer": "a", "score": score}
        (tmp_path / "sums.yaml").write_text(yaml.safe_dump(form))
        definition = TaskDefinition("sums", str(tmp_path / "sums.yaml"), search=2, selection=2, test=5)
        return str(TaskSuite.load([definition]).describe()["sums"]["config_hash"])

    assert task_hash(0.1) == task_hash(0.1) != task_hash(0.2)
