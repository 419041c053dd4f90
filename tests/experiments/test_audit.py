"""The proof that a store is whole, and what it finds where it is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from seeded import seed
from sqlalchemy import update

from experiments.records import ExperimentRecord
from experiments.store import Store


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


def test_a_store_that_is_written_to_meanwhile_is_whole(store: Store, store_url: str) -> None:
    experiment = seed(store)
    with Store.open(store_url) as auditing:
        written = 0

        def write(_: float) -> None:
            nonlocal written
            store.record_decision(experiment.id, f"note {written}", {})
            written += 1

        auditing.on_statement(write)
        assert auditing.audit() == []
    assert written > 3


def test_a_wrong_count_is_found(store: Store) -> None:
    experiment = seed(store)
    with store._transaction() as session:
        session.execute(update(ExperimentRecord).values(num_done=99))
    (problem,) = store.audit()
    assert problem.startswith(f"experiment {experiment.id} keeps the counts")
