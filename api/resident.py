"""One child process that answers function calls, for what must not be imported into the server, or may hang it."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from evomerge.errors import EvomergeError, Unavailable

_RETRY = "try again in a moment"
# Callers wait in threads that the server has few of, and that all other requests need too.
_MAX_WAITING = 8


class Resident:
    """A child process that is started when it is first needed, again when it has died, and killed when it hangs.

    It answers one call after the other; functions, arguments and results are pickled between this process and its own
    child. Usable from several threads.
    """

    def __init__(self, timeout_s: float) -> None:
        """Take how long a call may take, waiting for its turn included."""
        self._timeout_s = timeout_s
        self._turn = threading.Lock()
        self._places = threading.Semaphore(_MAX_WAITING)
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function of some module returns in the child.

        Raises:
            EvomergeError: as the function raised it.
            Unavailable: no answer in time, or the child died.
            RuntimeError: any other error of the function, with its traceback.
        """
        if not self._places.acquire(blocking=False):
            raise Unavailable(f"{_MAX_WAITING} requests wait for their check; {_RETRY}")
        try:
            answer = self._wait_and_ask((function, arguments))
        finally:
            self._places.release()
        if isinstance(answer, _Failed):
            raise answer.error if isinstance(answer.error, EvomergeError) else RuntimeError(answer.error)
        return answer

    def close(self) -> None:
        """End the child."""
        if self._process is not None and self._pipe is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = self._pipe = None

    def _wait_and_ask(self, question: Any) -> Any:
        deadline = time.monotonic() + self._timeout_s
        if not self._turn.acquire(timeout=self._timeout_s):
            raise Unavailable(f"other requests have kept the check busy for {self._timeout_s:g} s; {_RETRY}")
        try:
            return self._ask(question, deadline)
        finally:
            self._turn.release()

    def _ask(self, question: Any, deadline: float) -> Any:
        pipe = self._connect()
        try:
            pipe.send(question)
            if pipe.poll(max(0.0, deadline - time.monotonic())):
                return pipe.recv()
        except (EOFError, OSError) as error:
            self.close()
            raise Unavailable(f"the process that checks specs died, perhaps of lack of memory; {_RETRY}") from error
        self.close()
        raise Unavailable(f"the check took longer than {self._timeout_s:g} s and was stopped; {_RETRY}")

    def _connect(self) -> Connection:
        if self._process is None or self._pipe is None or not self._process.is_alive():
            self.close()
            # Not forked: the threads of a server hold locks that a copy of it would wait for for ever.
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
        return self._pipe


class _Failed:
    def __init__(self, error: EvomergeError | str) -> None:
        self.error = error


def _serve(pipe: Connection) -> None:
    # Ctrl-C is for the server, which then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            function, arguments = pipe.recv()
        except EOFError:  # the server is gone
            return
        try:
            answer = function(*arguments)
        except EvomergeError as error:
            answer = _Failed(error)
        except Exception:
            answer = _Failed(traceback.format_exc())
        pipe.send(answer)
