"""Engines on merges of models whose tokenizers differ: resident weights, tokenizer and rows are those of the export."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals.suite import TaskSuite
from evals.tasks import TaskDefinition
from evomerge.errors import EngineError
from merging.export import export_checkpoint
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe
from merging.vocabulary.policy import VocabularyPolicy
from workers.worker import WorkerConfig, start_worker

POLICY = VocabularyPolicy("union", pad_to_multiple_of=64)
NEW = ("<|tool|>", "<|call|>")


def recipe(tool: float, north: float) -> Recipe:
    weights = {"weight": {"tool": (tool,), "north": (north,)}}
    return Recipe("task_arithmetic", ("tool", "north"), coefficients=weights)


@pytest.fixture(scope="module")
def config(
    tiny: tuple[ModelRef, tuple[ModelRef, ...]],
    tiny_llama: Callable[..., Path],
    tasks: tuple[TaskDefinition, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> WorkerConfig:
    """An adapter, and a checkpoint with two more tokens and two ids the other way round."""
    base, (north, *_) = tiny
    shape = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2}
    path = tiny_llama(tmp_path_factory.mktemp("vocabulary") / "tool", seed=9, vocab_size=49154, **shape)
    data = json.loads((path / "tokenizer.json").read_text())
    vocabulary = data["model"]["vocab"]
    vocabulary["What"], vocabulary["How"] = vocabulary["How"], vocabulary["What"]
    vocabulary.update({token: 49152 + place for place, token in enumerate(NEW)})
    data["added_tokens"] += [data["added_tokens"][0] | {"id": vocabulary[token], "content": token} for token in NEW]
    (path / "tokenizer.json").write_text(json.dumps(data))
    experts = (ModelRef("tool", str(path)), north)
    return WorkerConfig(
        base, experts, tasks, "transformers", dtype="float32", max_model_len=256, vocabulary=POLICY, kv_cache_gib=0.0625
    )


@pytest.fixture
def workers(ray_cluster: None) -> Iterator[Callable[[WorkerConfig], Any]]:
    import ray

    started: list[Any] = []

    def start(config: WorkerConfig) -> Any:
        started.append(start_worker(config))
        return started[-1]

    yield start
    for actor in started:
        ray.kill(actor)


def test_transformers_answers_like_a_fresh_model_from_the_export(config: WorkerConfig, tmp_path: Path) -> None:
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from workers.engines.transformers_engine import TransformersEngine

    engine = TransformersEngine(config)
    suite = TaskSuite.load(config.tasks)
    materializer = Materializer(ModelSet.open(config.base, config.experts, vocabulary=POLICY))
    scores = []
    for number, each in enumerate((recipe(0.7, 0.3), recipe(0.0, 2.0))):
        engine.write(each)
        export = export_checkpoint(materializer, each, tmp_path / str(number), card="").path
        tokenizer = AutoTokenizer.from_pretrained(export)
        assert set(NEW) <= set(tokenizer.get_vocab()) and engine.lm.tokenizer.get_vocab() == tokenizer.get_vocab()
        model = AutoModelForCausalLM.from_pretrained(export, dtype="float32")
        assert model.config.vocab_size == 49216
        scores.append(suite.score(engine.lm, "search"))
        assert scores[-1] == suite.score(HFLM(pretrained=model, tokenizer=tokenizer, batch_size=16), "search")
    assert scores[0] != scores[1]
    engine.close()


def test_vllm_scores_like_transformers(workers: Callable[[WorkerConfig], Any], config: WorkerConfig) -> None:
    import ray

    plain, vllm = workers(config), workers(replace(config, engine="vllm"))
    for each in (recipe(0.7, 0.3), recipe(0.0, 2.0)):
        expected = ray.get(plain.score.remote(each, "search"))
        found = ray.get(vllm.score.remote(each, "search"))
        for mine, other in zip(found.items, expected.items, strict=True):
            assert (mine.item, mine.score) == (other.item, other.score)
            # vLLM stops where the score is certain.
            assert mine.output and str(other.output).startswith(mine.output)
            assert mine.reference_logprob == pytest.approx(other.reference_logprob, abs=2e-3)


def test_an_engine_that_cannot_start_leaves_no_directory(
    config: WorkerConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workers.engines.transformers_engine import TransformersEngine

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", lambda *_, **__: 1 / 0)
    with pytest.raises(EngineError, match="ZeroDivisionError"):
        TransformersEngine(config)
    assert list(tmp_path.iterdir()) == []
