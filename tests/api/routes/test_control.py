"""Pausing, resuming, cancelling, extending, and proposing merges."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from seeded import BLACKBOX, merge_spec, new_experiment, seed

from experiments.entities import Experiment
from experiments.states import EventKind, ExperimentState, Wanted
from experiments.store import Store

URL = "/api/v1/experiments"


class TestWishes:
    def test_without_a_driver_a_wish_comes_true_at_once(self, runner: TestClient, store: Store) -> None:
        experiment = new_experiment(store)
        for verb, state in (("pause", "paused"), ("resume", "paused"), ("cancel", "cancelled")):
            response = runner.post(f"{URL}/{experiment.id}/{verb}")
            assert (response.status_code, response.json()["state"]) == (200, state)
        assert store.get_experiment(experiment.id).state is ExperimentState.CANCELLED

    def test_a_living_driver_is_told(self, runner: TestClient, store: Store) -> None:
        experiment = seed(store)
        shown = runner.post(f"{URL}/{experiment.id}/pause").json()
        assert (shown["state"], shown["wanted"]) == ("running", "pause")
        assert store.heartbeat(experiment.id, 1.0).wanted is Wanted.PAUSE
        (event,) = store.controls(experiment.id, "pause")
        assert event.payload["by"] == "run-person"

    def test_what_has_ended_stays(self, runner: TestClient, store: Store) -> None:
        experiment = seed(store, finished=True)
        for verb in ("pause", "resume", "cancel"):
            response = runner.post(f"{URL}/{experiment.id}/{verb}")
            assert (response.status_code, response.json()["code"]) == (409, "state_conflict")

    def test_only_owners_and_admins_may(self, runner: TestClient, client: TestClient, store: Store) -> None:
        for owner in ("else", ""):
            experiment = new_experiment(store, owner=owner)
            for verb, body in (("pause", None), ("extend", {"budget": {"evaluations": 99}}), ("exports", {})):
                assert runner.post(f"{URL}/{experiment.id}/{verb}", json=body).status_code == 403
            assert store.get_experiment(experiment.id) == experiment
            assert client.post(f"{URL}/{experiment.id}/pause").status_code == 200


class TestRevisions:
    def test_a_change_needs_what_was_seen(self, runner: TestClient, store: Store) -> None:
        experiment = new_experiment(store)
        seen = runner.get(f"{URL}/{experiment.id}").headers["ETag"]
        first = runner.post(f"{URL}/{experiment.id}/pause", headers={"If-Match": seen})
        assert first.status_code == 200
        late = runner.post(f"{URL}/{experiment.id}/cancel", headers={"If-Match": seen})
        assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
        for current in (first.headers["ETag"], f'"{first.json()["revision"]}"', "*"):
            response = runner.post(f"{URL}/{experiment.id}/resume", headers={"If-Match": current})
            assert response.status_code == (200 if current in (first.headers["ETag"], "*") else 412)

    def test_counts_that_change_are_no_new_revision(self, runner: TestClient, store: Store) -> None:
        experiment = seed(store)
        seen = runner.get(f"{URL}/{experiment.id}").headers["ETag"]
        store.heartbeat(experiment.id, 30.0)
        assert runner.get(f"{URL}/{experiment.id}").headers["ETag"] != seen
        assert runner.post(f"{URL}/{experiment.id}/pause", headers={"If-Match": seen}).status_code == 200

    @pytest.mark.parametrize("header", ["", "3", 'W/"3"', '"x"', '"1", "2"', '"99999999999"'])
    def test_what_is_no_etag_is_refused(self, runner: TestClient, store: Store, header: str) -> None:
        experiment = new_experiment(store)
        response = runner.post(f"{URL}/{experiment.id}/pause", headers={"If-Match": header})
        assert (response.status_code, response.json()["field"]) == (400, "If-Match")
        assert store.get_experiment(experiment.id) == experiment


class TestExtend:
    def test_limits_rise(self, runner: TestClient, store: Store) -> None:
        experiment = seed(store)
        response = runner.post(f"{URL}/{experiment.id}/extend", json={"budget": {"evaluations": 90}})
        assert response.status_code == 200, response.text
        assert store.heartbeat(experiment.id, 1.0).budget == {"evaluations": 90}
        assert runner.get(f"{URL}/{experiment.id}").json()["budget"] == {"evaluations": 90}

    @pytest.mark.parametrize(
        ("budget", "status"),
        [
            ({"evaluations": 60}, 409),
            ({"hours": 2.0}, 409),
            ({}, 422),
            ({"evaluations": 0}, 422),
            ({"evaluations": "90"}, 422),
            ({"evaluations": 90.5}, 422),
            ({"evals": 90}, 422),
        ],
    )
    def test_what_is_no_extension_is_refused(
        self, runner: TestClient, store: Store, budget: dict[str, Any], status: int
    ) -> None:
        experiment = new_experiment(store)
        response = runner.post(f"{URL}/{experiment.id}/extend", json={"budget": budget})
        assert response.status_code == status, response.text
        assert store.get_experiment(experiment.id) == experiment

    def test_a_repeated_extension_takes_effect_once(self, runner: TestClient, store: Store) -> None:
        experiment = new_experiment(store)
        url, body = f"{URL}/{experiment.id}/extend", {"budget": {"evaluations": 90}}
        first, again = (runner.post(url, json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))
        assert (first.status_code, again.status_code) == (200, 200)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert first.json() == again.json()
        assert len(store.controls(experiment.id, "extend")) == 1


class TestInjection:
    @pytest.fixture
    def box(self, store: Store) -> Experiment:
        return store.create_experiment(BLACKBOX, "/", {"genes": ["x", "y"]}, owner="run-person", wanted=Wanted.RUN)

    def test_coefficients_of_a_black_box(self, runner: TestClient, store: Store, box: Experiment) -> None:
        recipe = {"blackbox": {"x": 0.5, "y": 1}}
        response = runner.post(f"{URL}/{box.id}/candidates", json={"recipe": recipe, "label": "mine"})
        assert response.status_code == 202, response.text
        (event,) = store.controls(box.id, "inject")
        assert (event.payload["recipe"], event.payload["label"]) == (recipe, "mine")
        assert response.json() == {"seq": event.seq, "label": "mine", "recipe": recipe}

    @pytest.mark.parametrize(
        ("recipe", "field"),
        [
            ({"blackbox": {"x": 0.5, "yy": 1}}, "recipe.blackbox.yy"),
            ({"blackbox": {"x": 0.5}}, "recipe.blackbox.y"),
            ({"blackbox": {"x": 0.5, "y": 2.1}}, "recipe.blackbox.y"),
            ({"blackbox": {"x": True, "y": 1}}, "recipe.blackbox.x"),
            ({"blackbox": {"x": "0", "y": 1}}, "recipe.blackbox.x"),
            ({"method": "ties"}, "recipe"),
        ],
    )
    def test_what_the_box_does_not_take_is_refused(
        self, runner: TestClient, store: Store, box: Experiment, recipe: dict[str, Any], field: str
    ) -> None:
        response = runner.post(f"{URL}/{box.id}/candidates", json={"recipe": recipe})
        assert (response.status_code, response.json()["field"]) == (422, field)
        assert store.controls(box.id, "inject") == []

    def test_a_repeated_proposal_is_one_proposal(self, runner: TestClient, store: Store, box: Experiment) -> None:
        body = {"recipe": {"blackbox": {"x": 0.5, "y": 1.0}}}
        answers = [
            runner.post(f"{URL}/{box.id}/candidates", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)
        ]
        assert answers[0].json() == answers[1].json()
        assert len(store.controls(box.id, "inject")) == 1

    def test_a_merge_is_checked_against_the_models(
        self, runner: TestClient, store: Store, tiny_experiment: Any
    ) -> None:
        models = {name: {"path": str(tiny_experiment.folder / name), "revision": None} for name in ("base", "a", "b")}
        resolved = {"genes": [], "models": models}
        experiment = store.create_experiment(merge_spec(), "/", resolved, owner="run-person")
        url = f"{URL}/{experiment.id}/candidates"
        response = runner.post(url, json={"recipe": {"coefficients": {"weight": {"a": [0.5], "b": [0.25]}}}})
        assert response.status_code == 202, response.text
        recipe = response.json()["recipe"]
        assert (recipe["method"], recipe["models"], recipe["granularity"]) == ("task_arithmetic", ["a", "b"], "global")
        assert store.events(experiment.id, kinds=(EventKind.CONTROL,))[0].payload["recipe"] == recipe
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"method": "ties"}, "recipe.method"),
            ({"models": ["a", "c"]}, "recipe.models"),
            ({"coefficients": {"wieght": {"a": [1.0]}}}, "recipe.coefficients.wieght"),
            ({"coefficients": {"weight": {"a": [1.0, 2.0]}}}, "recipe.coefficients.weight.a"),
            ({"coefficients": {"weight": {"a": [1e9]}}}, "recipe.coefficients.weight.a"),
            ({"granularity": "fine"}, "granularity"),
            ({"recepie": 1}, "recipe.recepie"),
        ]
        for change, field in wrong:
            refused = runner.post(url, json={"recipe": change})
            assert refused.status_code == 422 and refused.json()["field"].endswith(field), refused.text
