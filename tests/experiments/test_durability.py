"""What a killed process leaves behind: everything that was acknowledged, and nothing half-written."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

from experiments.states import CandidateState, EvaluationState, EventKind, Split
from experiments.store import Store

NUM_ITEMS = 400

# Acknowledges on stdout after each commit, then goes on at once: the kill comes in the middle of a write.
DRIVE = f"""
import sys
from types import SimpleNamespace
from experiments.store import Store
from experiments.states import CandidateKind, Split
store = Store.open(sys.argv[1])
experiment = store.claim_driver(store.create_experiment({{"name": "killed"}}, "/", {{}}).id)
for number in range(10_000):
    candidate = store.record_ask(experiment.id, number=number, kind=CandidateKind.SEARCH, label="",
                                 vector=[float(number)], recipe={{}}, digest=str(number))
    attempt = store.record_started(candidate.id, Split.SEARCH, worker="w")
    items = [SimpleNamespace(task="t", item=str(i), score=1.0, reference_logprob=None, output="x" * 50)
             for i in range({NUM_ITEMS})]
    store.record_result(candidate.id, Split.SEARCH, items, fitness=float(number), timings_s={{}},
                        prompt_tokens=1, generated_tokens=1, attempt=attempt)
    print(number, flush=True)
"""


def test_kill_loses_nothing_acknowledged(store_url: str, python: Callable[..., subprocess.Popen[str]]) -> None:
    process = python(DRIVE, store_url)
    assert process.stdout is not None
    while int(process.stdout.readline()) < 15:
        # A reader works while the driver writes.
        with Store.open(store_url) as store:
            assert store.list_experiments()[0].progress.scored > 0
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    assert process.wait() == -signal.SIGKILL
    acknowledged = max([15, *map(int, rest)])

    with Store.open(store_url) as store:
        # Whoever resumes takes over at once. PostgreSQL may still be finishing the last write; this waits for it.
        experiment = store.claim_driver(store.get_experiment("killed").id)
        scored = store.candidates(experiment.id, state=CandidateState.SCORED)
        done = store.evaluations(experiment.id, state=EvaluationState.DONE)
        told = [e.payload["number"] for e in store.ledger(experiment.id) if e.kind == EventKind.TELL]
        items = store.items(experiment.id, Split.SEARCH)
        # The one in flight is either there in all tables or in none.
        numbers = [candidate.number for candidate in scored]
        assert numbers in (list(range(acknowledged + 1)), list(range(acknowledged + 2)))
        assert told == numbers and len(done) == len(numbers)
        assert [i.number for i in items] == [n for n in numbers for _ in range(NUM_ITEMS)]
        # What was in flight is lost or was never started.
        assert store.evaluations(experiment.id, state=EvaluationState.RUNNING) == []
        ledger = store.ledger(experiment.id)
        assert [event.seq for event in ledger] == list(range(1, len(ledger) + 1))


def test_reader_sees_one_moment_while_a_driver_writes(
    store_url: str, python: Callable[..., subprocess.Popen[str]]
) -> None:
    process = python(DRIVE, store_url)
    assert process.stdout is not None
    process.stdout.readline()
    with Store.open(store_url) as store:
        experiment = store.get_experiment("killed")
        for _ in range(20):
            counts = [0] * 10_000
            for item in store.items(experiment.id, Split.SEARCH):
                counts[item.number] += 1
            assert set(counts) <= {0, NUM_ITEMS}
            if sum(counts) > 5 * NUM_ITEMS:
                break
    assert process.poll() is None, "the driver ended by itself, so nothing was concurrent"
