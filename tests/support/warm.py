"""Commands of evomerge in processes of their own that need not import anything: children of one that has imported all.

``python -m evomerge`` imports for seconds, again for every command that a test runs. What is different here is only
that: arguments, environment, directory, signals and exit code are those of a command that was started from a shell.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any

_IMPORTS = (
    "evomerge.cli",
    "api.server",
    "optimizer.early",
    "optimizer.launch",
    "optimizer.outcome",
    "optimizer.unattended",
    "workers.worker",
)
_NUMBER = struct.Struct("i")


class WarmCommand:
    """A running command, with what tests use of ``subprocess.Popen``."""

    def __init__(
        self,
        *words: str | Path,
        environment: Mapping[str, str],
        stdout: IO[Any],
        stderr: IO[Any],
        cwd: Path | None = None,
    ) -> None:
        """Start it, in a session of its own."""
        self.returncode: int | None = None
        request = {"words": list(map(str, words)), "environment": dict(environment), "cwd": str(cwd or Path.cwd())}
        self._reports, theirs = socket.socketpair()
        with theirs:
            files = [stdout.fileno(), stderr.fileno(), theirs.fileno()]
            socket.send_fds(_importer(), [json.dumps(request).encode()], files)
        self.pid = self._read()

    def poll(self) -> int | None:
        """Return the exit code, or minus the signal that ended it; None while it runs."""
        if self.returncode is None:
            self._reports.settimeout(0)
            try:
                self.returncode = self._read()
            except BlockingIOError:
                return None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return as :meth:`poll` does."""
        if self.returncode is None:
            self._reports.settimeout(timeout)
            self.returncode = self._read()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _read(self) -> int:
        content = self._reports.recv(_NUMBER.size)
        assert content, "the process that starts commands has ended"
        return int(_NUMBER.unpack(content)[0])


@cache
def _importer() -> socket.socket:
    """Start the process that imports everything; it ends with this one."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-P", __file__, str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True)
    atexit.register(process.wait)
    atexit.register(mine.close)
    return mine


def _start_commands(requests: socket.socket) -> Mapping[str, Any] | None:
    """Fork for every request; returns the request in a process that shall do it, and None at the end."""
    for name in _IMPORTS:
        importlib.import_module(name)
    # Nobody waits for those that wait for commands.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        content, files, _, _ = socket.recv_fds(requests, 1 << 20, 3)
        if not content:
            return None
        if os.fork() == 0:
            break
        for file in files:
            os.close(file)
    requests.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *outputs, reports = files
    if pid := os.fork():
        os.write(reports, _NUMBER.pack(pid))
        _, status = os.waitpid(pid, 0)
        os.write(reports, _NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os._exit(0)
    os.setsid()
    for number, file in enumerate(outputs, start=1):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    return dict(json.loads(content))


def _main() -> None:
    request = _start_commands(socket.socket(fileno=int(sys.argv[1])))
    if request is None:
        return
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    # It reads its variable while it is imported.
    importlib.reload(importlib.import_module("evomerge.failpoints"))
    sys.argv = ["evomerge", *request["words"]]
    runpy.run_module("evomerge", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
