"""Directories that go with the last process that uses them, whatever it dies of."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from merging.shared.leases import OFF, VARIABLE, lease, root, sweep

HOLD = """
import sys
from pathlib import Path
from merging.shared.leases import lease
held = lease(Path(sys.argv[1]), sys.argv[2])
print("held", flush=True)
sys.stdin.read()
held.close()
"""
# What is written under a lease stays until it is given up, however many others come and go.
CHURN = """
import sys
from pathlib import Path
from merging.shared.leases import lease, sweep
for turn in range(300):
    held = lease(Path(sys.argv[1]), "one")
    mine = held.directory / sys.argv[2]
    mine.write_text(str(turn))
    sweep(Path(sys.argv[1]))
    assert mine.read_text() == str(turn)
    mine.unlink()
    held.close()
"""


@contextmanager
def holder(within: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(within), name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_directory_goes_with_its_last_user(tmp_path: Path) -> None:
    within = tmp_path / "mine"
    held = lease(within, "one")
    (held.directory / "value").write_text("kept")
    with holder(within, "one") as other:
        held.close()
        assert (within / "one" / "value").read_text() == "kept"
        other.communicate()
    assert not within.exists()


def test_what_a_killed_process_leaves_is_swept_and_what_another_uses_is_not(tmp_path: Path) -> None:
    within = tmp_path / "mine"
    with ExitStack() as stack:
        killed, living = (stack.enter_context(holder(within, name)) for name in ("killed", "living"))
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        sweep(within)
        assert [one.name for one in within.iterdir()] == ["living"]
        os.kill(living.pid, signal.SIGKILL)
        living.wait()
    sweep(within)
    assert not within.exists()


def test_many_processes_come_and_go(tmp_path: Path) -> None:
    within = tmp_path / "mine"
    crowd = [subprocess.Popen([sys.executable, "-c", CHURN, str(within), str(n)]) for n in range(4)]
    assert [process.wait() for process in crowd] == [0] * 4
    assert not within.exists()


def test_a_directory_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    within = tmp_path / "open"
    within.mkdir(mode=0o777)
    within.chmod(0o777)
    with pytest.raises(PermissionError, match="closed to all others"):
        lease(within, "one")
    target = tmp_path / "target"
    (target / ".keys").mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(target)
    for use in (lambda: lease(link, "one"), lambda: sweep(link)):
        with pytest.raises(PermissionError):
            use()
    assert (target / ".keys").is_dir()


def test_the_place_is_shared_memory_unless_the_environment_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert root() == Path(f"/dev/shm/evomerge-{os.getuid()}")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert root() == tmp_path / f"evomerge-{os.getuid()}"
    monkeypatch.setenv(VARIABLE, OFF)
    assert root() is None
