"""The driver: baselines, search, race, test. Everything is a row in the store before it is acted on.

A driver that is killed anywhere is replaced by a new one that repeats the record and goes on with the same next ask.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property

from evomerge.errors import EvomergeError
from experiments.entities import Candidate
from experiments.spec_search import BudgetSpec
from experiments.states import CandidateKind, Split
from optimizer.comparing import ModelComparison
from optimizer.constraints import Floor, breaches, choose_floors, floor_values
from optimizer.design import (
    Design,
    build_search,
    choose_design,
    estimate,
    prior_from_dict,
    prior_to_dict,
    search_setting,
)
from optimizer.dispatch import Dispatcher
from optimizer.finals import PROPOSED, ReportRow, choose_finalists, ranked, report_rows
from optimizer.front import draw_front
from optimizer.injections import Injections
from optimizer.jobs import Pool, Work
from optimizer.journal import Journal
from optimizer.problem import Problem, Space, Start
from optimizer.race import Race
from optimizer.replay import RecordedSearch
from optimizer.screening import Screening
from optimizer.search.interface import Prior, Vector
from optimizer.stand_ins import Screener
from optimizer.watch import Watch


@dataclass(frozen=True)
class RunResult:
    """What a finished run decided: the winner's number and the candidates compared on the test split."""

    experiment: str
    winner: int
    rows: tuple[ReportRow, ...]


class Driver:
    """Drives one experiment from its present record to its end."""

    def __init__(self, journal: Journal, problem: Problem, watch: Watch, stop: threading.Event) -> None:
        self._journal = journal
        self._problem = problem
        self._watch = watch
        self._stop = stop
        self._table = journal.tables[Split.SEARCH]
        self._injections = Injections(journal, problem)
        self._pool: Pool
        self._dispatcher: Dispatcher

    def run(self) -> RunResult:
        """Score the baselines, search, race and test; the experiment must be claimed.

        Raises:
            Interrupted: ``stop`` was set; the run can be resumed.
            EngineError: no worker can be started; the run can be resumed.
            InvalidInput: a model or task turned out to be unusable.
        """
        self._pool = pool = self._problem.open_pool(self._watch.say)
        self._dispatcher = Dispatcher(self._journal, self._problem, pool, self._watch, self._stop)
        # While the workers start.
        comparison = ModelComparison(self._journal, self._problem, self._stop)
        try:
            self._journal.keep_texts(self._problem.texts())
            self._score_baselines()
            comparison.record()
            return self._decide(self._run_search())
        finally:
            comparison.close()
            pool.close()

    def _score_baselines(self) -> None:
        journal = self._journal
        for baseline in self._problem.baselines[len(self._plain) :]:
            journal.ask(CandidateKind.BASELINE, baseline.label, baseline.recipe, None)
        works = [Work(one.number, Split.SEARCH) for one in self._plain]
        count = self._table.items.count
        self._watch.begin("baselines", count * len(works), count * len(self._journal.closed & {*works}))
        self._dispatcher.score(works)
        if not ranked(self._plain):
            reasons = sorted({one.reason for one in self._plain if one.reason})
            raise EvomergeError(f"not one parent or plain merge could be scored: {'; '.join(reasons)}")

    def _run_search(self) -> str:
        """Search until the budget is spent, score the search's center, and return its digest."""
        start = self._start()
        prior = self._prior(start)
        design = self._design(start, prior)
        self._table.frame(design.blocks(self._table.items, self._problem.search.seed), self._floor_values)
        setting = search_setting(
            self._problem.search,
            start.space,
            self._table,
            spent=self._reserved(design),
            workers=self._problem.num_workers * self._dispatcher.width,
            prior=prior,
        )
        screening = self._screening(start.space)
        built = build_search(design, setting, self._expert_scores(), screened=screening is not None)
        search = RecordedSearch(built, start.space, self._journal, screening)
        self._watch.begin("search", self._limit, self._num_scored())
        self._search(search, lambda: self._is_spent(search, design, screening))
        # What was proposed while the last jobs ran.
        self._journal.heed()
        self._dispatcher.run(self._injections.next, search.tell)
        return self._score_center(start, search)

    def _search(self, search: RecordedSearch, spent: Callable[[], bool]) -> None:
        """Have scored what the search asks for, and candidates chosen where it waits for that, until all is spent."""
        resumed = [*search.open, *self._injections.open()]
        while True:
            self._dispatcher.run(
                lambda: self._injections.next() or (None if spent() else search.ask()),
                search.tell,
                resumed=resumed,
                joins=not search.stopped_telling,
            )
            if spent() or not search.fill():
                return
            resumed = []

    def _start(self) -> Start:
        start = self._problem.start(ranked(self._plain))
        if start.source is not None:
            source = {"number": start.source.number, "label": start.source.label}
            self._journal.decide("search_start", source)
        return start

    def _prior(self, start: Start) -> Prior | None:
        """Choose a prior once; a resumed run searches with the recorded one."""
        if "prior" not in self._journal.decisions:
            prior, reason = self._problem.prior(start, self._journal.store, self._journal.id)
            recorded = None if prior is None else prior_to_dict(prior)
            self._journal.decide("prior", {"prior": recorded, "reason": reason})
        recorded = self._journal.decisions["prior"]["prior"]
        self._watch.note(f"prior: {self._journal.decisions['prior']['reason']}")
        return None if recorded is None else prior_from_dict(recorded)

    def _design(self, start: Start, prior: Prior | None) -> Design:
        if "search" not in self._journal.decisions:
            setting = search_setting(
                self._problem.search,
                start.space,
                self._table,
                spent=self._table.items.count * len(self._problem.baselines),
                workers=self._problem.num_workers * self._dispatcher.width,
                prior=prior,
            )
            self._journal.decide("search", choose_design(self._problem.search, setting).to_dict())
        design = Design(**self._journal.decisions["search"])
        self._watch.note(f"search: {design.sentence()}")
        return design

    def _screening(self, space: Space) -> Screening | None:
        spec = self._problem.search.screening
        if spec is None:
            return None
        screener = Screener(self._pool, space, self._table, self._dispatcher.heed)
        return Screening(spec, self._journal, screener, self._watch)

    def _expert_scores(self) -> dict[str, float]:
        scored = {one.recipe_digest: one.fitness for one in ranked(self._plain)}
        experts = [one for one in self._problem.baselines if one.role == "expert"]
        found = {one.label.removeprefix("expert "): scored.get(one.recipe.digest()) for one in experts}
        return {name: fitness for name, fitness in found.items() if fitness is not None}

    @property
    def _plain(self) -> list[Candidate]:
        return self._journal.of_kind(CandidateKind.BASELINE)

    @property
    def _budget(self) -> BudgetSpec:
        return self._journal.budget(self._problem.search.budget)

    @property
    def _limit(self) -> int | None:
        return self._budget.item_limit(self._table.items.count)

    def _reserved(self, design: Design) -> int:
        """Items of the budget that are not the search's: those of the baselines and of a center that we score."""
        return self._table.items.count * (len(self._problem.baselines) + (not design.scores_center))

    def _num_scored(self) -> int:
        closed = [work for work in self._journal.closed if work.split is Split.SEARCH]
        return sum(len(self._table.positions(work.block)) for work in closed)

    @cached_property
    def _floors(self) -> list[Floor]:
        constraints = self._problem.search.constraints
        roles = {one.recipe.digest(): one.role for one in self._problem.baselines}
        parents = {
            one.number: (one.label, roles[one.recipe_digest])
            for one in ranked(self._plain)
            if roles.get(one.recipe_digest) in ("base", "expert")
        }
        base = next((number for number, (_, role) in parents.items() if role == "base"), None)
        if not constraints:
            return []
        if base is None:
            raise EvomergeError(
                "the base could not be scored, so nothing can be held against it: see search.constraints"
            )
        labels = {number: label for number, (label, _) in parents.items()}
        return choose_floors(constraints, self._table, base, labels)

    @cached_property
    def _floor_values(self) -> Vector | None:
        return floor_values(self._floors, self._table)

    def _is_spent(self, search: RecordedSearch, design: Design, screening: Screening | None) -> bool:
        journal, budget = self._journal, self._budget
        # A budget of hours can look open again after a resume; what comes after the search is under way all the same.
        if journal.of_kind(CandidateKind.MEAN) or "finalists" in journal.decisions:
            return True
        largest = max(len(block) for block in self._table.items.blocks)
        if self._limit is not None and self._reserved(design) + search.asked_items + largest > self._limit:
            return True
        tokens = journal.generated_tokens + (0 if screening is None else screening.generated_tokens)
        if budget.generated_tokens is not None and tokens >= budget.generated_tokens:
            return True
        return budget.hours is not None and journal.seconds_spent >= budget.hours * 3600

    def _score_center(self, start: Start, search: RecordedSearch) -> str:
        journal, center = self._journal, search.center()
        subject = start.space.decode(center)
        digest = subject.digest()
        # Algorithms without a distribution recommend a sample, which is a candidate already.
        known = any(one.recipe_digest == digest for one in journal.candidates.values())
        spent = len(self._problem.baselines) * self._table.items.count + search.asked_items
        affordable = self._limit is None or spent + self._table.items.count <= self._limit
        if affordable and not known:
            journal.ask(CandidateKind.MEAN, "mean of the search", subject, center)
        self._dispatcher.score(Work(one.number, Split.SEARCH) for one in journal.of_kind(CandidateKind.MEAN))
        return digest

    def _decide(self, center_digest: str) -> RunResult:
        journal = self._journal
        everyone = list(journal.candidates.values())
        finalists = self._finalists(everyone, center_digest)
        race = Race(journal, self._problem, self._dispatcher, self._watch, self._floors)
        verdict = race.run(finalists)
        plain = next((one.number for one in finalists if one.kind is CandidateKind.BASELINE), None)
        rows = tuple(report_rows(everyone, self._problem.baselines, verdict.merge, plain))
        journal.decide("report_rows", {"rows": [asdict(row) for row in rows]})
        if self._problem.items[Split.TEST]:
            self._watch.begin("test", len(rows) * len(self._problem.items[Split.TEST]))
            self._dispatcher.score(Work(row.number, Split.TEST) for row in rows)
        return RunResult(journal.id, verdict.winner, rows)

    def _finalists(self, everyone: list[Candidate], center_digest: str) -> list[Candidate]:
        """Choose who races, leaving out whoever is below a floor on the search items as long as others are not."""
        scored = [one.number for one in ranked(everyone)]
        estimates = estimate(self._problem.search.estimator, self._table, scored)
        below = {number: found for number in scored if (found := breaches(self._floors, self._table, number))}
        allowed = [one for one in everyone if one.number not in below] or everyone
        means = {number: mean for number, (mean, _) in estimates.items()}
        count = self._problem.search.finalists
        preferred = self._representatives(allowed, count) if self._problem.search.objectives == "pareto" else None
        finalists = choose_finalists(allowed, means, center_digest, count, preferred)
        decided = self._journal.decide(
            "finalists",
            {
                "numbers": [one.number for one in finalists],
                "estimates": {str(one.number): estimates[one.number] for one in finalists},
                "below_floors": len(below),
            },
        )
        return [self._journal.candidates[number] for number in decided["numbers"]]

    def _representatives(self, allowed: list[Candidate], count: int) -> list[int]:
        """Return who stands for the front of the searched candidates."""
        searched = sorted(one.number for one in ranked(allowed) if one.kind in PROPOSED)
        return draw_front(self._problem.search.estimator, self._table, searched).representatives(count)
