"""Whether a driver still lives: asked of real processes."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace

import psutil

from experiments.drivers import is_alive, this_process


def test_this_process_lives() -> None:
    assert is_alive(this_process())


def test_later_process_with_the_same_pid_is_another() -> None:
    ours = this_process()
    assert not is_alive(replace(ours, process_started=ours.process_started - 60))


def test_killed_process_is_dead_before_and_after_its_parent_reaps_it(
    python: Callable[..., subprocess.Popen[str]],
) -> None:
    process = python("import sys; sys.stdin.read()")
    child = psutil.Process(process.pid)
    driver = replace(this_process(), pid=process.pid, process_started=child.create_time())
    assert is_alive(driver)
    process.send_signal(signal.SIGKILL)
    while child.status() != psutil.STATUS_ZOMBIE:
        pass
    assert not is_alive(driver)
    process.wait()
    assert not is_alive(driver)
