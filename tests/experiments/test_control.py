"""What people and schedulers do to an experiment, on both back ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from evomerge.errors import InvalidInput, NotFound, PreconditionFailed, StateConflict
from experiments.entities import Once
from experiments.requests import AlreadyDone
from experiments.states import ArtifactState, CandidateKind, EventKind, ExperimentState, Scope, Split, Wanted
from experiments.store import Store

SPEC = {"name": "one", "search": {"budget": {"evaluations": 10, "hours": 2.0}}}
PATIENCE = timedelta(minutes=5)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def experiment(store: Store) -> str:
    return store.create_experiment(SPEC, "/", {}, owner="ann", wanted=Wanted.RUN).id


def once(key: str, body: str = "a") -> Once:
    return Once("ann", key, body)


def finalists(store: Store, experiment: str) -> None:
    store.record_decision(experiment, "finalists", {"numbers": [0]})


class TestWishes:
    def test_pause_without_a_driver_takes_effect_at_once_and_resume_waits_for_one(
        self, store: Store, experiment: str
    ) -> None:
        paused = store.want(experiment, Wanted.PAUSE, by="ann", reason="lunch")
        assert (paused.state, paused.wanted, paused.error) == (ExperimentState.PAUSED, Wanted.PAUSE, "lunch")
        assert store.due() == []
        resumed = store.want(experiment, Wanted.RUN, by="bob")
        assert (resumed.state, resumed.wanted) == (ExperimentState.PAUSED, Wanted.RUN)
        assert [one.id for one in store.due()] == [experiment]
        assert [
            (e.payload["action"], e.payload["by"]) for e in store.events(experiment, kinds=(EventKind.CONTROL,))
        ] == [
            ("pause", "ann"),
            ("run", "bob"),
        ]

    def test_a_living_driver_hears_of_it_with_its_heartbeat(self, store: Store, experiment: str) -> None:
        store.claim_driver(experiment, expected=Wanted.RUN)
        assert store.heartbeat(experiment, 1.0).wanted is Wanted.RUN
        wanted = store.want(experiment, Wanted.CANCEL, by="ann")
        assert wanted.state is ExperimentState.RUNNING
        assert store.heartbeat(experiment, 2.0).wanted is Wanted.CANCEL
        store.release_driver(experiment, ExperimentState.CANCELLED)
        for wish in Wanted:
            with pytest.raises(StateConflict, match=r"it is cancelled, which is final.*clone it"):
                store.want(experiment, wish, by="ann")

    def test_a_dead_driver_is_dismissed(self, store: Store, store_url: str, experiment: str) -> None:
        with Store.open(store_url) as other:
            other.claim_driver(experiment)
            candidate = other.record_ask(
                experiment, number=0, kind=CandidateKind.SEARCH, label="", vector=None, recipe={}, digest="d"
            )
            other.record_started(candidate.id, Split.SEARCH, worker="w")
        kill_driver(store, experiment)
        assert [one.id for one in store.unattended()] == []
        stopped = store.want(experiment, Wanted.PAUSE, by="ann")
        assert stopped.state is ExperimentState.PAUSED and stopped.driver is None
        assert store.progress(experiment).running == 0 and store.progress(experiment).lost == 1
        assert store.audit() == []

    def test_a_wish_that_a_dying_driver_never_heard_is_seen(self, store: Store, experiment: str) -> None:
        store.claim_driver(experiment)
        store.want(experiment, Wanted.PAUSE, by="ann")
        kill_driver(store, experiment)
        (forgotten,) = store.unattended()
        store.want(forgotten.id, Wanted.PAUSE, by="scheduler")
        assert store.get_experiment(experiment).state is ExperimentState.PAUSED
        assert len(store.controls(experiment, "pause")) == 1

    def test_the_same_wish_changes_nothing(self, store: Store, experiment: str) -> None:
        before = store.get_experiment(experiment)
        after = store.want(experiment, Wanted.RUN, by="ann")
        assert after.revision == before.revision and store.controls(experiment, "run") == []

    def test_an_old_revision_is_refused(self, store: Store, experiment: str) -> None:
        seen = store.get_experiment(experiment).revision
        store.want(experiment, Wanted.PAUSE, by="ann", revision=seen)
        with pytest.raises(PreconditionFailed, match=f"not {seen}"):
            store.want(experiment, Wanted.RUN, by="bob", revision=seen)
        with pytest.raises(PreconditionFailed):
            store.extend(experiment, {"evaluations": 99}, by="bob", revision=seen)
        assert store.get_experiment(experiment).wanted is Wanted.PAUSE

    def test_a_driver_of_the_server_needs_the_wish(self, store: Store, experiment: str) -> None:
        store.want(experiment, Wanted.PAUSE, by="ann")
        with pytest.raises(StateConflict, match="it is wanted to pause"):
            store.claim_driver(experiment, expected=Wanted.RUN)
        # A person at the command line is obeyed.
        assert store.claim_driver(experiment).wanted is None


class TestBudget:
    def test_limits_rise_and_the_spec_stays(self, store: Store, experiment: str) -> None:
        extended = store.extend(experiment, {"evaluations": 20}, by="ann")
        assert extended.budget == {"evaluations": 20, "hours": 2.0}
        assert extended.spec["search"]["budget"] == {"evaluations": 10, "hours": 2.0}
        store.claim_driver(experiment)
        assert store.heartbeat(experiment, 0.0).budget == {"evaluations": 20, "hours": 2.0}
        for bad, message in (
            ({"evaluations": 20}, "it is 20 already"),
            ({"hours": 1.0}, "it is 2 already"),
            ({"items": 5}, "it is not limited"),
        ):
            with pytest.raises(StateConflict, match=message):
                store.extend(experiment, bad, by="ann")

    def test_a_search_that_is_over_takes_nothing_more(self, store: Store, experiment: str) -> None:
        store.claim_driver(experiment)
        finalists(store, experiment)
        with pytest.raises(StateConflict, match=r"its search is over.*clone it"):
            store.extend(experiment, {"evaluations": 20}, by="ann")
        with pytest.raises(StateConflict, match="its search is over"):
            store.inject(experiment, {}, label="mine", by="ann")


class TestOnce:
    def test_a_repeated_request_makes_nothing_new(self, store: Store) -> None:
        made = store.create_experiment(SPEC, "/", {}, once=once("k"))
        with pytest.raises(AlreadyDone) as caught:
            store.create_experiment(SPEC, "/", {}, once=once("k"))
        assert caught.value.resource == made.id
        with pytest.raises(StateConflict, match="was sent with another request"):
            store.create_experiment(SPEC, "/", {}, once=once("k", "b"))
        assert store.create_experiment(SPEC, "/", {}, once=replace(once("k"), owner="bob")).id != made.id
        assert len(store.list_experiments()) == 2

    def test_every_kind_of_request(self, store: Store, experiment: str) -> None:
        store.extend(experiment, {"evaluations": 20}, by="ann", once=once("x"))
        store.inject(experiment, {"blackbox": {}}, label="mine", by="ann", once=once("y"))
        store.ask_export(experiment, 0, "/artifacts", by="ann", once=once("z"))
        before = store.ledger(experiment)
        for key, act in (
            ("x", lambda: store.extend(experiment, {"evaluations": 20}, by="ann", once=once("x"))),
            ("y", lambda: store.inject(experiment, {"blackbox": {}}, label="mine", by="ann", once=once("y"))),
            ("z", lambda: store.ask_export(experiment, 0, "/artifacts", by="ann", once=once("z"))),
        ):
            with pytest.raises(AlreadyDone):
                act()
            assert store.ledger(experiment) == before, key

    def test_many_at_once_make_one(self, store: Store) -> None:
        outcomes: list[str] = []

        def create() -> None:
            try:
                outcomes.append(store.create_experiment(SPEC, "/", {}, once=once("k")).id)
            except (AlreadyDone, StateConflict) as error:
                outcomes.append(type(error).__name__)

        threads = [threading.Thread(target=create) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store.list_experiments()) == 1 and len(outcomes) == 6

    def test_a_failed_request_can_be_repeated(self, store: Store, experiment: str) -> None:
        with pytest.raises(StateConflict):
            store.extend(experiment, {"evaluations": 1}, by="ann", once=once("k"))
        store.extend(experiment, {"evaluations": 30}, by="ann", once=once("k", "c"))


class TestLaunches:
    def test_one_server_starts_a_driver(self, store: Store, experiment: str) -> None:
        first = store.take_launch(experiment, "job-1", patience=PATIENCE)
        assert first is not None and first.tries == 1
        assert store.take_launch(experiment, "job-2", patience=PATIENCE) is None
        store.claim_driver(experiment, expected=Wanted.RUN)
        assert store.take_launch(experiment, "job-3", patience=PATIENCE) is None

    def test_a_driver_that_never_claims_is_followed_after_a_while(self, store: Store, experiment: str) -> None:
        store.take_launch(experiment, "job-1", patience=PATIENCE)
        second = store.take_launch(experiment, "job-2", patience=timedelta(0))
        assert second is not None and second.tries == 2

    def test_one_that_ended_is_followed_at_once_and_tries_count_until_work_is_done(
        self, store: Store, experiment: str
    ) -> None:
        store.take_launch(experiment, "job-1", patience=PATIENCE)
        store.abandon_launch(experiment, "another")
        assert store.take_launch(experiment, "job-2", patience=PATIENCE) is None
        store.abandon_launch(experiment, "job-1")
        again = store.take_launch(experiment, "job-2", patience=PATIENCE)
        assert again is not None and again.tries == 2
        store.claim_driver(experiment)
        candidate = store.record_ask(
            experiment, number=0, kind=CandidateKind.SEARCH, label="", vector=None, recipe={}, digest="d"
        )
        items = [SimpleNamespace(task="t", item="i", score=1.0, reference_logprob=None, output=None)]
        store.record_result(
            candidate.id, Split.SEARCH, items, fitness=1.0, timings_s={}, prompt_tokens=0, generated_tokens=0
        )
        store.release_driver(experiment, ExperimentState.INTERRUPTED)
        # The second try began less than its pause ago.
        assert store.take_launch(experiment, "job-3", patience=PATIENCE) is None
        set_launch(store, experiment, at=datetime.now(UTC) - timedelta(minutes=1))
        fresh = store.take_launch(experiment, "job-3", patience=PATIENCE)
        assert fresh is not None and (fresh.tries, fresh.done) == (1, 1)

    def test_the_order_is_priority_then_age(self, store: Store) -> None:
        ids = [
            store.create_experiment(SPEC, "/", {}, priority=priority, wanted=Wanted.RUN).id for priority in (0, 5, 0, 5)
        ]
        store.create_experiment(SPEC, "/", {})
        assert [one.id for one in store.due()] == [ids[1], ids[3], ids[0], ids[2]]

    def test_shares_reach_the_driver(self, store: Store, experiment: str) -> None:
        store.claim_driver(experiment)
        store.share(experiment, 3)
        assert store.heartbeat(experiment, 0.0).workers == 3


class TestTokens:
    def test_a_secret_finds_its_token_and_is_nowhere_in_the_store(self, store: Store, store_url: str) -> None:
        token, secret = store.create_token("laptop", Scope.RUN, "ann")
        found = store.find_token(secret)
        assert found is not None and (found.id, found.scope, found.owner) == (token.id, Scope.RUN, "ann")
        assert store.tokens()[0].last_used_at is not None
        assert store.find_token(secret + "x") is None and store.find_token("") is None
        if store_url.startswith("sqlite"):
            from pathlib import Path

            path = Path(store_url.removeprefix("sqlite:///"))
            raw = path.read_bytes() + path.with_name(f"{path.name}-wal").read_bytes()
            assert token.id.encode() in raw and secret.encode() not in raw

    def test_revoked_and_expired_tokens_are_none(self, store: Store) -> None:
        token, secret = store.create_token("a", Scope.ADMIN, "ann")
        first = store.revoke_token(token.id)
        assert store.find_token(secret) is None
        assert store.revoke_token(token.id) == first
        _, brief = store.create_token("b", Scope.READ, "ann", datetime.now(UTC) + timedelta(milliseconds=30))
        threading.Event().wait(0.05)
        assert store.find_token(brief) is None
        with pytest.raises(NotFound):
            store.revoke_token("nobody")

    @pytest.mark.parametrize(("name", "owner"), [("", "a"), ("a", " "), ("a" * 65, "a")])
    def test_names_are_checked(self, store: Store, name: str, owner: str) -> None:
        with pytest.raises(InvalidInput, match="1 to 64 characters"):
            store.create_token(name, Scope.READ, owner)

    def test_scopes_are_ordered(self) -> None:
        assert Scope.ADMIN.includes(Scope.READ) and Scope.RUN.includes(Scope.RUN)
        assert not Scope.READ.includes(Scope.RUN)


class TestArtifacts:
    def test_an_export_is_asked_for_made_and_final(self, store: Store, experiment: str) -> None:
        asked = store.ask_export(experiment, 3, "/artifacts", by="ann")
        assert asked.state is ArtifactState.PENDING and asked.path == f"/artifacts/{asked.id}" and len(asked.id) == 32
        assert store.artifacts(state=ArtifactState.PENDING) == [asked]
        files = {"model.safetensors": {"bytes": 3, "sha256": "abc"}}
        ready = store.finish_export(asked.id, files)
        assert (ready.state, ready.files) == (ArtifactState.READY, files)
        with pytest.raises(StateConflict, match="it is ready"):
            store.finish_export(asked.id, {}, error="late")
        states = [event.payload["state"] for event in store.events(experiment, kinds=(EventKind.EXPORT,))]
        assert states == ["pending", "ready"]
        with pytest.raises(NotFound):
            store.artifact("no such one")


def kill_driver(store: Store, experiment: str) -> None:
    """Make the claim that of a process which is no more."""
    with store._writing() as session:
        from experiments.records import ExperimentRecord

        row = session.get_one(ExperimentRecord, experiment)
        assert row.driver is not None
        row.driver = {**row.driver, "pid": 2**22 + os.getpid()}


def set_launch(store: Store, experiment: str, *, at: datetime) -> None:
    with store._writing() as session:
        from experiments.records import ExperimentRecord

        row = session.get_one(ExperimentRecord, experiment)
        row.launch = {**(row.launch or {}), "at": at.isoformat()}
