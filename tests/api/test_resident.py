"""The child process that answers calls: it fails, hangs and dies without the server."""

from __future__ import annotations

import operator
import os
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from api.resident import Resident
from evomerge.errors import SpecError, Unavailable
from experiments.spec import parse_spec


@pytest.fixture
def resident() -> Iterator[Resident]:
    made = Resident(timeout_s=60)
    yield made
    made.close()


def test_one_process_answers_every_call(resident: Resident) -> None:
    pid = resident.call(os.getpid)
    assert pid != os.getpid() and resident.call(os.getpid) == pid


def test_errors_come_back_as_they_are(resident: Resident) -> None:
    with pytest.raises(SpecError) as caught:
        resident.call(parse_spec, None)
    assert (caught.value.field, caught.value.problem) == ("spec", "it is empty")


def test_bugs_come_back_with_their_traceback(resident: Resident) -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        resident.call(operator.truediv, 1, 0)
    assert resident.call(operator.truediv, 1, 2) == 0.5


def test_a_child_that_dies_is_replaced(resident: Resident) -> None:
    first = resident.call(os.getpid)
    with pytest.raises(Unavailable, match="died"):
        resident.call(os._exit, 1)
    second = resident.call(os.getpid)
    assert resident._process is not None
    resident._process.kill()
    resident._process.join()
    assert len({first, second, resident.call(os.getpid)}) == 3


def test_a_child_that_hangs_is_killed_and_replaced() -> None:
    resident = Resident(timeout_s=5)
    child = psutil.Process(resident.call(os.getpid))
    with pytest.raises(Unavailable, match="longer than 5 s"):
        resident.call(time.sleep, 3600)
    assert not child.is_running()
    resident.close()


def test_who_waits_too_long_for_a_turn_is_told_and_harms_nobody(resident: Resident) -> None:
    pid = resident.call(os.getpid)
    resident._timeout_s, patience = 0.01, resident._timeout_s
    with resident._turn, pytest.raises(Unavailable, match="busy"):
        resident.call(os.getpid)
    resident._timeout_s = patience
    assert resident.call(os.getpid) == pid


def test_few_may_wait(resident: Resident) -> None:
    outcomes: list[object] = []

    def go() -> None:
        try:
            outcomes.append(resident.call(os.getpid))
        except Unavailable as error:
            outcomes.append(str(error))

    with resident._turn:
        threads = [threading.Thread(target=go) for _ in range(20)]
        for thread in threads:
            thread.start()
        # All others are refused at once, while those that may wait still do.
        while len(outcomes) < 12:
            time.sleep(0.01)
        assert all("requests wait" in str(one) for one in outcomes)
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, int) for one in outcomes) == 8


def test_closing_ends_the_child(resident: Resident) -> None:
    child = psutil.Process(resident.call(os.getpid))
    resident.close()
    assert not child.is_running()
