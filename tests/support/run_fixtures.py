"""Fixtures of real runs: a random 4-block Llama, two LoRA experts, two tasks, the transformers engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from runs import CHOICE_TASK, GENERATE_TASK, WORDS, Background, TinyExperiment, run_cold


@pytest.fixture(scope="session")
def tiny_experiment(
    tmp_path_factory: pytest.TempPathFactory, tiny_llama: Callable[..., Path], make_lora: Callable[..., Path]
) -> TinyExperiment:
    folder = tmp_path_factory.mktemp("tiny")
    base = tiny_llama(folder / "base")
    for seed, name in enumerate(("a", "b")):
        make_lora(folder / name, base, seed=seed, scale=0.3)
    items = [
        {"question": f"The {first} {second} number {number} is", "answer": WORDS[number % 3], "gold": number % 3}
        for number, (first, second) in enumerate((f, s) for f in WORDS for s in WORDS[:4])
    ]
    (folder / "items.jsonl").write_text("\n".join(json.dumps(item) for item in items))
    (folder / "words.yaml").write_text(yaml.safe_dump(GENERATE_TASK))
    (folder / "choice.yaml").write_text(yaml.safe_dump(CHOICE_TASK))
    return TinyExperiment(folder)


@pytest.fixture
def start() -> Iterator[Callable[..., Background]]:
    """Start commands in the background; whatever is left of them at the end of the test is killed."""
    started: list[Background] = []

    def go(*words: str | Path, **extra: str) -> Background:
        started.append(Background(*words, **extra))
        return started[-1]

    yield go
    for one in started:
        if one.process.poll() is None:
            for child in [*psutil.Process(one.process.pid).children(recursive=True)]:
                child.kill()
            one.kill()


@pytest.fixture(scope="session")
def reference(tiny_experiment: TinyExperiment) -> dict[str, Any]:
    """Outcome of an undisturbed run of the tiny experiment, as ``evomerge run --format json`` prints it."""
    spec = tiny_experiment.spec("reference", lambda one: one.update(output="exported-{id}"))
    done = run_cold("run", spec, "--store", tiny_experiment.store("reference"), "--format", "json")
    assert done.returncode == 0, done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome
