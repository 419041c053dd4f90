"""The full report, from the store alone: its numbers against scipy, its words against what was kept of them."""

from __future__ import annotations

import html.parser
import json
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import DyingStore, FakeProblem, Point, drive, search_spec, spec_data, uniform
from pydantic import TypeAdapter
from scipy import stats

from evals.provenance import Provenance, TaskProvenance
from evals.report import build_report
from evals.tasks import ItemRef, ItemScore
from experiments.entities import Experiment
from experiments.states import ExperimentState, Split
from experiments.store import Store
from optimizer.reporting.build import build_document
from optimizer.reporting.document import Document, Score
from optimizer.reporting.formats import ReportFormat
from optimizer.reporting.render import plain, render
from optimizer.reporting.scores import forgetting, versus

TASK = TaskProvenance("1f", "acc,none", 0, None, "2e", False, 0, {"test": 15}, {"test": "ab"})
KNOWN = Provenance(
    "0.5", "lm-eval 0.4", "fake 1", {"torch": "2"}, "cpu", "bfloat16", 0, {"threads": 2}, "in place", "3d",
    {"one": TASK, "two": TASK},
)  # fmt: skip
SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DyingStore]:
    with DyingStore.open(f"sqlite:///{tmp_path_factory.mktemp('reports') / 'store.db'}") as opened:
        yield opened


def improving(point: Point, ref: ItemRef) -> float:
    """Searched points do better on task one, and on task two a little worse than the base."""
    plain = len(set(point.values)) == 1 or all(value in (0.0, 1.0) for value in point.values)
    chance = {"one": 0.3 if plain else 0.9, "two": 0.8 if plain else 0.7}[ref.task]
    return float(uniform(ref.item) < chance)


def new(store: Store, problem: FakeProblem, name: str) -> Experiment:
    data = spec_data(problem.search)
    spec = {
        **data,
        "tasks": [task | ({"domain": "helpful"} if task["name"] == "one" else {}) for task in data["tasks"]],
        "name": name,
        "base_model": {"model": "models/base"},
        "models": {f"m{number}": {"model": f"models/m{number}"} for number in range(2)},
        "merge": {"method": "task_arithmetic", "granularity": "global"},
    }
    resolved = {
        "genes": ["a", "b", "c"],
        "tasks": {task: {"config_hash": f"{task} of {name}"[:16]} for task in ("one", "two")},
        "versions": {"python": "3"},
    }
    return store.create_experiment(spec, "/", resolved)


def finish(store: Store, problem: FakeProblem, name: str = "fake") -> Experiment:
    experiment = new(store, problem, name)
    drive(store, experiment.id, problem)
    store.release_driver(experiment.id, ExperimentState.FINISHED)
    return store.get_experiment(experiment.id)


@pytest.fixture(scope="module")
def experiment(store: DyingStore) -> Experiment:
    return finish(store, FakeProblem(search_spec(algorithm="pycma"), score=improving, provenance=KNOWN))


@pytest.fixture(scope="module")
def document(store: DyingStore, experiment: Experiment) -> Document:
    return build_document(store, experiment)


