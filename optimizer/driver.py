"""The driver: asks, dispatches, records and tells, with no barrier between candidates.

Everything is a row in the store before it is acted on, so a driver that is killed anywhere is replaced by a new one
that replays the ledger and goes on with the same next ask.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from evals.fitness import fitness
from evomerge.errors import EvomergeError, Interrupted
from experiments.entities import Candidate
from experiments.states import CandidateKind, Split
from merging.recipe import Recipe
from optimizer.finals import ReportRow, choose_finalists, choose_winner, ranked, report_rows
from optimizer.journal import Journal
from optimizer.pool import Job, Outcome, WorkerPool
from optimizer.preflight import Plan, algorithm_name, popsize
from optimizer.progress import Phase
from optimizer.replay import replay
from optimizer.search import GREEDY_SOUP, NevergradSearch, Search, Vector
from optimizer.soup import GreedySoup
from optimizer.space import Genome
from optimizer.watch import Watch

# A candidate that takes three workers down with it is the cause, not the victim.
MAX_LOSSES = 3
_POLL_S = 0.5

NextCandidate = Callable[[], Candidate | None]
Tell = Callable[[int, float | None], None]


@dataclass(frozen=True)
class RunResult:
    """What a finished run decided: the winner's number and the candidates compared on the test split."""

    experiment: str
    winner: int
    rows: tuple[ReportRow, ...]


