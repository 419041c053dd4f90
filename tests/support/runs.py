"""A real experiment small enough to run in seconds, and commands that run beside a test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from warm import WarmCommand

from experiments.entities import Candidate, Evaluation, Event
from experiments.states import EventKind, Split
from experiments.store import Store

WORDS = ["red", "blue", "green", "one", "two", "three", "cat", "dog", "tree", "sun"]
GENERATE_TASK = {
    "task": "words",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "items.jsonl"}},
    "test_split": "test",
    "output_type": "generate_until",
    "doc_to_text": "{{question}}",
    "doc_to_target": " {{answer}}",
    "target_delimiter": "",
    "generation_kwargs": {"until": ["<|im_end|>"], "do_sample": False, "max_gen_toks": 6},
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}
CHOICE_TASK = {
    "task": "choice",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "items.jsonl"}},
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_target": "{{gold}}",
    "doc_to_choice": ["red", "blue", "green"],
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
}
Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class TinyExperiment:
    """Folder of a spec with everything it names."""

    folder: Path

    def spec(self, name: str, change: Change = lambda spec: None) -> Path:
        """Write a spec beside the models and return its path."""
        spec: dict[str, Any] = {
            "name": name,
            "base_model": "base",
            "models": {"a": "a", "b": "b"},
            "merge": {
                "method": "task_arithmetic",
                "granularity": "group:2+module",
                "parameters": {"weight": {"range": [-0.5, 1.8]}},
            },
            "tasks": [
                {
                    "task": "words.yaml",
                    "metric": "exact_match",
                    "teacher_forced": True,
                    "splits": {"search": 10, "selection": 6, "test": 8},
                },
                {"task": "choice.yaml", "metric": "acc", "splits": {"search": 10, "selection": 6, "test": 8}},
            ],
            "search": {
                "budget": {"evaluations": 24},
                "seed": 3,
                "finalists": 2,
                "algorithm": "pycma",
                "options": {"popsize": 4},
            },
            "workers": {"engine": "transformers", "cpus": 1},
        }
        change(spec)
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(spec))
        return path

    def store(self, name: str) -> str:
        """URL of a store in the folder."""
        return f"sqlite:///{self.folder / name}.db"


def command(*words: str | Path) -> list[str]:
    """The command line as a user runs it."""
    return [str(Path(sys.executable).parent / "evomerge"), *map(str, words)]


def environment(**extra: str) -> dict[str, str]:
    """Environment of a command, free of the test run's own store and cluster, and of what Ray sets where it starts."""
    dropped = {"EVOMERGE_STORE", "RAY_ADDRESS", "RAY_AUTH_MODE"}
    return {key: value for key, value in os.environ.items() if key not in dropped} | extra


class Background:
    """A command that runs beside the test."""

    def __init__(self, *words: str | Path, cwd: Path | None = None, **variables: str) -> None:
        """Start it.

        Args:
            words: of the command line.
            cwd: where it runs.
            variables: of its environment.
        """
        self._outputs = [tempfile.TemporaryFile("w+", encoding="utf-8") for _ in range(2)]  # noqa: SIM115
        out, err = self._outputs
        self.process = WarmCommand(*words, environment=environment(**variables), stdout=out, stderr=err, cwd=cwd)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def finish(self, timeout_s: float = 300) -> tuple[int, str, str]:
        """Wait for its end; return exit code, stdout and stderr."""
        code = self.process.wait(timeout_s)
        out, err = (output.seek(0) or output.read() for output in self._outputs)
        return code, out, err


def run(*words: str | Path, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    code, out, err = Background(*words, cwd=cwd, **variables).finish(400)
    return subprocess.CompletedProcess([*map(str, words)], code, out, err)


def run_cold(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as people do, who have no process that has imported everything."""
    return subprocess.run(command(*words), capture_output=True, text=True, env=environment(), timeout=400, check=False)


@dataclass(frozen=True)
class Record:
    """What a store holds of its only experiment."""

    id: str
    state: str
    candidates: list[Candidate]
    evaluations: list[Evaluation]
    ledger: list[Event]

    def count(self, kind: EventKind) -> int:
        """Number of events of a kind."""
        return sum(1 for event in self.ledger if event.kind is kind)

    def done(self, split: Split = Split.SEARCH) -> int:
        """Number of finished evaluations on a split."""
        return sum(1 for one in self.evaluations if one.split is split and one.finished_at and one.summary)


def read_record(url: str) -> Record | None:
    """Read the only experiment of a store; None while there is none."""
    if not Path(url.removeprefix("sqlite:///")).exists():
        return None
    with Store.open(url) as store:
        found = store.list_experiments(limit=2)
        if not found:
            return None
        (summary,) = found
        one = summary.experiment
        return Record(
            one.id, one.state.value, store.candidates(one.id), store.evaluations(one.id), store.ledger(one.id)
        )


def wait_for(url: str, condition: Callable[[Record], bool], background: Background, timeout_s: float = 240) -> Record:
    """Wait until the record of a running command fulfils a condition."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if background.process.poll() is not None:
            pytest.fail(f"the command ended early: {background.finish()}")
        record = read_record(url)
        if record is not None and condition(record):
            return record
        time.sleep(0.1)
    pytest.fail("the condition was not met in time")
