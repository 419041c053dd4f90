"""Values as files, and processes that share the work of computing them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evomerge.errors import InvalidInput
from merging.shared import items as module
from merging.shared.codec import Known, UnshareableError, encode, known_of, read
from merging.shared.items import Items, SharedState
from merging.shared.leases import VARIABLE, lease

# Computes ten values, each of which takes its time, and says which; value 3 waits for a line where it is told to.
WORK = """
import json, sys, time
from pathlib import Path
import torch
from merging.shared.codec import Known
from merging.shared.items import Items
from merging.shared.leases import lease
items = Items(lease(Path(sys.argv[1]), "one"), lambda: None)
computed = []
def compute(number):
    def run():
        if number == 3 and sys.argv[2] == "stuck":
            print("stuck", flush=True)
            sys.stdin.read()
        computed.append(number)
        time.sleep(0.05)
        return torch.full((1000,), float(number))
    return run
print("ready", flush=True)
sys.stdin.readline()
found = {n: items.find(str(n), Known, compute(n), wait=False) for n in range(10)}
found |= {n: items.find(str(n), Known, compute(n)) for n in range(10) if found[n] is None}
assert all(torch.equal(one.value, torch.full((1000,), float(n))) for n, one in found.items())
print(json.dumps(computed), flush=True)
"""


@dataclass(frozen=True)
class Part:
    weight: float
    rows: tuple[torch.Tensor | None, ...]
    counts: np.ndarray[Any, Any]

    @cached_property
    def total(self) -> float:
        return float(self.counts.sum())


def written(path: Path, value: object, known: Known | None = None) -> Any:
    known = known or Known()
    with path.open("wb") as file:
        encode(value, known).write(file)
    return read(path, known)[0]


@pytest.fixture
def start(tmp_path: Path) -> Callable[[str], subprocess.Popen[str]]:
    def run(kind: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WORK, str(tmp_path / "mine"), kind]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        return process

    return run


def test_values_come_back_as_they_were(tmp_path: Path) -> None:
    matrix = torch.arange(12, dtype=torch.bfloat16).view(3, 4)
    part = Part(0.1, (matrix.T, None, matrix[:, 1:3], torch.ones(1).expand(5)), np.arange(3, dtype=np.int16))
    assert part.total == 3.0
    value = {("a", 1): [part, float("inf")], "scalar": np.float32(0.1), "empty": torch.empty(0, 3)}
    back = written(tmp_path / "value", value)
    [again, infinite] = back["a", 1]
    assert infinite == float("inf") and again.weight == 0.1 and again.total == 3.0
    assert [one.dtype for one in again.rows if one is not None] == [one.dtype for one in part.rows if one is not None]
    for one, other in zip(part.rows, again.rows, strict=True):
        assert (one is None) == (other is None)
        assert one is None or (torch.equal(one, other) and one.shape == other.shape)
    assert again.rows[0].stride() == matrix.T.stride() and again.rows[3].stride() == (0,)
    assert again.counts.dtype == np.int16 and again.counts.tolist() == [0, 1, 2]
    assert back["scalar"].dtype == np.float32 and back["scalar"] == np.float32(0.1)
    assert back["empty"].shape == (0, 3)


def test_what_readers_have_is_not_written_again(tmp_path: Path) -> None:
    vector = torch.randn(100_000)
    options = {"a": 1}
    known = known_of({"vector": vector}, {"options": options})
    path = tmp_path / "value"
    back = written(path, (vector[10:20], vector, vector, options), known)
    assert path.stat().st_size < 1000
    assert back[0].data_ptr() == vector[10:].data_ptr() and back[1].data_ptr() == vector.data_ptr()
    assert back[3] is options
    with pytest.raises(UnshareableError, match="vector is not known"):
        read(path, Known())


def test_a_reader_that_writes_changes_nothing_for_others(tmp_path: Path) -> None:
    first = written(tmp_path / "value", torch.zeros(10))
    first.add_(1.0)
    assert torch.equal(read(tmp_path / "value", Known())[0], torch.zeros(10))


@pytest.mark.parametrize(
    "value", [lambda: 1, torch.ones(2, requires_grad=True), torch.nn.Linear(1, 1), {1, 2}, torch.ones(2).to("meta")]
)
def test_what_is_no_plain_data_has_no_description(value: object) -> None:
    with pytest.raises(UnshareableError):
        encode(value, Known())


def test_processes_share_the_work(start: Callable[[str], subprocess.Popen[str]], tmp_path: Path) -> None:
    both = [start("at once"), start("at once")]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    computed = [json.loads(process.communicate()[0]) for process in both]
    assert all(computed) and sorted(computed[0] + computed[1]) == list(range(10))
    assert not (tmp_path / "mine").exists()


def test_the_work_of_a_killed_process_is_done_by_another(
    start: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    stuck, other = start("stuck"), start("at once")
    assert stuck.stdin is not None and stuck.stdout is not None
    stuck.stdin.write("go\n")
    stuck.stdin.flush()
    assert stuck.stdout.readline() == "stuck\n"
    assert other.stdin is not None and other.stdout is not None
    other.stdin.write("go\n")
    other.stdin.flush()
    os.kill(stuck.pid, signal.SIGKILL)
    stuck.communicate()
    assert 3 in json.loads(other.communicate()[0])
    assert other.returncode == 0
    assert not (tmp_path / "mine").exists()


def test_without_room_values_stay_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda directory: 1000)
    items = Items(lease(tmp_path / "mine", "one"), lambda: None)
    small, large, after = (items.find(name, Known, lambda n=n: torch.zeros(n)) for name, n in
                           (("small", 10), ("large", 1000), ("after", 10)))  # fmt: skip
    assert small is not None and large is not None and after is not None
    # What comes later may refer to what is not there.
    assert [one.memory is None for one in (small, large, after)] == [False, True, True]
    assert "kept by every worker for itself" in caplog.text
    assert [path.suffix for path in (tmp_path / "mine" / "one").iterdir() if path.name != "lease"] == [""]


def test_what_cannot_be_shared_is_known_to_the_others(tmp_path: Path) -> None:
    held = [Items(lease(tmp_path / "mine", "one"), lambda: None) for _ in range(2)]
    calls: list[int] = []

    def compute() -> object:
        calls.append(1)
        return compute

    for items in held:
        found = items.find("function", Known, compute)
        assert found is not None and found.value is compute and found.memory is None
    assert len(calls) == 2


def test_where_somebody_removes_the_directory_values_stay_private(tmp_path: Path) -> None:
    items = Items(lease(tmp_path / "mine", "one"), lambda: None)
    first = items.find("first", Known, lambda: torch.zeros(10))
    shutil.rmtree(tmp_path / "mine")
    second = items.find("second", Known, lambda: torch.ones(10))
    assert first is not None and torch.equal(first.value, torch.zeros(10))
    assert second is not None and torch.equal(second.value, torch.ones(10)) and second.memory is None


def test_an_error_leaves_the_value_to_others(tmp_path: Path) -> None:
    items = Items(lease(tmp_path / "mine", "one"), lambda: None)
    with pytest.raises(ZeroDivisionError):
        items.find("value", Known, lambda: 1 // 0)
    found = items.find("value", Known, lambda: 2)
    assert found is not None and found.value == 2


def test_a_place_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(InvalidInput, match="there is no directory") as caught:
        SharedState()
    assert caught.value.field == VARIABLE
