"""Several records in one transaction: all or nothing, seen by each other, and few statements."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from seeded import Item, counted, new_experiment

from evomerge.errors import NotFound, StateConflict
from experiments.entities import Experiment
from experiments.states import CandidateKind, EvaluationState, ExperimentState, Split
from experiments.store import Store


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def experiment(store: Store) -> Experiment:
    return driven(store)


def driven(store: Store) -> Experiment:
    return store.claim_driver(new_experiment(store).id)


def ask(store: Store, experiment: Experiment, number: int) -> int:
    candidate = store.record_ask(
        experiment.id,
        number=number,
        kind=CandidateKind.SEARCH,
        label="",
        vector=[0.5, number],
        recipe={"method": "ties"},
        digest=f"{number:064x}",
    )
    return candidate.id


def start(store: Store, candidate: int) -> int:
    return store.record_started(candidate, Split.SEARCH, worker="w")


def tell(store: Store, candidate: int, attempt: int, items: int = 3, output: str | None = "x") -> None:
    store.record_result(
        candidate,
        Split.SEARCH,
        [Item("words", f"{place:016x}", 0.5, -math.inf, output) for place in range(items)],
        fitness=0.5,
        timings_s={},
        prompt_tokens=1,
        generated_tokens=2,
        attempt=attempt,
    )


def test_all_of_it_is_kept_in_order(store: Store, experiment: Experiment) -> None:
    other = driven(store)
    with store.together():
        for number in range(3):
            for one in (experiment, other):
                candidate = ask(store, one, number)
                tell(store, candidate, start(store, candidate))
    assert store.audit() == []
    for one in (experiment, other):
        events = store.ledger(one.id)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert [event.kind.value for event in events[2:]] == ["ask", "start", "tell"] * 3
        assert [event.payload["number"] for event in events[2:]] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
        items = store.items(one.id, Split.SEARCH)
        assert len(items) == 9
        assert {item.reference_logprob for item in items} == {-math.inf}


def test_an_error_leaves_nothing(store: Store, experiment: Experiment) -> None:
    before = store.get_experiment(experiment.id)
    with pytest.raises(StateConflict, match="candidate 0: it is recorded already"), store.together():
        candidate = ask(store, experiment, 0)
        tell(store, candidate, start(store, candidate))
        ask(store, experiment, 0)
    assert store.get_experiment(experiment.id) == before
    assert (store.candidates(experiment.id), store.items(experiment.id, Split.SEARCH)) == ([], [])
    with store.together():
        ask(store, experiment, 0)
    assert store.audit() == []


def test_a_result_is_recorded_once_within_a_transaction_too(store: Store, experiment: Experiment) -> None:
    with pytest.raises(StateConflict, match="candidate 0 on search: it is done"), store.together():
        candidate = ask(store, experiment, 0)
        attempt = start(store, candidate)
        tell(store, candidate, attempt)
        tell(store, candidate, attempt)


def test_what_a_transaction_began_ends_with_its_driver(store: Store, experiment: Experiment) -> None:
    with store.together():
        start(store, ask(store, experiment, 0))
        store.record_decision(experiment.id, "note", {"x": 1})
        store.release_driver(experiment.id, ExperimentState.INTERRUPTED)
    assert [one.state for one in store.evaluations(experiment.id)] == [EvaluationState.LOST]
    kinds = [event.kind.value for event in store.ledger(experiment.id)[2:]]
    assert kinds == ["ask", "start", "decision", "lost", "state"]
    assert store.audit() == []


def test_a_decision_of_the_same_transaction_counts(store: Store, experiment: Experiment) -> None:
    with pytest.raises(StateConflict, match="its search is over"), store.together():
        assert store.record_decision(experiment.id, "finalists", {"numbers": [0]}).seq == 3
        store.extend(experiment.id, {"evaluations": 500}, by="somebody")


def test_many_results_cost_as_many_statements_as_few(store: Store, experiment: Experiment) -> None:
    counts = []
    for size in (2, 10):
        with store.together():
            running = [(one, start(store, one)) for one in (ask(store, experiment, 10 * size + n) for n in range(size))]
        with counted(store) as statements, store.together([one for one, _ in running]):
            for candidate, attempt in running:
                tell(store, candidate, attempt)
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_what_is_read_ahead_is_as_it_is_once_nobody_else_writes(store_url: str, store: Store) -> None:
    """The first driver's results come after somebody took its experiment over and recorded them."""
    experiment = driven(store)
    candidate = ask(store, experiment, 0)
    attempt = start(store, candidate)
    with Store.open(store_url) as other:
        other.claim_driver(experiment.id, force=True)
        tell(other, candidate, start(other, candidate))
        before = other.evaluations(experiment.id)
        with pytest.raises(StateConflict, match="has taken it over"), store.together([candidate]):
            tell(store, candidate, attempt)
        assert other.evaluations(experiment.id) == before


def test_what_does_not_exist_is_not_read_ahead(store: Store, experiment: Experiment) -> None:
    with pytest.raises(NotFound, match="there is none with id 4096"), store.together([ask(store, experiment, 0), 4096]):
        pass


def test_items_do_not_add_statements(store: Store, experiment: Experiment) -> None:
    counts = []
    for number, items in enumerate((1, 500)):
        candidate = ask(store, experiment, number)
        attempt = start(store, candidate)
        with counted(store) as statements:
            tell(store, candidate, attempt, items)
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_odd_characters_become_the_replacement_character(store: Store, experiment: Experiment) -> None:
    candidate = ask(store, experiment, 0)
    tell(store, candidate, start(store, candidate), 1, "tab\tline\nback\\slash\0\ud800 \\N é")
    (item,) = store.items(experiment.id, Split.SEARCH, outputs=True)
    assert item.output == "tab\tline\nback\\slash\ufffd\ufffd \\N é"
