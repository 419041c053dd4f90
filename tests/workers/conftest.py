"""A Ray cluster on this machine, real experts, and a task that a worker can score."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from evals.tasks import TaskDefinition
from merging.models import ModelRef

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

# The task vector of the last is about 1e33: finite itself, but neither what it makes nor a million times it is.
SCALES = {"north": 0.03, "south": 0.03, "burst": 2e16}
QUESTIONS = {
    "What is 2 + 2?": "4",
    "What is the capital of France?": "Paris",
    "What colour is the sky?": "blue",
    "How many legs does a dog have?": "4",
    "What is the opposite of hot?": "cold",
    "Which planet do we live on?": "Earth",
    "What do bees make?": "honey",
    "What is frozen water called?": "ice",
    "What is 10 minus 3?": "7",
}


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    import ray

    ray.init(
        # Without it Ray joins whatever cluster was started last on this machine, anybody's.
        address="local",
        num_cpus=4,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=100 * 2**20,
        _node_ip_address="127.0.0.1",
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def base(smollm2: Path) -> ModelRef:
    return ModelRef("base", str(smollm2))


@pytest.fixture(scope="session")
def experts(
    smollm2: Path, make_lora: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[ModelRef, ...]:
    """Two random adapters on the real base, strong enough to change what it says, and one that breaks it."""
    root = tmp_path_factory.mktemp("experts")
    return tuple(
        ModelRef(name, str(make_lora(root / name, smollm2, seed=seed, rank=8, scale=scale)))
        for seed, (name, scale) in enumerate(SCALES.items())
    )


@pytest.fixture(scope="session")
def tiny(
    tiny_llama: Callable[..., Path],
    make_lora: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[ModelRef, tuple[ModelRef, ...]]:
    """A small random base and adapters for it; its head size is one that vLLM's CPU attention knows."""
    root = tmp_path_factory.mktemp("tiny")
    shape = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2}
    path = tiny_llama(root / "base", seed=5, **shape)
    scales = SCALES | {"north": 0.2, "south": 0.2}
    refs = tuple(
        ModelRef(name, str(make_lora(root / name, path, seed=seed, scale=scale)))
        for seed, (name, scale) in enumerate(scales.items())
    )
    return ModelRef("base", str(path)), refs


@pytest.fixture(scope="session")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> tuple[TaskDefinition, ...]:
    """Nine short questions: generated, and as a choice between two answers."""
    root = tmp_path_factory.mktemp("tasks")
    data = root / "questions.jsonl"
    rows = [{"q": q, "a": a, "choices": [a, "purple"]} for q, a in QUESTIONS.items()]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    common: dict[str, Any] = {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        "doc_to_text": "{{q}}",
    }
    generate = {
        "task": "say",
        "output_type": "generate_until",
        "doc_to_target": "{{a}}",
        "target_delimiter": "",
        "generation_kwargs": {"until": ["<|im_end|>"], "do_sample": False, "max_gen_toks": 6},
        "metric_list": [{"metric": "exact_match"}],
    }
    choose = {
        "task": "choose",
        "output_type": "multiple_choice",
        "doc_to_target": 0,
        "doc_to_choice": "{{choices}}",
        "metric_list": [{"metric": "acc"}],
    }
    for config in (generate, choose):
        (root / f"{config['task']}.yaml").write_text(yaml.safe_dump(common | config))
    splits = {"search": 4, "selection": 2, "test": 3, "chat_template": True}
    return (
        TaskDefinition("say", str(root / "say.yaml"), "exact_match", **splits),
        TaskDefinition("choose", str(root / "choose.yaml"), "acc", **splits),
    )
