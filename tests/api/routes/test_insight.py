"""The search's distribution, the models' similarity, and candidates side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from seeded import BLACKBOX, GENES, Item, merge_spec, seed

from experiments.spec import parse_any
from experiments.states import CandidateKind, Split
from experiments.store import Store
from experiments.texts import StoredText
from experiments.traces import TraceRow

URL = "/api/v1/experiments"
STATE = {
    "sigma": 0.5,
    "axis_ratio": None,
    "path_length": 1.5,
    "expected_path_length": 1.6,
    "eigenvalues": [2.0, 1.0, 0.5],
    "bound_hits": 0.25,
    "spread": 1.25,
    "deviations": [0.5, 0.25, 0.125],
}
TASKS = {"words": {"config_hash": "aaaa", "weight": 3.0}, "choice": {"config_hash": "bbbb", "weight": 1.0}}


def get(client: TestClient, address: str, status: int = 200, **params: Any) -> dict[str, Any]:
    response = client.get(f"{URL}/{address}", params=params)
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


class TestTrace:
    def test_states_are_columns_of_bounded_length(self, reader: TestClient, store: Store) -> None:
        one = seed(store).id
        rows = [TraceRow(n, n > 30, 2 * n, 8 * n, {**STATE, "sigma": 1 / n}) for n in range(1, 41)]
        store.record_trace(one, rows)
        whole, short = get(reader, f"{one}/trace"), get(reader, f"{one}/trace", points=7)
        assert (whole["update"], whole["number"][-1], whole["items"][-1]) == (list(range(1, 41)), 80, 320)
        assert (whole["genes"], whole["restarts"], whole["reason"]) == (list(GENES), [31], None)
        assert (whole["expected_path_length"], whole["axis_ratio"][0]) == (1.6, None)
        assert whole["sigma"] == [1 / n for n in range(1, 41)] and whole["deviations"][3] == [0.5, 0.25, 0.125]
        columns = [
            name for name, value in short.items() if isinstance(value, list) and name not in ("genes", "restarts")
        ]
        assert len(columns) == 10 and {len(short[name]) for name in columns} == {7}
        assert short["update"][-1] == 40

    def test_many_coordinates_have_no_deviations(self, reader: TestClient, store: Store) -> None:
        one = seed(store).id
        store.record_trace(one, [TraceRow(1, 0, 2, 8, {**STATE, "deviations": None})])
        assert get(reader, f"{one}/trace")["deviations"] == []

    @pytest.mark.parametrize(
        ("design", "words"),
        [(None, "not begun"), ("optuna-tpe", "'optuna-tpe' keeps no normal distribution"), ("merge-cma", "not been")],
    )
    def test_where_there_is_none_it_says_why(
        self, reader: TestClient, store: Store, design: str | None, words: str
    ) -> None:
        one = seed(store).id
        if design:
            store.record_decision(one, "search", {"algorithm": design})
        found = get(reader, f"{one}/trace")
        assert words in found["reason"] and found["update"] == found["sigma"] == found["restarts"] == []


class TestSimilarity:
    def test_it_is_what_was_recorded(self, reader: TestClient, store: Store) -> None:
        one = seed(store).id
        by_block = {"blocks": ["0", "other"], "pairs": [[0, 1]], "cosine": [[0.5, None]]}
        found = {"models": ["a", "b"], "cosine": [[1.0, 0.25], [0.25, 1.0]], "norms": [2.0, 3.0], "by_block": by_block}
        store.record_decision(one, "similarity", {**found, "reason": None})
        assert get(reader, f"{one}/similarity") == {**found, "reason": None}

    def test_where_there_is_none_it_says_why(self, reader: TestClient, store: Store) -> None:
        box = store.create_experiment(parse_any(BLACKBOX).canonical(), "/", {"genes": ["x", "y"]}).id
        reasons = [
            get(reader, f"{one}/similarity")["reason"]
            for one in (box, seed(store).id, seed(store, 12, finished=True).id)
        ]
        assert ["black box" in reasons[0], "begins" in reasons[1], "version" in reasons[2]] == [True] * 3


@pytest.fixture
def compared(store: Store) -> str:
    """Three candidates on 6 items of two tasks; the texts of the first two items of each are known."""
    one = store.create_experiment(merge_spec(), "/", {"genes": list(GENES), "tasks": TASKS}).id
    store.claim_driver(one)
    for number, scores in enumerate([[1, 0, 1, 0, 1, 1], [0, 0, 0, 1, 1, 0], [0, 0, 1, 0, 1, 0]]):
        found = store.record_ask(
            one, number=number, kind=CandidateKind.SEARCH, label="", vector=None, recipe={}, digest=str(number)
        )
        items = [
            Item(task, f"{place:016x}", float(score), output=f"<b>{number}</b>")
            for (task, place), score in zip([(t, p) for t in TASKS for p in range(3)], scores, strict=True)
        ]
        store.record_result(
            found.id, Split.SEARCH, items, fitness=0.5, timings_s={}, prompt_tokens=1, generated_tokens=1
        )
    text = StoredText("aaaa", f"{0:016x}", "what?", "this", None, True)
    store.record_texts(
        one, [replace(text, source=task["config_hash"], item=f"{n:016x}") for task in TASKS.values() for n in range(2)]
    )
    return one


class TestItemsCompared:
    def test_rows_have_words_results_and_who_won(self, reader: TestClient, compared: str) -> None:
        found = get(reader, f"{compared}/items-compared", number=0, against="1,2")
        assert [(one["task"], one["item"][-1]) for one in found["rows"]] == [
            (task, place) for task in ("choice", "words") for place in "012"
        ]
        assert [one["difference"] for one in found["rows"]] == [-1, 0, 1, 1, 0, 0]
        assert (found["counts"], found["next"]) == ({"wins": 2, "losses": 1, "ties": 3, "total": 6}, None)
        first, last = found["rows"][0], found["rows"][2]
        assert (first["prompt"], first["reference"], first["choices"], first["truncated"]) == (
            "what?",
            "this",
            None,
            True,
        )
        assert [(one["number"], one["output"]) for one in first["results"]] == [(n, f"<b>{n}</b>") for n in range(3)]
        assert (last["prompt"], last["truncated"], found["texts"], found["reason"]) == (None, False, None, None)

    def test_pages_have_everything_once(self, reader: TestClient, compared: str) -> None:
        asked = {"number": 0, "against": "1", "only": "changed", "limit": 1}
        seen, cursor = [], None
        while True:
            page = get(reader, f"{compared}/items-compared", **asked, **({"cursor": cursor} if cursor else {}))
            seen += [(one["task"], one["difference"]) for one in page["rows"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert seen == [("choice", -1), ("choice", 1), ("words", 1), ("words", 1)]
        assert get(reader, f"{compared}/items-compared", number=0, against="1", task="words")["counts"]["total"] == 3

    def test_where_there_is_nothing_it_says_why(self, reader: TestClient, store: Store, compared: str) -> None:
        found = get(reader, f"{compared}/items-compared", number=0, split="test")
        assert (found["rows"], found["reason"]) == ([], "candidate 0 has no scores of such items on test")
        old = get(reader, f"{seed(store).id}/items-compared", number=3)
        assert len(old["rows"]) == 4 and "recorded when an experiment begins" in old["texts"]

    def test_what_cannot_be_compared(self, reader: TestClient, compared: str) -> None:
        wrong: list[tuple[dict[str, Any], int, str]] = [
            ({"number": 9}, 404, "candidate 9"),
            ({"number": 0, "against": "1,9"}, 404, "candidate 9"),
            ({"number": 0, "against": "1,0"}, 422, "query.against"),
            ({"number": 0, "against": "1,2,3,4,5"}, 422, "query.against"),
            ({"number": 0, "against": "x"}, 422, "query.against"),
            ({"number": -1}, 422, "query.number"),
            ({"number": 0, "only": "some"}, 422, "query.only"),
            ({"number": 0, "cursor": "nonsense"}, 422, "query.cursor"),
        ]
        for params, status, field in wrong:
            assert get(reader, f"{compared}/items-compared", status, **params)["field"] == field


class TestComparison:
    def test_means_are_weighted_and_intervals_hold_the_difference(self, reader: TestClient, compared: str) -> None:
        found = get(reader, f"{compared}/comparison", number=0, against=1)
        words, choice = (next(one for one in found["tasks"] if one["task"] == task) for task in TASKS)
        assert (words["items"], words["mean"], words["against_mean"]) == (3, pytest.approx(2 / 3), 0)
        assert (choice["difference"], choice["wins"], choice["losses"], choice["ties"]) == (pytest.approx(0), 1, 1, 1)
        overall = found["overall"]
        assert (overall["items"], overall["wins"], overall["losses"], overall["ties"]) == (6, 3, 1, 2)
        assert overall["mean"] == pytest.approx(0.75 * 2 / 3 + 0.25 * 2 / 3)
        assert overall["difference"] == pytest.approx(overall["mean"] - overall["against_mean"]) == pytest.approx(0.5)
        assert overall["low"] <= overall["difference"] <= overall["high"] and 0 < overall["p"] <= 1

    def test_it_is_the_reports_own_arithmetic(self, reader: TestClient, compared: str) -> None:
        there, back = (
            get(reader, f"{compared}/comparison", number=a, against=b)["overall"] for a, b in [(0, 2), (2, 0)]
        )
        assert there["difference"] == -back["difference"] and (there["wins"], there["losses"]) == (2, 0)
        same = get(reader, f"{compared}/comparison", number=1, against=1)["overall"]
        assert (same["difference"], same["low"], same["high"], same["p"], same["ties"]) == (0, 0, 0, 1, 6)

    def test_nothing_in_common_is_no_error(self, reader: TestClient, compared: str) -> None:
        found = get(reader, f"{compared}/comparison", number=0, against=1, split="test")
        assert (found["overall"], found["tasks"]) == (None, []) and "in common" in found["reason"]
        assert get(reader, f"{compared}/comparison", 404, number=0, against=8)["field"] == "candidate 8"