def fixed(document: Document) -> Document:
    """The report without what differs from run to run."""
    subject = replace(document.subject, id="abcd2345", created_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    return replace(document, subject=subject, cost=replace(document.cost, hours=0.25))


@pytest.mark.parametrize("format", ReportFormat)
def test_the_report_reads_as_it_did(document: Document, format: ReportFormat) -> None:
    """With EVOMERGE_SNAPSHOTS=write the files are made anew, for the diff to be read."""
    text = render(fixed(document), format)
    path = SNAPSHOTS / f"report.{format.value}"
    if os.environ.get("EVOMERGE_SNAPSHOTS") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_scores_and_their_errors_agree_with_scipy(
    store: DyingStore, experiment: Experiment, document: Document
) -> None:
    for row in document.rows:
        candidate = store.candidate(experiment.id, row.number)
        items = store.items(experiment.id, Split.TEST, candidate_id=candidate.id)
        for task, score in row.tasks.items():
            values = [one.score for one in items if one.task == task]
            assert (score.mean, score.items) == (pytest.approx(np.mean(values)), len(values))
            assert score.stderr == pytest.approx(stats.sem(values))
        errors = {task: score.stderr or 0.0 for task, score in row.tasks.items()}
        assert row.overall.stderr == pytest.approx(math.hypot(2 * errors["one"], errors["two"]) / 3)
        assert row.overall.items == len(items) == 30


def test_comparisons_count_items_and_are_corrected_together(document: Document) -> None:
    others = [row.label for row in document.rows if row.role != "merge"]
    overall = [one for one in document.versus if one.task is None]
    single = [one for one in document.versus if one.task is not None]
    assert [one.against for one in overall] == others
    assert [(one.against, one.task) for one in single] == [(label, task) for label in others for task in ("one", "two")]
    for one in single:
        exact = stats.binomtest(one.wins, one.wins + one.losses).pvalue if one.wins + one.losses else 1.0
        assert one.p == pytest.approx(exact, abs=0.02)
        assert one.wins + one.losses + one.ties == 15
    smallest = min(single, key=lambda one: one.p)
    assert smallest.adjusted_p == pytest.approx(min(1.0, len(single) * smallest.p))


def test_forgetting_is_the_base_minus_the_merge_where_no_expert_is_better(document: Document) -> None:
    rows = {row.role: row for row in document.rows}
    found = {one.task: one for one in document.forgetting}
    for task, one in found.items():
        assert one.forgotten == pytest.approx(rows["base"].tasks[task].mean - rows["merge"].tasks[task].mean)
        assert one.low <= one.forgotten <= one.high and one.of_the_base
        assert one.retained == pytest.approx(one.merge / one.base)
    assert document.mean_forgetting == pytest.approx(np.mean([one.forgotten for one in found.values()]))
    best = {one.task: one.score for one in document.denominators}
    merge = next(one for one in document.normalized if one.role == "merge")
    assert merge.tasks["one"] == pytest.approx(rows["merge"].tasks["one"].mean / best["one"])


def test_without_a_denominator_nothing_is_divided(document: Document) -> None:
    none = {"tasks": {"one": None, "two": None}, "mean": None, "lowest": None, "harmonic": None}
    bare = replace(document, normalized=tuple(replace(one, **none) for one in document.normalized))
    for format in (ReportFormat.MARKDOWN, ReportFormat.HTML):
        assert "No expert scores 0.05 on any task" in render(bare, format)
        assert "No expert scores 0.05" not in render(document, format)


def test_json_is_the_document_and_reads_back(document: Document) -> None:
    text = render(document, ReportFormat.JSON)
    assert TypeAdapter(Document).validate_json(text) == document
    data = plain(document) | {"of_a_later_version": 1}
    assert TypeAdapter(Document).validate_python(data) == document
    broken = replace(document, generalisation_gap=math.nan)
    assert json.loads(render(broken, ReportFormat.JSON))["generalisation_gap"] is None


class Tags(html.parser.HTMLParser):
    """Collects elements and checks that they close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


ATTACK = '<script>alert(1)</script>|<img src=x onerror="alert(2)">[x](javascript:alert(3))`&lt;'


def test_nothing_that_others_wrote_is_markup(document: Document) -> None:
    row = replace(document.rows[-1], label=ATTACK)
    attacked = replace(
        document,
        subject=replace(document.subject, name=ATTACK, models={ATTACK: ATTACK}),
        rows=(*document.rows[:-1], row),
        notes=(ATTACK,),
        warnings=(ATTACK,),
        verdict=ATTACK,
        winner=ATTACK,
    )
    tags = Tags(render(attacked, ReportFormat.HTML)).seen
    assert not {tag for tag, _ in tags} & {"script", "img", "a", "iframe", "link", "form"}
    assert not [
        name for _, attributes in tags for name in attributes if name.startswith("on") or name in ("src", "href")
    ]
    markdown = render(attacked, ReportFormat.MARKDOWN)
    for live in ("<script", "<img", "[x]", 'alert(2)">'):
        assert live not in markdown.replace("\\" + live[0], "")
    rows = [line for line in markdown.splitlines() if line.startswith("| ") and "alert" in line and "merge" in line]
    assert {line.replace("\\|", "").count("|") for line in rows} == {8}


def test_mixed_provenance_is_the_first_thing_that_is_said(store: DyingStore) -> None:
    problem = FakeProblem(search_spec(algorithm="pycma"), score=improving, provenance=KNOWN)
    experiment = finish(store, problem, "mixed")
    found = build_document(store, experiment)
    assert found.warnings == ()
    other = replace(KNOWN, dtype="float32", engine="fake 2")
    merge = store.candidate(experiment.id, found.rows[-1].number)
    rewrite_provenance(store, merge.id, other)
    (warning,) = build_document(store, experiment).warnings
    assert (
        "base and best merge differ in provenance: engine (fake 1 and fake 2); dtype (bfloat16 and float32)" in warning
    )


def rewrite_provenance(store: DyingStore, candidate: int, provenance: Provenance) -> None:
    """Make a candidate's test scores those of another machine, as an old store could hold them."""
    from sqlalchemy import insert, update

    from experiments.records import EvaluationRecord, ProvenanceRecord

    with store._write_engine.begin() as connection:
        connection.execute(insert(ProvenanceRecord).values(digest=provenance.digest, data=provenance.to_dict()))
        mine = (EvaluationRecord.candidate_id == candidate, EvaluationRecord.split == Split.TEST)
        connection.execute(update(EvaluationRecord).where(*mine).values(provenance=provenance.digest))


def test_scores_from_the_store_are_counted_as_saved(store: DyingStore, experiment: Experiment) -> None:
    again = build_document(
        store, finish(store, FakeProblem(search_spec(algorithm="pycma"), score=improving, provenance=KNOWN), "again")
    )
    # Three parents on the search and the test items, and whichever of them raced.
    assert again.cost.copied_evaluations >= 6 and again.cost.copied_scores >= 3 * (24 + 30)
    assert again.rows == build_document(store, experiment).rows
    assert again.test_uses >= 2


def test_an_unfinished_experiment_says_what_is_missing(store: DyingStore) -> None:
    experiment = new(store, FakeProblem(search_spec(algorithm="pycma")), "unfinished")
    found = build_document(store, experiment)
    assert (found.rows, found.versus, found.winner, found.verdict) == ((), (), None, None)
    assert found.reason == "The experiment is created and has no test scores of a merge and another model."
    assert found.contamination.reason == "No item has a recorded text: an older version ran the experiment."
    for format in (ReportFormat.MARKDOWN, ReportFormat.HTML):
        assert found.reason in render(found, format)


def test_items_that_splits_share_are_found_through_the_recorded_texts(store: DyingStore) -> None:
    class Leaky(FakeProblem):
        def texts(self) -> list[Any]:
            found = super().texts()
            return [replace(one, prompt="the very same question") if one.item.endswith("9") else one for one in found]

    experiment = finish(store, Leaky(search_spec(algorithm="pycma"), score=improving), "leaky")
    found = {(one.earlier, one.later): one for one in build_document(store, experiment).contamination.overlaps}
    assert found["search", "test"].exact == 3  # test9, test19, test29
    assert found["search", "test"].examples[0].text == "the very same question"


def test_without_other_splits_there_is_nothing_to_share(store: DyingStore) -> None:
    sizes = {Split.SEARCH: 24, Split.SELECTION: 0, Split.TEST: 0}
    found = build_document(store, finish(store, FakeProblem(search_spec(algorithm="pycma"), sizes=sizes), "searched"))
    assert (found.contamination.overlaps, found.contamination.reason) == ((), "Only search items have been scored.")
    assert [*found.gap] == ["search"] and found.generalisation_gap is None and found.rows == ()


def test_the_report_needs_neither_tensors_nor_a_cluster() -> None:
    import subprocess
    import sys

    code = (
        "import sys, optimizer.reporting.build, optimizer.reporting.render\n"
        "print([name for name in ('torch', 'ray', 'vllm', 'transformers', 'lm_eval') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_scores_of_one_item_have_no_standard_error(document: Document) -> None:
    lonely = Score(0.5, None, 0.0, 1.0, 1)
    row = replace(document.rows[0], overall=lonely)
    assert "| 0.500 | 0.000 to 1.000 |" in render(
        replace(document, rows=(row, *document.rows[1:])), ReportFormat.MARKDOWN
    )


def test_what_is_better_when_less_can_be_forgotten_too() -> None:
    def items(score: float) -> list[ItemScore]:
        return [ItemScore("loss", f"{number:016x}", score - number / 100, None, None) for number in range(20)]

    scored = {"base": items(-2.0), "merge": items(-2.5)}
    report = build_report(scored, {"base": "base", "merge": "merge"}, {"loss": 1.0})
    (lost,) = forgetting(report, scored, versus(report, scored, {"loss": 1.0}))
    assert lost.forgotten == pytest.approx(0.5) and lost.retained is None and lost.of_the_base
