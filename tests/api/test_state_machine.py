"""The service against a model in memory: people over HTTP, drivers on the store, processes that die, late results."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, precondition, rule

from api.app import create_app
from api.settings import Settings
from evomerge.errors import StateConflict
from experiments.records import ExperimentRecord
from experiments.states import CandidateKind, ExperimentState, Scope, Split, Wanted
from experiments.store import Store

SPEC = {"name": "model", "search": {"budget": {"evaluations": 10}}}
FINAL = ("finished", "failed", "cancelled")
WISHES = {"pause": Wanted.PAUSE, "resume": Wanted.RUN, "cancel": Wanted.CANCEL}


@dataclass
class Expected:
    """What the model knows of one experiment."""

    state: str = "created"
    wanted: str | None = "run"
    driver: str | None = None  # None, "alive" or "dead"
    evaluations: int = 10
    over: bool = False
    done: int = 0
    lost: int = 0
    infeasible: int = 0
    candidates: int = 0
    injected: int = 0
    running: dict[tuple[int, int], int] = field(default_factory=dict)  # (candidate id, its number) -> attempt
    ended: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)

    def dismiss(self) -> None:
        """The driver is gone, and what it left running is lost."""
        if self.state == "running":
            self.lost += len(self.running)
            self.running = {}
            self.state = "interrupted"
        self.driver = None


class Service(RuleBasedStateMachine):
    """One server, and this process as the driver of every experiment that is claimed."""

    experiments = Bundle("experiments")
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        url = f"sqlite:///{Path(self.folder.name)}/store.db"
        self.store, self.drivers = Store.open(url), Store.open(url)
        app = create_app(Settings(launcher="none"), self.store)
        secret = self.store.create_token("model", Scope.ADMIN, "ann")[1]
        headers = {"Authorization": f"Bearer {secret}"}
        self.client = TestClient(app, base_url="http://127.0.0.1:8000", headers=headers)
        self.known: dict[str, Expected] = {}

    def teardown(self) -> None:
        self.client.close()
        self.store.close()
        self.drivers.close()
        self.folder.cleanup()

    def ask(self, method: str, path: str, **options: Any) -> Any:
        return self.client.request(method, f"/api/v1/experiments{path}", **options)

    @rule(target=experiments)
    def create(self) -> str:
        made = self.store.create_experiment(SPEC, "/", {"genes": ["x"]}, owner="ann", wanted=Wanted.RUN).id
        self.known[made] = Expected()
        return made

    @rule(one=experiments, verb=st.sampled_from(sorted(WISHES)), stale=st.booleans())
    def wish(self, one: str, verb: str, stale: bool) -> None:
        expected = self.known[one]
        seen = self.store.get_experiment(one).revision
        answer = self.ask("POST", f"/{one}/{verb}", headers={"If-Match": f'"{seen - 1 if stale else seen}.0"'})
        if stale:
            assert answer.status_code == 412
        elif expected.state in FINAL:
            assert answer.status_code == 409
        else:
            assert answer.status_code == 200
            expected.wanted = WISHES[verb].value
            if verb != "resume" and expected.driver != "alive":
                expected.dismiss()
                expected.state = "paused" if verb == "pause" else "cancelled"

    @rule(one=experiments, more=st.integers(-2, 5), key=st.sampled_from(["a", "b"]))
    def extend(self, one: str, more: int, key: str) -> None:
        expected = self.known[one]
        total = expected.evaluations + more
        body = {"budget": {"evaluations": max(1, total)}}
        headers = {"Idempotency-Key": f"{one}-{total}-{key}"}
        answer = self.ask("POST", f"/{one}/extend", json=body, headers=headers)
        if answer.headers.get("Idempotency-Replayed"):
            return
        if expected.state in FINAL or expected.over or more <= 0:
            assert answer.status_code == 409
            return
        assert answer.status_code == 200
        expected.evaluations = total
        again = self.ask("POST", f"/{one}/extend", json=body, headers=headers)
        assert again.status_code == 200 and again.headers["Idempotency-Replayed"] == "true"

    @rule(one=experiments)
    def claim(self, one: str) -> None:
        expected = self.known[one]
        allowed = expected.wanted == "run" and expected.state not in FINAL and expected.driver != "alive"
        try:
            self.drivers.claim_driver(one, expected=Wanted.RUN)
        except StateConflict:
            assert not allowed
            return
        assert allowed or expected.driver == "alive"
        expected.dismiss()
        expected.state, expected.driver = "running", "alive"

    @precondition(lambda self: any(one.driver == "alive" for one in self.known.values()))
    @rule(one=experiments)
    def kill_driver(self, one: str) -> None:
        if self.known[one].driver == "alive":
            with self.store._writing() as session:
                row = session.get_one(ExperimentRecord, one)
                row.driver = {**(row.driver or {}), "pid": 2**22 + 1, "token": "that of a dead process"}
            self.known[one].driver = "dead"

    @rule(target=leases, one=experiments)
    def start(self, one: str) -> Any:
        expected = self.known[one]

        def record() -> tuple[int, int, int]:
            number = expected.candidates
            candidate = self.drivers.record_ask(
                one, number=number, kind=CandidateKind.SEARCH, label="", vector=[0.0], recipe={}, digest=str(number)
            )
            return candidate.id, number, self.drivers.record_started(candidate.id, Split.SEARCH, worker="w")

        if expected.driver != "alive":
            with pytest.raises(StateConflict):
                record()
            return multiple()
        found = record()
        expected.candidates += 1
        expected.running[found[:2]] = found[2]
        return one, found

    @rule(lease=leases)
    def start_again(self, lease: tuple[str, tuple[int, int, int]]) -> None:
        """Lose a worker where it runs; then its old attempt is a late one."""
        one, (candidate, number, _) = lease
        expected = self.known[one]
        key = (candidate, number)
        if expected.driver != "alive" or candidate in expected.ended:
            return
        if key in expected.running:
            self.drivers.record_lost(candidate, Split.SEARCH, "gone")
            expected.lost += 1
        expected.running[key] = self.drivers.record_started(candidate, Split.SEARCH, worker="v")

    @rule(lease=leases, kind=st.sampled_from(["done", "infeasible", "lost"]))
    def end(self, lease: tuple[str, tuple[int, int, int]], kind: str) -> None:
        one, (candidate, number, attempt) = lease
        expected = self.known[one]
        key = (candidate, number)
        holds = expected.driver == "alive" and expected.running.get(key) == attempt
        if kind == "lost":
            holds = expected.driver == "alive" and key in expected.running
        before = self.store.ledger(one)
        try:
            if kind == "done":
                item = SimpleNamespace(task="t", item="i", score=1.0, reference_logprob=None, output=None)
                self.drivers.record_result(
                    candidate, Split.SEARCH, [item], fitness=1.0, timings_s={}, prompt_tokens=1, generated_tokens=1,
                    attempt=attempt,
                )  # fmt: skip
            elif kind == "infeasible":
                self.drivers.record_infeasible(candidate, Split.SEARCH, "nan", attempt=attempt)
            else:
                self.drivers.record_lost(candidate, Split.SEARCH, "gone")
        except StateConflict:
            assert not holds and self.store.ledger(one) == before
            return
        assert holds
        del expected.running[key]
        expected.done += kind == "done"
        expected.lost += kind == "lost"
        expected.infeasible += kind == "infeasible"
        if kind != "lost":
            expected.ended.add(candidate)

    @rule(one=experiments)
    def decide(self, one: str) -> None:
        expected = self.known[one]
        if expected.driver == "alive" and not expected.over:
            self.drivers.record_decision(one, "finalists", {"numbers": []})
            expected.over = True

    @rule(one=experiments, state=st.sampled_from(["interrupted", "paused", "finished", "failed", "cancelled"]))
    def release(self, one: str, state: str) -> None:
        expected = self.known[one]
        if expected.driver != "alive":
            with pytest.raises(StateConflict):
                self.drivers.release_driver(one, ExperimentState(state))
            return
        self.drivers.release_driver(one, ExperimentState(state))
        expected.dismiss()
        expected.state = state

    @rule(one=experiments)
    def inject(self, one: str) -> None:
        expected = self.known[one]
        try:
            self.store.inject(one, {"blackbox": {"x": 0.0}}, label="mine", by="ann")
        except StateConflict:
            assert expected.state in FINAL or expected.over
            return
        assert expected.state not in FINAL and not expected.over
        expected.injected += 1

    @invariant()
    def the_server_shows_what_the_model_knows(self) -> None:
        for one, expected in self.known.items():
            shown = self.ask("GET", f"/{one}").json()
            progress = shown["progress"]
            assert (shown["state"], shown["wanted"]) == (expected.state, expected.wanted), one
            assert progress["candidates"] == expected.candidates
            counted = (progress["running"], progress["done"], progress["lost"], progress["infeasible"])
            assert counted == (len(expected.running), expected.done, expected.lost, expected.infeasible)
            assert len(self.store.controls(one, "inject")) == expected.injected

    @invariant()
    def the_store_is_whole(self) -> None:
        assert self.store.audit() == []


Service.TestCase.settings = settings(
    max_examples=12, stateful_step_count=35, deadline=None, suppress_health_check=list(HealthCheck)
)
TestService = Service.TestCase
