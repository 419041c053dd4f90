"""The store of every released schema is upgraded and says what it said."""

from __future__ import annotations

import importlib.util
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, create_engine, select, text
from sqlalchemy.engine import make_url

from experiments import database
from experiments.database import VERSION_TABLE, migration_config
from experiments.states import ArtifactState, CandidateState, EventKind, ExperimentState, Split, Wanted
from experiments.store import Store

STORES = Path(__file__).parent / "stores"
RELEASED = sorted(path.stem.removeprefix("schema-") for path in STORES.glob("*.sql"))


@pytest.fixture(scope="module")
def made() -> ModuleType:
    """The script that made the stores, which knows what is in them."""
    spec = importlib.util.spec_from_file_location("make_store", STORES / "make_store.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=RELEASED)
def revision(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def released(revision: str, store_url: str, tmp_path: Path) -> Iterator[Store]:
    """The store of a released schema, opened by this version."""
    file = tmp_path / ("store.db" if store_url.startswith("sqlite") else "released.db")
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((STORES / f"schema-{revision}.sql").read_text(encoding="utf-8"))
    if not store_url.startswith("sqlite"):
        copy_to_postgresql(revision, file, store_url)
    with Store.open(store_url) as store:
        yield store


def copy_to_postgresql(revision: str, file: Path, url: str) -> None:
    """Make the same schema there and put the same rows into it."""
    source = create_engine(f"sqlite:///{file}")
    target = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with source.connect() as origin, target.begin() as copy:
        command.upgrade(migration_config(copy), revision)
        theirs, ours = MetaData(), MetaData()
        theirs.reflect(origin)
        ours.reflect(copy)
        for table in ours.sorted_tables:
            if table.name == VERSION_TABLE:
                continue
            for row in origin.execute(select(theirs.tables[table.name])).mappings():
                copy.execute(table.insert(), {key: _zoned(value) for key, value in row.items() if value is not None})
        numbered = ("candidates", "evaluations", "events", "checkpoint_evaluations")
        for name in (one for one in numbered if one in ours.tables):
            copy.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT MAX(id) FROM {name}))"))
    source.dispose()
    target.dispose()


def _zoned(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def test_every_schema_has_the_store_of_its_time() -> None:
    scripts = ScriptDirectory(str(Path(database.__file__).parent / "migrations"))
    assert sorted(one.revision for one in scripts.walk_revisions()) == RELEASED, (
        "write the store of the schema that is missing with tests/experiments/stores/make_store.py"
    )


def test_everything_reads_back_and_the_counts_are_right(released: Store, made: ModuleType) -> None:
    assert released.audit() == []
    for name, count, end in made.EXPERIMENTS:
        experiment = released.get_experiment(name)
        assert (experiment.state, experiment.source_dir, experiment.seconds_spent) == (end, "/models", 12.5)
        assert (dict(experiment.spec), dict(experiment.resolved)) == ({"name": name, **made.SPEC}, made.RESOLVED)
        opened = end is ExperimentState.RUNNING
        scored = [number for number in range(count - opened) if number != made.INFEASIBLE]
        candidates = released.candidates(experiment.id)
        assert [(one.number, one.label, one.vector) for one in candidates] == [
            (number, label, None if vector is None else tuple(vector))
            for number, (label, vector) in enumerate(made.CANDIDATES[:count])
        ]
        assert {one.number: one.fitness for one in candidates if one.state is CandidateState.SCORED} == {
            number: pytest.approx(made.fitness(number)) for number in scored
        }
        assert candidates[made.INFEASIBLE].reason == "NaN in the weights"
        found = [
            (one.number, one.task, one.item, one.score, one.reference_logprob, one.output)
            for one in released.items(experiment.id, Split.SEARCH, outputs=True)
        ]
        assert sorted(found) == sorted(
            (number, one.task, one.item, one.score, one.reference_logprob, one.output)
            for number in scored
            for one in made.items(number, Split.SEARCH)
        )
        progress = released.progress(experiment.id)
        assert (progress.candidates, progress.scored, progress.infeasible) == (count, len(scored), 1)
        assert (progress.lost, progress.running, progress.search_items) == (1, int(opened), 4 * len(scored))
        assert [one.seq for one in released.ledger(experiment.id)] == list(
            range(1, 1 + len(released.ledger(experiment.id)))
        )


def test_what_was_decided_stays(released: Store, made: ModuleType, revision: str) -> None:
    experiment = released.get_experiment("finished")
    assert released.decisions(experiment.id) == {"winner": made.OUTCOME}
    tested = [one for one in released.evaluations(experiment.id) if one.split is Split.TEST]
    assert [(one.num_items, released.tests_on(str(one.items_digest))) for one in tested] == [(3, 1)]
    if revision >= "0003":
        assert [(one.number, one.state) for one in released.artifacts()] == [(3, ArtifactState.PENDING)]
    recorded = revision >= "0005"
    trace = released.trace(experiment.id)
    assert ([vars(one) for one in trace.rows], trace.restarts) == (list(made.TRACE) if recorded else [], [])
    texts = released.texts([(one["source"], one["item"]) for one in made.TEXTS])
    found = [{**vars(one), "choices": one.choices and list(one.choices)} for _, one in sorted(texts.items())]
    assert found == (list(made.TEXTS) if recorded else [])
    known = revision >= "0006"
    assert released.provenances(experiment.id) == (
        {made.PROVENANCE["digest"]: made.PROVENANCE["data"]} if known else {}
    )
    # Two blocks of the first candidate in each of the three experiments.
    assert len(released.precedents(made.WEIGHTS, Split.SEARCH, 2)) == (6 if known else 0)


def test_checkpoints_that_no_experiment_asked_for_stay(released: Store, made: ModuleType, revision: str) -> None:
    scored = {**made.CHECKPOINT, "items": made.items(1, Split.TEST)}
    found = released.checkpoint_precedents(made.WEIGHTS, Split.TEST, 3)
    assert [(one.label, one.id, data) for one, data in found] == (
        [("base", 1, made.PROVENANCE["data"])] if revision >= "0007" else []
    )
    # What an older version left does not keep the new one from adding.
    number = released.record_checkpoint(**scored)
    kept, provenance = released.checkpoint(number)
    assert (kept.model, kept.split, kept.num_items, provenance) == (
        "/models/base",
        Split.TEST,
        3,
        made.PROVENANCE["data"],
    )
    assert [vars(one) for one in released.checkpoint_items(number)] == [
        vars(one) for one in sorted(scored["items"], key=lambda one: (one.task, one.item))
    ]
    assert released.checkpoints()[0] == kept and released.audit() == []


@pytest.mark.parametrize("name", ["interrupted", "killed"])
def test_what_had_not_ended_goes_on(released: Store, name: str) -> None:
    experiment = released.get_experiment(name)
    released.want(experiment.id, Wanted.RUN, by="ann")
    claimed = released.claim_driver(experiment.id, expected=Wanted.RUN)
    assert claimed.state is ExperimentState.RUNNING
    last = released.candidates(experiment.id)[-1]
    released.record_started(last.id, Split.SELECTION, worker="worker-2", block=0)
    released.release_driver(experiment.id, ExperimentState.INTERRUPTED)
    lost = [one.payload["number"] for one in released.ledger(experiment.id) if one.kind is EventKind.LOST]
    assert lost == ([3, 4, 4] if name == "killed" else [3, 3])
    assert released.audit() == []