class Driver:
    """Drives one experiment from its present record to its end."""

    def __init__(self, journal: Journal, plan: Plan, watch: Watch, stop: threading.Event) -> None:
        self._journal = journal
        self._plan = plan
        self._watch = watch
        self._stop = stop
        self._losses: Counter[tuple[int, Split]] = Counter()
        self._pool: WorkerPool

    def run(self) -> RunResult:
        """Score the baselines, search, select and test; the experiment must be claimed.

        Raises:
            Interrupted: ``stop`` was set; the run can be resumed.
            EngineError: no worker can be started; the run can be resumed.
            InvalidInput: a model or task turned out to be unusable.
        """
        self._pool = WorkerPool(self._plan.worker, self._plan.spec.workers.count)
        try:
            self._score_baselines()
            self._run_search()
            return self._decide()
        finally:
            self._pool.close()

    def _score_baselines(self) -> None:
        journal = self._journal
        for baseline in self._plan.baselines[len(journal.of_kind(CandidateKind.BASELINE)) :]:
            journal.ask(CandidateKind.BASELINE, baseline.label, baseline.recipe, None)
        self._evaluate(journal.of_kind(CandidateKind.BASELINE), Split.SEARCH, "baselines")
        plain = journal.of_kind(CandidateKind.BASELINE)
        if not ranked(plain):
            reasons = sorted({one.reason for one in plain if one.reason})
            raise EvomergeError(f"not one parent or plain merge could be scored: {'; '.join(reasons)}")

    def _run_search(self) -> None:
        journal = self._journal
        genome = self._starting_genome()
        search = self._new_search(genome)
        proposals = replay(search, journal.ledger(), journal.candidates)
        pending = deque(sorted(proposals))

        def next_candidate() -> Candidate | None:
            if pending:
                return journal.candidates[pending.popleft()]
            if self._budget_spent():
                return None
            proposal = search.ask()
            if proposal is None:
                return None
            number = len(journal.candidates)
            proposals[number] = proposal
            recipe = genome.decode(proposal.point)
            return journal.ask(CandidateKind.SEARCH, f"candidate {number}", recipe, proposal.point)

        def tell(number: int, value: float | None) -> None:
            search.tell(proposals.pop(number), value)

        self._watch.begin("search", self._plan.spec.search.budget.evaluations, journal.num_closed(Split.SEARCH))
        self._loop(next_candidate, Split.SEARCH, tell)
        self._score_center(genome, search.center())

    def _starting_genome(self) -> Genome:
        """Start at the best plain merge that the genome can express, unless the spec says where."""
        genome = self._plan.genome
        if self._plan.start_is_given:
            return genome
        for candidate in ranked(self._journal.of_kind(CandidateKind.BASELINE)):
            recipe = Recipe.from_dict(candidate.recipe)
            if genome.values(recipe) is not None:
                self._journal.decide("search_start", {"number": candidate.number, "label": candidate.label})
                return genome.centered_on(recipe)
        return genome

    def _new_search(self, genome: Genome) -> Search:
        spec = self._plan.spec
        if spec.search.algorithm == GREEDY_SOUP:
            return GreedySoup(genome, self._expert_scores())
        return NevergradSearch(
            algorithm_name(spec),
            genome.dimension,
            seed=spec.search.seed,
            evaluations=spec.search.budget.evaluations,
            workers=spec.workers.count,
            popsize=popsize(spec),
        )

    def _expert_scores(self) -> dict[str, float]:
        scored = {one.recipe_digest: one.fitness for one in ranked(self._journal.of_kind(CandidateKind.BASELINE))}
        experts = [one for one in self._plan.baselines if one.role == "expert"]
        found = {one.label.removeprefix("expert "): scored.get(one.recipe.digest()) for one in experts}
        scores = {name: fitness for name, fitness in found.items() if fitness is not None}
        if not scores:
            raise EvomergeError("not one expert could be scored, so there is nothing to make a soup of")
        return scores

    def _budget_spent(self) -> bool:
        journal, budget = self._journal, self._plan.spec.search.budget
        if journal.of_kind(CandidateKind.MEAN):
            return True
        # The last evaluation belongs to the mean of the search distribution.
        if budget.evaluations is not None and len(journal.candidates) >= budget.evaluations - 1:
            return True
        if budget.generated_tokens is not None and journal.generated_tokens >= budget.generated_tokens:
            return True
        return budget.hours is not None and journal.seconds_spent >= budget.hours * 3600

    def _score_center(self, genome: Genome, center: Vector) -> None:
        journal = self._journal
        recipe = genome.decode(center)
        if not journal.of_kind(CandidateKind.MEAN):
            # Algorithms without a distribution recommend a sample, which is a candidate already.
            if any(one.recipe_digest == recipe.digest() for one in journal.candidates.values()):
                return
            journal.ask(CandidateKind.MEAN, "mean of the search", recipe, center)
        self._evaluate(journal.of_kind(CandidateKind.MEAN), Split.SEARCH, "search")

    def _decide(self) -> RunResult:
        journal = self._journal
        everyone = list(journal.candidates.values())
        finalists = choose_finalists(everyone, self._plan.spec.search.finalists)
        journal.decide("finalists", {"numbers": [one.number for one in finalists]})
        self._evaluate(finalists, Split.SELECTION, "selection")
        selection = {number: value for (number, split), value in journal.fitness.items() if split is Split.SELECTION}
        winner = choose_winner(finalists, selection)
        journal.decide("winner", {"number": winner.number, "selection_fitness": selection[winner.number]})
        rows = tuple(report_rows(everyone, self._plan.baselines, finalists, selection))
        journal.decide("report_rows", {"rows": [asdict(row) for row in rows]})
        self._evaluate([journal.candidates[row.number] for row in rows], Split.TEST, "test")
        return RunResult(journal.id, winner.number, rows)

    def _evaluate(self, candidates: Iterable[Candidate], split: Split, phase: Phase) -> None:
        """Score the candidates that the split still misses."""
        everyone = list(candidates)
        waiting = deque(one for one in everyone if (one.number, split) not in self._journal.closed)
        if phase != "search":
            self._watch.begin(phase, len(everyone), len(everyone) - len(waiting))
        self._loop(lambda: waiting.popleft() if waiting else None, split, lambda number, value: None)

    def _loop(self, next_candidate: NextCandidate, split: Split, tell: Tell) -> None:
        """Keep every worker busy until ``next_candidate`` runs dry and everything in flight is recorded."""
        again: deque[Candidate] = deque()
        exhausted = False
        while not (exhausted and not again and self._pool.num_running == 0):
            if self._stop.is_set():
                raise Interrupted("stopped on request")
            self._journal.beat()
            while (worker := self._pool.next_worker) is not None:
                candidate = again.popleft() if again else next_candidate()
                exhausted = candidate is None
                if candidate is None:
                    break
                self._journal.started(candidate, split, worker)
                self._pool.submit(Job(candidate.number, Recipe.from_dict(candidate.recipe), split.value))
            outcome = self._pool.wait(_POLL_S)
            if outcome is not None and not self._settle(outcome, split, tell):
                again.append(self._journal.candidates[outcome.job.candidate])

    def _settle(self, outcome: Outcome, split: Split, tell: Tell) -> bool:
        """Record how a job ended and tell the search; return False where the candidate must be asked again."""
        candidate = self._journal.candidates[outcome.job.candidate]
        reason = outcome.reason or ""
        if outcome.kind == "lost":
            self._journal.lost(candidate, split, reason)
            self._losses[candidate.number, split] += 1
            if self._losses[candidate.number, split] < MAX_LOSSES:
                self._watch.say(f"{candidate.label}: {reason}; it is scored again")
                return False
            reason = f"it took {MAX_LOSSES} workers down: {reason}"
        value: float | None = None
        if outcome.result is None:
            self._journal.infeasible(candidate, split, reason)
            self._watch.say(f"{candidate.label} is infeasible: {reason}")
        else:
            weight = self._plan.spec.search.reference_weight
            value = fitness(outcome.result.items, self._plan.task_weights, weight).value
            self._journal.done(candidate, split, outcome.result, value)
            self._watch.scored(candidate, split, outcome.result.items, value)
        tell(candidate.number, value)
        return True
