"""What is drawn of an experiment: intervals, blocks, costs, health, provenance, headlines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from seeded import BLACKBOX, Item, merge_spec, new_experiment, seed

from api.figures.intervals import scored
from evals.statistics import interval
from experiments import curves
from experiments.entities import Experiment
from experiments.moments import Moments
from experiments.states import WHOLE, CandidateKind, ExperimentState, Split
from experiments.store import Store

URL = "/api/v1/experiments"
TIMINGS = {"apply": 0.5, "score": 1.5}
RIGHT = {0: 2, 1: 4, 2: 3, 9: 6, 10: 5}  # correct answers of those that are scored on all eight search items
BLOCKS = {3: [4], 4: [3, 4], 5: [0, 1], 6: [2, 2]}  # of the others on blocks of four
LABELS = {0: "base", 1: "expert a", 2: "uniform mean", 9: "mean of the search", 10: "mine"}


def answers(right: int, count: int, first: int = 0) -> list[Item]:
    """Return the scores of items of which the last ones are right."""
    return [Item("words", f"{first + place:016x}", float(place >= count - right)) for place in range(count)]


class Recorder:
    """Records candidates of one experiment."""

    def __init__(self, store: Store) -> None:
        models = {name: {"path": f"/models/{name}", "revision": None} for name in ("base", "a", "b")}
        digests = {"base": ["b" * 64], "a": ["a" * 64, "c" * 64], "b": ["d" * 64]}
        resolved = {"genes": ["x"], "models": models, "inputs": {"models": digests}}
        resolved["tasks"] = {"words": {"items": {"search": 8}}}
        spec = merge_spec(search={"budget": {"evaluations": 40}})
        self.store = store
        self.id = store.create_experiment(spec, "/models", resolved).id
        self.ids: dict[int, int] = {}
        store.claim_driver(self.id)

    @property
    def experiment(self) -> Experiment:
        return self.store.get_experiment(self.id)

    def ask(self, number: int, kind: CandidateKind) -> None:
        recipe = {
            "method": "task_arithmetic",
            "models": ["a", "b"],
            "granularity": "layer",
            "coefficients": {"weight": {"a": [0.5], "b": [0.25, 0.75]}, "lambda": [0.9]},
            "options": {},
        }
        label, digest = LABELS.get(number, ""), f"{number:016x}"
        made = self.store.record_ask(
            self.id, number=number, kind=kind, label=label, vector=[float(number)], recipe=recipe, digest=digest
        )
        self.ids[number] = made.id

    def start(self, number: int, block: int = WHOLE, split: Split = Split.SEARCH) -> int:
        worker = f"worker-{number % 2}"
        return self.store.record_started(self.ids[number], split, worker=worker, block=block)

    def score(self, number: int, items: Sequence[Item], split: Split = Split.SEARCH, **more: Any) -> None:
        fitness = sum(item.score for item in items) / len(items)
        attempt = self.start(number, more.get("block", WHOLE), split)
        tokens = {"prompt_tokens": 100, "generated_tokens": 10}
        self.store.record_result(
            self.ids[number], split, items, fitness=fitness, timings_s=TIMINGS, attempt=attempt, **tokens, **more
        )


@pytest.fixture
def raced(store: Store) -> Recorder:
    """An experiment with parents, blocks, a candidate that failed, one that was lost and one that was injected."""
    made = Recorder(store)
    with store.together():
        for number in range(11):
            kind = CandidateKind.BASELINE if number < 3 else CandidateKind.SEARCH
            kind = {9: CandidateKind.MEAN, 10: CandidateKind.INJECTED}.get(number, kind)
            made.ask(number, kind)
            if number in RIGHT:
                made.score(number, answers(RIGHT[number], 8))
            for block, right in enumerate(BLOCKS.get(number, ())):
                overall = sum(BLOCKS[number][: block + 1]) / (4 * (block + 1))
                made.score(number, answers(right, 4, 4 * block), block=block, overall=overall)
        store.record_infeasible(made.ids[7], Split.SEARCH, "NaN in the weights", attempt=made.start(7, 0), block=0)
        made.start(8, 0)
        store.record_lost(made.ids[8], Split.SEARCH, "the node is gone", block=0)
        made.start(8, 0)
        for number in (1, 4, 9):
            made.score(number, answers(3, 5, 8), Split.SELECTION)
        made.score(4, answers(2, 4, 16), Split.TEST)
    return made


def get(client: TestClient, experiment: str, figure: str, **params: Any) -> Any:
    response = client.get(f"{URL}/{experiment}/{figure}", params=params)
    assert response.status_code == 200, response.text
    return response.json()


class TestSeries:
    def test_quantiles_are_those_of_numpy(self, reader: TestClient, store: Store) -> None:
        found = get(reader, seed(store, 60).id, "series", points=7)
        fitness = {number: (number * 37 % 11) / 11 for number in range(59) if number % 5 != 4}
        for place, first in enumerate(found["number"]):
            bucket = [value for number, value in fitness.items() if first <= number < first + found["width"]]
            for name, share in (("q10", 0.1), ("median", 0.5), ("q90", 0.9)):
                assert found[name][place] == pytest.approx(np.quantile(bucket, share)), (name, first)

    def test_what_was_spent_grows_to_the_total(self, reader: TestClient, raced: Recorder) -> None:
        found = get(reader, raced.id, "series", points=4)
        # 5 candidates on 8 items, 7 blocks of 4; every evaluation took 2 s, those of selection and test too.
        assert found["items"] == sorted(found["items"]) and found["items"][-1] == 5 * 8 + 7 * 4
        assert found["worker_seconds"][-1] == pytest.approx(2 * (5 + 7 + 4))
        assert found["seconds"] == sorted(found["seconds"]) and found["every"] == 1

    def test_of_many_candidates_a_sample_is_scaled(
        self, reader: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        experiment = seed(store, 60)
        whole = vars(store.curve(experiment.id, points=6))
        monkeypatch.setattr(curves, "_READ", 20)
        monkeypatch.setattr(curves, "_RANKED", 20)
        sampled = get(reader, experiment.id, "series", points=6)
        assert (whole["every"], sampled["every"]) == (1, 3)
        assert sampled["items"][-1] == pytest.approx(whole["items"][-1]) == 4 * 48
        assert sampled["worker_seconds"][-1] == pytest.approx(whole["worker_seconds"][-1])
        assert sampled["best"] == whole["best"] and sampled["mean"] == pytest.approx(whole["mean"])
        for name in ("low", "q10", "median", "q90"):
            assert all(
                low <= one <= high for low, one, high in zip(whole["low"], sampled[name], whole["high"], strict=True)
            )


class TestPoints:
    def test_the_best_and_the_others_are_always_there(self, reader: TestClient, store: Store) -> None:
        experiment = seed(store, 200)
        found = get(reader, experiment.id, "points", limit=5)
        best = store.leaderboard(experiment.id, limit=200)
        lowest = best[9].candidate.fitness
        assert found["total"] == 200 and found["shown"] == len(found["number"]) <= 5 + 10 + 1
        assert found["number"] == sorted(set(found["number"])) and found["kind"][0] == "baseline"
        assert sum(one is not None and one >= lowest for one in found["fitness"]) >= 10
        assert len(get(reader, experiment.id, "points", limit=500)["number"]) == 200

    def test_items_say_how_much_is_behind_a_fitness(self, reader: TestClient, raced: Recorder) -> None:
        found = get(reader, raced.id, "points")
        assert found["items"] == [8, 8, 8, 4, 8, 8, 8, 0, 0, 8, 8]
        assert found["kind"][9:] == ["mean", "injected"] and found["fitness"][7] is None


class TestBaselines:
    def test_roles_and_intervals(self, reader: TestClient, raced: Recorder) -> None:
        found = {one["number"]: one for one in get(reader, raced.id, "baselines")["models"]}
        assert {number: one["role"] for number, one in found.items()} == {
            0: "base", 1: "expert", 2: "baseline", 4: "merge", 9: "mean", 10: "injected"
        }  # fmt: skip
        known = interval([0.0] * 4 + [1.0] * 4)
        shown = found[1]["splits"]["search"]
        assert (shown["mean"], shown["low"], shown["high"]) == pytest.approx((known.mean, known.low, known.high))
        assert shown["items"] == shown["tasks"]["words"]["items"] == 8
        assert set(found[4]["splits"]) == {"search", "selection", "test"} and found[4]["splits"]["test"]["items"] == 4

    def test_nothing_yet(self, reader: TestClient, store: Store) -> None:
        found = get(reader, new_experiment(store).id, "baselines")
        assert found["models"] == [] and "scored yet" in found["reason"]


class TestGeneralisation:
    def test_who_was_scored_on_fresh_items(self, reader: TestClient, raced: Recorder) -> None:
        found = get(reader, raced.id, "generalisation")
        assert [one["number"] for one in found["candidates"]] == [1, 4, 9]
        four = found["candidates"][1]
        assert [four[split]["items"] for split in ("search", "selection", "test")] == [8, 5, 4]
        assert found["candidates"][0]["test"] is None and found["candidates"][2]["selection"]["mean"] == 0.6
        assert (found["test_uses"], found["gap"]) == (None, None)

    def test_the_way_of_the_best(self, reader: TestClient, raced: Recorder, store: Store) -> None:
        found = get(reader, raced.id, "generalisation")["incumbents"]
        assert (found["number"], found["search"]) == ([0, 1, 3], [0.25, 0.5, 1.0])
        outcome = get(reader, seed(store, finished=True).id, "generalisation")
        assert outcome["test_uses"] == 1 and outcome["gap"]["search"]["mean"] == 0.5
        assert "yet" in outcome["reason"]


class TestRacing:
    def test_rungs(self, reader: TestClient, raced: Recorder) -> None:
        found = get(reader, raced.id, "racing")
        assert (found["blocks"], found["shown"], found["reason"]) == (2, 4, None)
        first, second = found["rungs"]
        assert (first["items"], first["candidates"], first["stopped"], first["kendall_tau"]) == (4, 4, 1, 1)
        assert (second["items"], second["candidates"], second["stopped"]) == (8, 3, 0)
        assert (found["number"], found["first"]) == ([3, 4, 5, 6], [1.0, 0.75, 0.0, 0.5])
        assert found["full"] == [1.0, 0.875, 0.125, 0.5] and found["blocks_scored"] == [1, 2, 2, 2]
        raced.start(3, 1)
        assert get(reader, raced.id, "racing")["rungs"][0]["stopped"] == 0

    def test_where_there_are_no_blocks(self, reader: TestClient, store: Store) -> None:
        found = get(reader, seed(store).id, "racing")
        assert found["rungs"] == [] and "all search items at once" in found["reason"]


class TestTimeline:
    def test_lanes_and_phases(self, reader: TestClient, raced: Recorder) -> None:
        found = get(reader, raced.id, "timeline")
        # 16 evaluations with a result, one that is infeasible, one that runs again after it was lost.
        assert found["total"] == found["shown"] == len(found["lane"]) == 19
        assert found["phases"] == pytest.approx({"apply": 0.5 * 16, "score": 1.5 * 16})
        assert sum(one["busy_s"] for one in found["workers"]) == pytest.approx(2 * 16)
        assert {one["name"] for one in found["workers"]} == {"worker-0", "worker-1"}
        assert found["started_s"] == sorted(found["started_s"])
        running = found["state"].index("running")
        assert found["finished_s"][running] is None and found["number"][running] == 8
        assert found["workers"][found["lane"][running]]["name"] == "worker-0"
        lost = found["state"].index("lost")
        assert found["lost_because"] == {str(lost): "the node is gone"}
        assert (found["number"][lost], found["attempt"][lost], found["attempt"][running]) == (8, 1, 2)
        assert found["started_s"][lost] <= found["finished_s"][lost] <= found["started_s"][running]

    def test_a_worker_that_lost_all_that_it_began(self, reader: TestClient, store: Store, raced: Recorder) -> None:
        for worker, lost in (("gone", True), ("worker-1", False)):
            store.record_started(raced.ids[9], Split.TEST, worker=worker)
            if lost:
                store.record_lost(raced.ids[9], Split.TEST, "the node is gone")
        found = get(reader, raced.id, "timeline")
        lanes = {one["name"]: (one["lost"], one["utilisation"]) for one in found["workers"]}
        assert lanes["gone"] == (1, 0) and lanes["worker-1"][0] == 0
        # That the evaluation of candidate 8 was lost on worker-0 is no longer in its row.
        assert lanes["worker-0"][0] == 1
        workers = {one["worker"]: one for one in get(reader, raced.id, "workers")["workers"]}
        assert {name: one["lost"] for name, one in workers.items()} == {"gone": 1, "worker-0": 1, "worker-1": 0}
        assert workers["gone"]["done"] == 0 and workers["gone"]["last_seen"] is not None

    def test_a_sample_stands_for_all(self, reader: TestClient, store: Store) -> None:
        whole = get(reader, seed(store, 300).id, "timeline")
        found = get(reader, "json-math", "timeline", limit=50)
        assert (found["total"], whole["shown"]) == (300, 300) and 40 <= found["shown"] <= 50
        assert found["phases"]["score"] == pytest.approx(whole["phases"]["score"], rel=0.15)

    def test_a_part_of_it(self, reader: TestClient, raced: Recorder) -> None:
        later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        assert get(reader, raced.id, "timeline", since=later)["number"] == [8]
        earlier = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        found = get(reader, raced.id, "timeline", until=earlier)
        assert found["total"] == 0 and found["reason"]
        response = reader.get(f"{URL}/{raced.id}/timeline", params={"since": "2026-01-01T00:00:00"})
        assert response.status_code == 422


class TestCost:
    def test_what_the_search_costs(self, reader: TestClient, raced: Recorder) -> None:
        found = get(reader, raced.id, "cost", points=4)
        assert {len(column) for column in (found["number"], found["best"], *found["worker_seconds"].values())} == {4}
        assert found["cumulative_worker_seconds"][-1] == pytest.approx(2 * 16)
        assert sum(found["evaluations"]) == 16 and found["prompt_tokens"][-1] == 1600
        assert found["generated_tokens"] == sorted(found["generated_tokens"])
        assert found["best"] == [0.5, 1.0, 1.0, 1.0] and found["cache_share"] == 0
        # 68 items of a budget of 40 passes over 8 items.
        assert found["projected_worker_seconds"] == pytest.approx(32 * 320 / 68)

    def test_what_was_not_scored_by_a_worker(self, reader: TestClient, raced: Recorder, store: Store) -> None:
        raced.ask(11, CandidateKind.SEARCH)
        nothing = {"timings_s": {}, "prompt_tokens": 0, "generated_tokens": 0}
        store.record_result(raced.ids[11], Split.SEARCH, answers(4, 8), fitness=0.5, **nothing)
        assert get(reader, raced.id, "cost")["cache_share"] == pytest.approx(1 / 17)
        assert get(reader, raced.id, "timeline")["total"] == 19

    def test_of_what_is_over_nothing_is_projected(self, reader: TestClient, raced: Recorder, store: Store) -> None:
        store.release_driver(raced.id, ExperimentState.FAILED)
        assert get(reader, raced.id, "cost")["projected_worker_seconds"] is None
        assert get(reader, new_experiment(store).id, "cost")["reason"]


class TestVitals:
    def test_what_is_wrong(self, reader: TestClient, raced: Recorder) -> None:
        found = get(reader, raced.id, "vitals")
        assert (found["running"], found["waiting"], found["lost"]) == (1, 0, 1)
        assert found["lost_reasons"] == [{"reason": "the node is gone", "count": 1}]
        assert found["infeasible_reasons"] == [{"reason": "NaN in the weights", "count": 1, "number": 7}]
        assert found["driver_heartbeat_at"] and found["last_event_at"] and found["store_ms"] > 0
        assert found["candidates_per_minute"] > 0 and found["warnings"] == []

    def test_warnings(self, reader: TestClient, raced: Recorder, store: Store) -> None:
        for _ in range(3):
            store.record_lost(raced.ids[8], Split.SEARCH, "out of memory", block=0)
            raced.start(8, 0)
        found = get(reader, raced.id, "vitals")
        assert [one["count"] for one in found["lost_reasons"]] == [3, 1]
        assert found["warnings"] == ["4 of 20 attempts were lost with their workers."]
        store.release_driver(raced.id, ExperimentState.FAILED, error="no disk")
        found = get(reader, raced.id, "vitals")
        assert "The experiment is failed: no disk." in found["warnings"]
        assert (found["driver_heartbeat_at"], found["candidates_per_minute"]) == (None, None)


class TestLineage:
    def test_from_the_models_to_the_export(self, reader: TestClient, raced: Recorder, store: Store) -> None:
        artifact = store.ask_export(raced.id, 4, "/artifacts", by="x")
        store.ask_export(raced.id, 3, "/artifacts", by="x")
        found = get(reader, raced.id, "lineage")
        nodes = {one["id"]: one for one in found["nodes"]}
        assert list(nodes) == ["model:base", "model:a", "model:b", "merge", "candidate", f"artifact:{artifact.id}"]
        assert nodes["model:a"]["detail"] == "/models/a, SHA-256 aaaaaaaaaaaa… and 1 more files"
        assert (nodes["merge"]["label"], nodes["merge"]["detail"]) == ("task_arithmetic", "layer, lambda 0.9")
        assert nodes["candidate"]["detail"].startswith("best so far, number 4, fitness 0.875, ")
        weights = {one["source"]: one["label"] for one in found["edges"] if one["target"] == "merge"}
        assert weights == {"model:base": "", "model:a": "weight 0.5", "model:b": "weight 0.5 (0.25 to 0.75)"}
        for one in found["nodes"]:
            assert one["href"] is None or reader.get(one["href"]).status_code == 200

    def test_a_black_box_has_none(self, reader: TestClient, store: Store) -> None:
        box = store.create_experiment(BLACKBOX, "/", {"genes": ["x", "y"]})
        assert "black box" in get(reader, box.id, "lineage")["reason"]


class TestHeadlines:
    def test_who_leads_and_by_how_much(self, reader: TestClient, raced: Recorder, store: Store) -> None:
        store.heartbeat(raced.id, 30.0)
        (line,) = [one["headline"] for one in reader.get(URL).json()["experiments"]]
        # Candidate 3 has all of its four items right, 4 has seven of eight: the lower end is higher.
        assert (line["best"]["number"], line["best"]["items"], line["best"]["fitness"]) == (4, 8, 0.875)
        assert (line["best_parent"]["number"], line["best_parent"]["label"]) == (1, "expert a")
        assert line["difference"] == pytest.approx(3 / 8)
        assert line["difference_low"] < line["difference"] < line["difference_high"]
        assert line["budget"] == {"unit": "evaluations", "limit": 40, "used": 8.5}
        assert line["eta_s"] == pytest.approx(30 * (40 - 8.5) / 8.5)
        assert line["last_event_at"] and len(line["sparkline"]) == 24
        assert (line["sparkline"][0], line["sparkline"][-1]) == (0.25, 1.0)

    def test_the_winner_is_the_best(self, reader: TestClient, raced: Recorder, store: Store) -> None:
        store.record_decision(raced.id, "winner", {"number": 10})
        seed(store, 30)
        new_experiment(store)
        lines = [one["headline"] for one in reader.get(URL).json()["experiments"]]
        assert [line["best"] and line["best"]["number"] for line in lines][::2] == [None, 10]
        assert (lines[0]["sparkline"], lines[0]["difference"], lines[0]["eta_s"]) == ([], None, None)
        assert lines[1]["best_parent"]["label"] == "base" and len(lines[1]["sparkline"]) == 24
        store.record_decision(raced.id, "winner", {"number": 1})
        line = reader.get(URL).json()["experiments"][-1]["headline"]
        assert line["best"] == line["best_parent"] and line["difference"] is None

    def test_differences_are_on_the_same_items(self, store: Store, raced: Recorder) -> None:
        pairs = store.pair_moments({raced.ids[3]: raced.ids[1], raced.ids[4]: raced.ids[1]}, Split.SEARCH)
        # The expert has the last four items right, of which candidate 3 was scored on none.
        three, four = pairs[raced.ids[3]]["words"], pairs[raced.ids[4]]["words"]
        assert (three.ours.items, three.ours.total, three.theirs.total, three.products) == (4, 4.0, 0.0, 0.0)
        assert (four.ours.items, four.ours.total, four.theirs.total, four.products) == (8, 7.0, 4.0, 4.0)


def test_tasks_that_weigh_nothing_count_alike_among_themselves() -> None:
    sums = {"a": Moments(4, 4.0, 4.0, True), "b": Moments(4, 2.0, 2.0, True)}
    assert scored(sums, {"a": 3.0, "b": 1.0}).mean == 0.875
    assert scored(sums, {"a": 0.0}).mean == 0.5
    assert scored(sums, {"a": 0.0, "b": 0.0}).mean == 0.75
