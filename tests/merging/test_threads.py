"""Mapping on all cores, and recycled memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from merging.threads import BATCH_BYTES, Recycled, Threads, set_num_threads


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_results_come_in_order_from_threads_that_run_alone() -> None:
    used: set[str] = set()

    def square(number: int) -> tuple[int, int]:
        used.add(threading.current_thread().name)
        return number * number, torch.get_num_threads()

    assert list(Threads().map(square, range(50))) == [(n * n, 1) for n in range(50)]
    assert all(name.startswith("merge") for name in used)
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_items_are_taken_as_results_are_wanted() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = Threads().map(lambda number: number, items())
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert len(taken) < 10


@pytest.mark.usefixtures("two_threads")
def test_small_items_are_all_taken_while_one_thread_is_at_the_first() -> None:
    taken: list[int] = []
    all_taken = threading.Event()

    def items() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number
        all_taken.set()

    def done(number: int) -> int:
        assert number or all_taken.wait(60)
        return len(taken)

    assert list(Threads().map(done, items(), lambda number: BATCH_BYTES)) == [50] * 50


@pytest.mark.usefixtures("two_threads")
def test_a_library_that_sets_the_number_of_threads_at_its_first_use_has_no_say() -> None:
    settled = threading.local()

    def library() -> None:
        if not hasattr(settled, "done"):
            settled.done = True
            set_num_threads(2)

    def count(_: int) -> int:
        library()
        return torch.get_num_threads()

    assert set(Threads(library).map(count, range(50))) == {1}


@pytest.mark.usefixtures("two_threads")
def test_an_error_reaches_the_consumer_at_its_place() -> None:
    def fail(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    results = Threads().map(fail, range(10))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)


def test_memory_is_used_again_only_when_nothing_refers_to_it() -> None:
    recycled, like = Recycled(), torch.zeros(4, 6, dtype=torch.bfloat16)
    first = recycled.empty_like(like)
    address = first.data_ptr()
    assert (first.shape, first.dtype) == (like.shape, like.dtype)
    second = recycled.empty_like(like)
    assert second.data_ptr() != address
    row = first[1]
    del first
    third = recycled.empty_like(like)
    assert third.data_ptr() not in (address, second.data_ptr())
    del row
    assert recycled.empty_like(like).data_ptr() == address
    assert recycled.empty_like(torch.zeros(0)).shape == (0,)
