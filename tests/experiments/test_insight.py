"""Traces, texts and comparisons in the store, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from seeded import Item, new_experiment

from evomerge.errors import NotFound, StateConflict
from experiments.comparing import ComparedItems
from experiments.states import CandidateKind, Split
from experiments.store import Store
from experiments.texts import StoredText
from experiments.traces import TraceRow


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def experiment(store: Store) -> str:
    found = new_experiment(store).id
    store.claim_driver(found)
    return found


def rows(first: int, last: int, run: int = 0) -> list[TraceRow]:
    return [TraceRow(n, run, 4 * n, 2**31 * n, {"sigma": 1 / n}) for n in range(first, last + 1)]


class TestTraces:
    def test_a_sample_is_even_and_ends_with_the_last(self, store: Store, experiment: str) -> None:
        store.record_trace(experiment, rows(1, 20))
        store.record_trace(experiment, rows(21, 33, run=1))
        assert store.trace(experiment).rows == rows(1, 20) + rows(21, 33, run=1)
        for points in (1, 7, 32, 33):
            found = store.trace(experiment, points=points)
            updates = [row.updates for row in found.rows]
            assert len(updates) <= points and updates[-1] == 33
            assert len({second - first for first, second in pairwise(updates)}) <= 1
            assert found.restarts == [21]
        assert store.last_trace(experiment) == 33

    def test_an_experiment_has_its_own(self, store: Store, experiment: str) -> None:
        other = new_experiment(store).id
        assert (store.trace(other).rows, store.trace(other).restarts, store.last_trace(other)) == ([], [], 0)
        with pytest.raises(StateConflict, match="not claimed"):
            store.record_trace(other, rows(1, 1))

    def test_a_row_is_written_with_its_neighbours_or_not_at_all(self, store: Store, experiment: str) -> None:
        def die() -> None:
            with store.together():
                store.record_trace(experiment, rows(1, 3))
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            die()
        assert store.last_trace(experiment) == 0


class TestTexts:
    def test_who_comes_first_is_kept_and_nothing_is_doubled(self, store: Store, experiment: str) -> None:
        first = StoredText("hash", "a", "what?", "this", ("this", "that"), True)
        store.record_texts(experiment, [first, StoredText("hash", "b", None, None, None, False)])
        store.record_texts(experiment, [StoredText("hash", "a", "else?", None, None, False), first])
        store.record_texts(experiment, [StoredText("other", "a", "else?", None, None, False)])
        found = store.texts([("hash", "a"), ("other", "a"), ("other", "b")])
        assert found == {("hash", "a"): first, ("other", "a"): StoredText("other", "a", "else?", None, None, False)}
        assert store.texts([]) == {}

    def test_what_cannot_be_stored_is_replaced(self, store: Store, experiment: str) -> None:
        store.record_texts(experiment, [StoredText("hash", "a", "a\0b", "\ud800", ("\udfff", "\0", "ok"), False)])
        (found,) = store.texts([("hash", "a")]).values()
        assert (found.prompt, found.reference, found.choices) == ("a�b", "�", ("�", "�", "ok"))

    def test_many_are_written_in_parts(self, store: Store, experiment: str) -> None:
        store.record_texts(experiment, [StoredText("hash", f"{n:04}", "?", None, None, False) for n in range(4321)])
        assert len(store.texts([("hash", f"{n:04}") for n in range(4321)])) == 4321


# Scores of items a to e of task t, and of item a of task u; candidate 2 met two blocks, and never e.
SCORES = {0: [1.0, 0.0, 1.0, 0.5, 1.0, 0.0], 1: [0.0, 0.0, 1.0, 0.5, 0.0, 1.0], 2: [0.5, 0.5, 1.0, 0.0]}
KEYS = [*(("t", item) for item in "abcde"), ("u", "a")]


@pytest.fixture
def scored(store: Store, experiment: str) -> str:
    for number, scores in SCORES.items():
        one = store.record_ask(
            experiment, number=number, kind=CandidateKind.SEARCH, label="", vector=[0.0], recipe={}, digest=f"{number}"
        )
        items = [
            Item(*key, score, output=f"{number} says") for key, score in zip(KEYS[: len(scores)], scores, strict=True)
        ]
        parts = [items[:2], items[2:]] if number == 2 else [items]
        for block, part in enumerate(parts):
            store.record_result(
                one.id, Split.SEARCH, part, block=block, fitness=0.5, timings_s={}, prompt_tokens=1, generated_tokens=1
            )
    return experiment


def keys(found: ComparedItems) -> list[tuple[str, str]]:
    return [(one.task, one.item) for one in found.rows]


class TestComparing:
    def test_scores_are_those_of_all_blocks(self, store: Store, scored: str) -> None:
        found = store.scores_of(scored, [2, 0], Split.SEARCH)
        assert found[2] == dict(zip(KEYS, SCORES[2], strict=False))
        assert list(found) == [2, 0] and found[0] == dict(zip(KEYS, SCORES[0], strict=True))
        assert store.scores_of(scored, [1], Split.TEST) == {1: {}}

    def test_the_best_of_the_others_counts(self, store: Store, scored: str) -> None:
        found = store.compare_items(scored, [0, 1, 2], Split.SEARCH)
        assert keys(found) == KEYS
        assert [one.difference for one in found.rows] == [0.5, -0.5, 0.0, 0.0, 1.0, -1.0]
        assert (found.wins, found.losses, found.ties, found.total, found.more) == (2, 2, 2, 6, False)
        first = found.rows[0].results
        assert [(one.number, one.score, one.output) for one in first] == [
            (0, 1.0, "0 says"), (1, 0.0, "1 says"), (2, 0.5, "2 says")
        ]  # fmt: skip
        assert [one.number for one in found.rows[4].results] == [0, 1]

    def test_filters_and_pages(self, store: Store, scored: str) -> None:
        def only(kind: str, **more: object) -> list[tuple[str, str]]:
            return keys(store.compare_items(scored, [0, 1, 2], Split.SEARCH, only=kind, **more))  # type: ignore[arg-type]

        assert only("wins") == [("t", "a"), ("t", "e")] and only("losses") == [("t", "b"), ("u", "a")]
        assert only("changed") == [("t", "a"), ("t", "b"), ("t", "e"), ("u", "a")]
        assert only("changed", task="u") == [("u", "a")] and only("all", task="none") == []
        whole = store.compare_items(scored, [0, 1], Split.SEARCH, only="changed", after=("t", "a"), limit=1)
        assert (keys(whole), whole.more, whole.total) == ([("t", "e")], True, 6)
        last = store.compare_items(scored, [0, 1], Split.SEARCH, only="changed", after=("t", "e"), limit=1)
        assert (keys(last), last.more) == ([("u", "a")], False)

    def test_without_others_there_is_no_difference(self, store: Store, scored: str) -> None:
        alone = store.compare_items(scored, [0], Split.SEARCH)
        assert {one.difference for one in alone.rows} == {None} and (alone.wins, alone.total) == (0, 6)
        unmet = store.compare_items(scored, [0, 2], Split.SEARCH)
        assert [one.difference for one in unmet.rows[4:]] == [None, None]
        assert unmet.wins + unmet.losses + unmet.ties == 4

    def test_who_is_not_there_is_named(self, store: Store, scored: str) -> None:
        with pytest.raises(NotFound, match="candidate 7"):
            store.scores_of(scored, [0, 7], Split.SEARCH)
