"""The cache of statistics: computed once, never half, and never taken for another model's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from merging.calibration.cache import cache_root, cached, file_digest, model_identity
from merging.models import ModelSet

ROOT = Path(__file__).resolve().parents[3]


def write(text: str, calls: list[str]) -> object:
    def compute(directory: Path) -> None:
        calls.append(text)
        (directory / "value").write_text(text)

    return compute


def test_computed_once_per_key(cache: Path) -> None:
    calls: list[str] = []
    first = cached("kind-1", {"n": 1}, write("one", calls))
    assert cached("kind-1", {"n": 1}, write("never", calls)) == first
    other = cached("kind-1", {"n": 2}, write("two", calls))
    kind = cached("kind-2", {"n": 1}, write("three", calls))
    assert calls == ["one", "two", "three"]
    assert [(d / "value").read_text() for d in (first, other, kind)] == calls
    assert first.is_relative_to(cache)
    assert len({first, other, kind}) == 3


def test_root_is_the_variable_or_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("EVOMERGE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_root() == tmp_path / ".cache" / "evomerge"


def test_a_failed_computation_leaves_nothing(cache: Path) -> None:
    def fail(directory: Path) -> None:
        (directory / "value").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached("kind-1", {}, fail)
    assert [path.suffix for path in (cache / "kind-1").iterdir()] == [".lock"]
    assert (cached("kind-1", {}, write("whole", [])) / "value").read_text() == "whole"


def test_a_killed_process_leaves_nothing_that_is_used(cache: Path) -> None:
    script = """
import sys, time
from merging.calibration.cache import cached
def compute(directory):
    (directory / "value").write_text("half")
    print("started", flush=True)
    time.sleep(60)
cached("kind-1", {}, compute)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(list((cache / "kind-1").glob(".*"))) == 1
    found = cached("kind-1", {}, write("whole", []))
    assert (found / "value").read_text() == "whole"
    assert not list((cache / "kind-1").glob(".*"))


def test_others_wait_for_the_one_that_computes() -> None:
    started, release, calls = threading.Event(), threading.Event(), []
    found: list[Path] = []

    def compute(directory: Path) -> None:
        calls.append(directory)
        started.set()
        assert release.wait(30)
        (directory / "value").write_text("x")

    threads = [threading.Thread(target=lambda: found.append(cached("kind-1", {}, compute))) for _ in range(3)]
    threads[0].start()
    assert started.wait(30)
    for thread in threads[1:]:
        thread.start()
    release.set()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(found) == 3
    assert len(set(found)) == 1


def test_key_must_be_json() -> None:
    with pytest.raises(TypeError):
        cached("kind-1", {"path": Path("x")}, write("x", []))


def test_identity_tells_models_and_changes_apart(models: ModelSet) -> None:
    whole, alone = model_identity(models), model_identity(models, ["a"])
    assert set(whole["experts"]) == {"a", "b", "c"}
    assert alone["experts"] == {"a": whole["experts"]["a"]}
    assert alone["base"] == whole["base"]
    config = Path(models.experts[2].path) / "adapter_config.json"
    before, status = model_identity(models, ["c"]), config.stat()
    os.utime(config, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert model_identity(models, ["c"]) != before
    assert model_identity(models, ["a"]) == alone


def test_file_digest(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert file_digest(tmp_path / "x").startswith("ba7816bf")
