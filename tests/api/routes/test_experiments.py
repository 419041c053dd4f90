"""Creating, listing, showing and cloning experiments."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from fastapi.testclient import TestClient
from seeded import BLACKBOX, new_experiment, seed

from experiments.states import ExperimentState, Wanted
from experiments.store import Store

URL = "/api/v1/experiments"


def submit(client: TestClient, key: str | None = None, **body: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(URL, json={"spec": BLACKBOX, **body}, headers=headers)


class TestCreate:
    def test_a_checked_spec_becomes_an_experiment_that_wants_to_run(self, runner: TestClient, store: Store) -> None:
        response = submit(runner, priority=3)
        assert response.status_code == 201, response.text
        shown = response.json()
        assert response.headers["Location"] == f"{URL}/{shown['id']}"
        assert (shown["state"], shown["wanted"], shown["owner"], shown["priority"]) == (
            "created",
            "run",
            "run-person",
            3,
        )
        stored = store.get_experiment(shown["id"])
        assert stored.wanted is Wanted.RUN
        assert stored.resolved["genes"] == ["x", "y"]
        assert stored.spec["blackbox"]["retries"] == 3  # defaults are written out

    def test_validate_plans_and_creates_nothing(self, runner: TestClient, store: Store) -> None:
        response = runner.post(f"{URL}/validate", json={"spec": BLACKBOX})
        assert response.status_code == 200, response.text
        assert (response.json()["dimensions"], response.json()["genes"]) == (2, ["x", "y"])
        assert store.list_experiments() == []

    def test_errors_of_the_spec_are_those_of_the_command_line(self, runner: TestClient) -> None:
        wrong = {**BLACKBOX, "serch": {}}
        response = runner.post(URL, json={"spec": wrong})
        document = response.json()
        assert (response.status_code, document["code"], document["field"]) == (422, "invalid_spec", "serch")
        assert "did you mean 'search'?" in document["problem"]

    def test_what_only_the_check_in_full_finds_is_reported_too(self, runner: TestClient, store: Store) -> None:
        search = {"budget": {"evaluations": 40}, "algorithm": "merge-cmaa"}
        response = runner.post(URL, json={"spec": {**BLACKBOX, "search": search}})
        assert (response.status_code, response.json()["field"]) == (422, "search.algorithm")
        assert "merge-cma" in response.json()["fix"]
        assert store.list_experiments() == []

    def test_owners_have_a_quota_and_admins_none(self, runner: TestClient, client: TestClient, store: Store) -> None:
        opened = [new_experiment(store) for _ in range(3)]
        refused = submit(runner)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert int(refused.headers["Retry-After"]) > 0
        store.want(opened[0].id, Wanted.CANCEL, by="run-person")
        assert submit(runner).status_code == 201
        for _ in range(4):
            assert submit(client).status_code == 201

    def test_large_priorities_are_for_admins(self, runner: TestClient, client: TestClient) -> None:
        assert submit(runner, priority=6).status_code == 403
        assert submit(client, priority=6).status_code == 201

    def test_readers_create_nothing(self, reader: TestClient) -> None:
        assert submit(reader).status_code == 403


class TestIdempotency:
    def test_a_repeated_request_makes_nothing_new(self, runner: TestClient, store: Store) -> None:
        first, again = submit(runner, "k1"), submit(runner, "k1")
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json()["id"] == again.json()["id"]
        assert "Idempotency-Replayed" not in first.headers and again.headers["Idempotency-Replayed"] == "true"
        assert again.headers["Location"] == first.headers["Location"]
        assert len(store.list_experiments()) == 1

    def test_the_answer_shows_what_it_is_now(self, runner: TestClient, store: Store) -> None:
        made = submit(runner, "k1").json()
        store.want(made["id"], Wanted.PAUSE, by="somebody")
        assert submit(runner, "k1").json()["state"] == "paused"

    def test_a_full_quota_does_not_refuse_a_repetition(self, runner: TestClient, store: Store) -> None:
        submit(runner, "k1")
        for _ in range(2):
            new_experiment(store)
        assert submit(runner, "k2").status_code == 429
        assert submit(runner, "k1").status_code == 201

    def test_one_key_is_for_one_request(self, runner: TestClient, client: TestClient) -> None:
        submit(runner, "k1")
        other = submit(runner, "k1", priority=1)
        assert (other.status_code, other.json()["field"]) == (409, "Idempotency-Key")
        assert submit(client, "k1", priority=1).status_code == 201  # keys are by owner

    def test_two_at_once_take_effect_once(self, runner: TestClient, store: Store) -> None:
        found: list[Any] = []
        start = threading.Barrier(4)

        def go() -> None:
            start.wait()
            found.append(submit(runner, "together"))

        threads = [threading.Thread(target=go) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {one.status_code for one in found} <= {201, 409}
        assert len({one.json()["id"] for one in found if one.status_code == 201}) == 1
        assert len(store.list_experiments()) == 1


class TestList:
    def test_pages_have_everything_once_newest_first(self, reader: TestClient, store: Store) -> None:
        made = [new_experiment(store, name=f"e-{number}").id for number in range(7)]
        seen, cursor = [], None
        while True:
            page = reader.get(URL, params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
            seen += [one["id"] for one in page["experiments"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert seen == made[::-1]

    def test_an_exact_page_has_no_next(self, reader: TestClient, store: Store) -> None:
        for _ in range(3):
            new_experiment(store)
        assert reader.get(URL, params={"limit": 3}).json()["next"] is None

    def test_filters(self, reader: TestClient, store: Store) -> None:
        mine, other = new_experiment(store, name="mine"), new_experiment(store, owner="else", name="other")
        store.want(other.id, Wanted.CANCEL, by="else")

        def ids(**filters: str) -> list[str]:
            return [one["id"] for one in reader.get(URL, params=filters).json()["experiments"]]

        assert ids(state="cancelled") == ids(owner="else") == ids(q="oth") == ids(q=other.id[:4]) == [other.id]
        assert ids(q="mine", owner="run-person", state="created") == [mine.id]
        assert ids(q="%") == []

    @pytest.mark.parametrize(
        "params",
        [
            {"limit": 201},
            {"limit": 0},
            {"state": "over"},
            {"cursor": "é"},
            {"cursor": "WzFd"},
            {"q": "a\0"},
            {"page": 2},
        ],
    )
    def test_wrong_parameters_are_refused(self, reader: TestClient, params: dict[str, Any]) -> None:
        response = reader.get(URL, params=params)
        assert response.status_code == 422
        assert response.json()["field"].startswith("query.")


class TestShow:
    def test_running(self, reader: TestClient, store: Store) -> None:
        experiment = seed(store)
        shown = reader.get(f"{URL}/{experiment.id}").json()
        assert shown["state"] == "running" and shown["driver"]["pid"] == experiment.driver.pid  # type: ignore[union-attr]
        assert "token" not in shown["driver"]
        assert shown["progress"]["candidates"] == 12 and shown["progress"]["running"] == 1
        best = shown["standings"][0]
        assert best["fitness"] == shown["progress"]["best_fitness"] == max(one["fitness"] for one in shown["standings"])
        assert best["splits"]["search"]["tasks"]["words"]["score"] == pytest.approx(best["fitness"])
        assert shown["budget"] == {"evaluations": 60}
        assert shown["outcome"] is None

    def test_finished(self, reader: TestClient, store: Store) -> None:
        experiment = seed(store, finished=True)
        outcome = reader.get(f"{URL}/{experiment.id}").json()["outcome"]
        assert outcome["winner"] == {"number": 1, "label": "searched"}
        assert (outcome["front"], outcome["notes"], outcome["test_uses"]) == ([1, 2], ["one note"], 1)

    def test_by_name_and_by_start_of_the_id(self, reader: TestClient, store: Store) -> None:
        experiment = new_experiment(store)
        for reference in ("json-math", experiment.id[:5]):
            assert reader.get(f"{URL}/{reference}").json()["id"] == experiment.id
        missing = reader.get(f"{URL}/json-meth")
        assert missing.status_code == 404 and "json-math" in missing.json()["fix"]

    def test_unchanged_is_not_sent_again(self, reader: TestClient, store: Store) -> None:
        experiment = seed(store)
        first = reader.get(f"{URL}/{experiment.id}")
        tag = first.headers["ETag"]
        again = reader.get(f"{URL}/{experiment.id}", headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
        store.heartbeat(experiment.id, 12.0)  # what is shown has changed, the revision has not
        changed = reader.get(f"{URL}/{experiment.id}", headers={"If-None-Match": tag})
        assert changed.status_code == 200 and changed.json()["revision"] == first.json()["revision"]


class TestClone:
    def test_changes_are_laid_over_the_spec(self, runner: TestClient, store: Store) -> None:
        made = submit(runner).json()
        store.extend(made["id"], {"evaluations": 80}, by="run-person")
        body = {"name": "again", "changes": {"search": {"seed": 9}, "blackbox": {"timeout_s": None}}}
        response = runner.post(f"{URL}/{made['id']}/clone", json=body)
        assert response.status_code == 201, response.text
        clone = store.get_experiment(response.json()["id"])
        assert clone.name == "again" and clone.id != made["id"] and clone.state is ExperimentState.CREATED
        assert clone.spec["search"]["seed"] == 9 and clone.spec["search"]["budget"] == {"evaluations": 80}
        assert clone.spec["blackbox"]["timeout_s"] == 600.0

    def test_what_a_change_breaks_is_refused(self, runner: TestClient, store: Store) -> None:
        made = submit(runner).json()
        changes = {"blackbox": {"url": "http://10.0.0.1/"}}
        response = runner.post(f"{URL}/{made['id']}/clone", json={"changes": changes})
        assert (response.status_code, response.json()["field"]) == (422, "blackbox.url")
        assert len(store.list_experiments()) == 1

    def test_a_repeated_clone_is_one_clone(self, runner: TestClient, store: Store) -> None:
        made = submit(runner).json()
        url, headers = f"{URL}/{made['id']}/clone", {"Idempotency-Key": "c"}
        first, again = (runner.post(url, json={}, headers=headers) for _ in range(2))
        assert first.json()["id"] == again.json()["id"] != made["id"]
        assert len(store.list_experiments()) == 2
