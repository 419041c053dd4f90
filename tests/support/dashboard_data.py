"""A store for the dashboard: experiments that run, are finished, are broken, and one of 50,000 candidates."""

from __future__ import annotations

import math
import random
from datetime import timedelta

from seeded import merge_spec
from sqlalchemy import text

from evals.report import build_report
from evals.tasks import ItemScore
from experiments.entities import Experiment
from experiments.states import CandidateKind, ExperimentState, Split, Wanted
from experiments.store import Store
from experiments.texts import StoredText

TASKS = {"arithmetic_json": 2.0, "capitals": 1.0, "word_problems": 1.0}
MODELS = ("arithmetic", "json", "french")
SLOTS = [f"blocks {first}-{first + 5} {module}" for first in range(0, 30, 6) for module in ("attention", "mlp")]
GENES = [f"weight {model} {slot}" for model in MODELS for slot in SLOTS]
EXPERTS = tuple(f"expert {model}" for model in MODELS)
BASELINES = ("base", *EXPERTS, "uniform mean", "task arithmetic 0.7")
SPLITS = {Split.SEARCH: 32, Split.SELECTION: 30, Split.TEST: 60}
BLOCKS = 4
# Whatever people and models may write must be shown as text.
XSS = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\'"&'


def seed_all(store: Store, large: int = 50_000) -> dict[str, Experiment]:
    """Fill a store; returns its experiments by what they are."""
    made = {
        "finished": drive(store, "json-math", candidates=240, end=ExperimentState.FINISHED),
        "running": drive(store, "keep-both", candidates=90),
        "failed": drive(store, "gone-wrong", candidates=12, end=ExperimentState.FAILED, error=f"worker died: {XSS}"),
        "waiting": new(store, "waiting", owner=XSS[:64]),
    }
    if large:
        made["large"] = drive_large(store, large)
    return made


def new(store: Store, name: str, evaluations: int = 120, owner: str = "ada") -> Experiment:
    """Create an experiment that waits for its driver."""
    tasks = [
        {"task": f"tasks/{task}.yaml", "metric": "exact_match", "weight": weight, "splits": {"search": 32}}
        for task, weight in TASKS.items()
    ]
    models = {model: f"experts/{model}" for model in MODELS}
    search = {"budget": {"evaluations": evaluations}}
    spec = merge_spec(name=name, tasks=tasks, models=models, search=search)
    resolved = {
        "genes": GENES,
        "inputs": {"models": {}},
        "models": {model: {"path": f"/models/{model}", "revision": None} for model in ("base", *MODELS)},
        "slots": SLOTS,
        "tasks": {task: _task(task) for task in TASKS},
        "worker_cpus": 2,
        "versions": {"evomerge": "0.1.0", "torch": "2.13.0", "vllm": "0.32.0"},
    }
    return store.create_experiment(spec, "/models", resolved, owner=owner, wanted=Wanted.RUN)


def _task(task: str) -> dict[str, object]:
    return {
        "source": f"/tasks/{task}.yaml",
        "config_hash": f"{hash_of(task, Split.SEARCH, -1):016x}",
        "lm_eval": "0.4.13",
        "metric": "exact_match",
        "weight": TASKS[task],
        "seed": 0,
        "items": {split.value: size for split, size in SPLITS.items()},
        "items_hash": {split.value: f"{hash_of(task, split, -2):016x}" for split in SPLITS},
    }


def _texts() -> list[StoredText]:
    """Return what every item asks; one in seven prompts is hostile."""
    return [
        StoredText(
            source=str(_task(task)["config_hash"]),
            item=f"{hash_of(task, split, place):016x}",
            prompt=f"Question {place} of {task}: how much is {place} + {place}?\nAnswer in JSON." if place % 7 else XSS,
            reference=f'{{"answer": {2 * place}}}',
            choices=("Paris", "Rome", XSS) if task == "capitals" else None,
            truncated=False,
        )
        for task in TASKS
        for split, size in SPLITS.items()
        for place in range(size)
    ]


def drive(
    store: Store, name: str, *, candidates: int, end: ExperimentState | None = None, error: str | None = None
) -> Experiment:
    """Create an experiment and drive it as a search would: better and better, with noise, losses and failures."""
    experiment = new(store, name)
    store.claim_driver(experiment.id)
    draw = random.Random(name)
    store.record_texts(experiment.id, _texts())
    with store.together():
        for number in range(candidates):
            _candidate(store, experiment, number, candidates, draw)
    design = {"algorithm": "merge-cma", "options": {"popsize": 8}, "block_size": 24, "reason": "weights are searched"}
    store.record_decision(experiment.id, "search", design)
    store.extend(experiment.id, {"evaluations": 200}, by="ada")
    if end is ExperimentState.FINISHED:
        _finals(store, experiment, draw)
    if end is not None:
        store.release_driver(experiment.id, end, error=error)
    _spread(store, experiment, minutes=95)
    return store.get_experiment(experiment.id)


def _candidate(store: Store, experiment: Experiment, number: int, total: int, draw: random.Random) -> None:
    baseline = number < len(BASELINES)
    kind = CandidateKind.BASELINE if baseline else CandidateKind.SEARCH
    if number == 20:
        kind = CandidateKind.INJECTED
    progress = number / max(total, 60)
    vector = [draw.gauss(0.8 * progress * math.sin(i), 0.6 * (1 - progress) + 0.1) for i in range(len(GENES))]
    candidate = store.record_ask(
        experiment.id,
        number=number,
        kind=kind,
        label=BASELINES[number] if baseline else XSS if kind is CandidateKind.INJECTED else "",
        vector=vector if kind is CandidateKind.SEARCH else None,
        recipe=_recipe(vector),
        digest=f"{number:064x}",
        block=None if baseline else 0,
    )
    chance = 0.1 + 0.04 * number if baseline else 0.3 + 0.5 * math.sqrt(progress) + draw.gauss(0, 0.05)
    done = BLOCKS if baseline or draw.random() < 0.4 else draw.randint(1, BLOCKS)
    for block in range(done):
        if block and not baseline:
            store.record_ask_again(candidate.id, block=block)
        if not _evaluate(store, candidate.id, number, Split.SEARCH, block, chance, draw):
            return


def _evaluate(
    store: Store, candidate: int, number: int, split: Split, block: int, chance: float, draw: random.Random
) -> bool:
    worker = f"gpu-node-{number % 2}:{number % 4}"
    attempt = store.record_started(candidate, split, worker=worker, block=block)
    if draw.random() < 0.02:
        store.record_lost(candidate, split, "the worker's node is gone", block=block)
        attempt = store.record_started(candidate, split, worker=worker, block=block)
    if number > 10 and draw.random() < 0.01:
        store.record_infeasible(candidate, split, f"NaN in the weights of {XSS}", block=block, attempt=attempt)
        return False
    items = scored(split, block, chance, draw)
    store.record_result(
        candidate,
        split,
        items,
        block=block,
        attempt=attempt,
        fitness=sum(TASKS[one.task] * one.score for one in items) / sum(TASKS[one.task] for one in items),
        timings_s={"apply": 0.04 + 0.02 * draw.random(), "write": 0.03, "score": 1.5 + draw.random()},
        prompt_tokens=1800,
        generated_tokens=240,
    )
    return True


def scored(split: Split, block: int, chance: float, draw: random.Random) -> list[ItemScore]:
    """Return the items of a block, or of a whole split."""
    size = SPLITS[split]
    places = range(size) if split is not Split.SEARCH else range(block, size, BLOCKS)
    found = []
    for task in TASKS:
        for place in places:
            right = draw.random() < min(max(chance, 0.02), 0.97)
            said = f'{{"answer": {2 * place + (not right)}}}'
            found.append(
                ItemScore(
                    task=task,
                    item=f"{hash_of(task, split, place):016x}",
                    score=float(right),
                    reference_logprob=-3 * (1 - chance) - draw.random(),
                    output=said if place % 7 else XSS,
                )
            )
    return found


def hash_of(task: str, split: Split, place: int) -> int:
    """Return a number that is the same in every experiment."""
    return random.Random(f"{task}/{split}/{place}").getrandbits(64)


def _finals(store: Store, experiment: Experiment, draw: random.Random) -> None:
    standings = store.leaderboard(experiment.id, limit=4)
    finalists = [one.candidate.number for one in standings]
    store.record_decision(experiment.id, "finalists", {"numbers": finalists, "estimates": {}, "below_floors": 0})
    numbers = [*range(len(BASELINES)), *finalists]
    winner = standings[0].candidate.number
    by_number = {one.number: one for one in store.candidates(experiment.id)}
    scores: dict[str, list[ItemScore]] = {}
    for number in numbers:
        chance = 0.1 + 0.04 * number if number < len(BASELINES) else 0.74
        for split in (Split.SELECTION, Split.TEST):
            attempt = store.record_started(by_number[number].id, split, worker="gpu-node-0:0")
            items = scored(split, 0, chance, draw)
            store.record_result(
                by_number[number].id,
                split,
                items,
                attempt=attempt,
                fitness=None,
                timings_s={"apply": 0.05, "write": 0.03, "score": 6.0},
                prompt_tokens=5000,
                generated_tokens=900,
            )
            if split is Split.TEST and (number < len(BASELINES) or number == winner):
                scores[by_number[number].label or "merge"] = items
    roles = {label: "expert" for label in EXPERTS} | {"base": "base", "merge": "merge"}
    roles |= {label: "baseline" for label in BASELINES[len(EXPERTS) + 1 :]}
    report = build_report(scores, roles, TASKS)  # type: ignore[arg-type]
    store.record_decision(experiment.id, "winner", {"number": winner})
    gap = {"search": {"mean": 0.82, "low": 0.76, "high": 0.88, "items": 96}}
    store.record_decision(
        experiment.id,
        "outcome",
        {
            "winner": {"number": winner, "label": ""},
            "report": report.to_dict(),
            "gap": gap,
            "front": numbers[len(BASELINES) :],
            "tradeoffs": None,
            "test_uses": 2,
            "notes": ["The search stopped at its budget while it was still getting better."],
        },
    )


def _recipe(vector: list[float]) -> dict[str, object]:
    return {
        "method": "task_arithmetic",
        "models": list(MODELS),
        "granularity": "group:6+module",
        "coefficients": {
            "weight": {
                model: [round(0.7 + value / 4, 4) for value in vector[i * len(SLOTS) : (i + 1) * len(SLOTS)]]
                for i, model in enumerate(MODELS)
            }
        },
    }


def _spread(store: Store, experiment: Experiment, minutes: float) -> None:
    """Make the record look as if it had taken some time: it was written within a second."""
    total = store.progress(experiment.id).candidates
    start = experiment.created_at - timedelta(minutes=minutes)
    step = minutes * 60 / max(total, 1)
    with store._engine.begin() as connection:
        for candidate in store.candidates(experiment.id):
            at = start + timedelta(seconds=step * candidate.number)
            values = {"at": at.replace(tzinfo=None), "id": candidate.id}
            connection.execute(text("UPDATE candidates SET created_at = :at WHERE id = :id"), values)
            for place, one in enumerate(store.evaluations_of(candidate.id)):
                began = (at + timedelta(seconds=step * (0.05 + 0.25 * place))).replace(tzinfo=None)
                ended = began + timedelta(seconds=step * 0.7 + 0.1 * place)
                connection.execute(
                    text(
                        "UPDATE evaluations SET started_at = :a, finished_at = :b WHERE id = :id AND state != 'running'"
                    ),
                    {"a": began, "b": ended, "id": one.id},
                )
                for attempt in range(1, one.attempt):
                    gone = began - timedelta(seconds=step * 0.7 * (one.attempt - attempt))
                    which = {"c": candidate.id, "block": one.block, "attempt": attempt}
                    for kind, moment in (("start", gone), ("lost", gone + timedelta(seconds=step * 0.6))):
                        connection.execute(text(_MOVE), {**which, "e": experiment.id, "kind": kind, "at": moment})
        connection.execute(
            text("UPDATE experiments SET created_at = :at, seconds_spent = :s WHERE id = :id"),
            {"at": start.replace(tzinfo=None), "s": minutes * 60, "id": experiment.id},
        )


_MOVE = """UPDATE events SET at = :at WHERE experiment_id = :e AND kind = :kind
    AND json_extract(payload, '$.candidate_id') = :c AND json_extract(payload, '$.block') = :block
    AND json_extract(payload, '$.attempt') = :attempt"""


def drive_large(store: Store, candidates: int) -> Experiment:
    """Create a running experiment of very many candidates, each scored on one item.

    One in a hundred goes through the store; the others are copies of these, with better and better scores.
    """
    experiment = new(store, "fifty-thousand", evaluations=800)
    store.claim_driver(experiment.id)
    draw = random.Random(0)
    first = max(candidates // COPIES, 1)
    with store.together():
        for number in range(first):
            candidate = store.record_ask(
                experiment.id,
                number=number,
                kind=CandidateKind.SEARCH,
                label="",
                vector=[draw.gauss(0, 1) for _ in GENES],
                recipe={"method": "task_arithmetic", "models": list(MODELS)},
                digest=f"{number:064x}",
                block=0,
            )
            attempt = store.record_started(candidate.id, Split.SEARCH, worker=f"w{number % 8}", block=0)
            score = min(max(0.3 + draw.gauss(0, 0.08), 0), 0.6)
            store.record_result(
                candidate.id,
                Split.SEARCH,
                [ItemScore("arithmetic_json", f"{number % 64:016x}", score, -1.0, None)],
                block=0,
                attempt=attempt,
                fitness=score,
                timings_s={"apply": 0.05, "score": 1.0},
                prompt_tokens=100,
                generated_tokens=10,
            )
    with store._engine.begin() as connection:
        for statement in _copies(connection.dialect.name):
            connection.execute(text(statement), {"id": experiment.id, "first": first, "copies": COPIES - 1})
            if connection.dialect.name == "postgresql":
                # It knows nothing of rows that are not committed, and might compare every copy with every other.
                connection.execute(text("ANALYZE candidates, evaluations"))
    return store.get_experiment(experiment.id)


def add_one(store: Store, experiment: str) -> None:
    """Score one more candidate, as the experiment's driver."""
    store.claim_driver(experiment, force=True)
    number = store.progress(experiment).candidates
    candidate = store.record_ask(
        experiment,
        number=number,
        kind=CandidateKind.SEARCH,
        label="",
        vector=[0.0] * len(GENES),
        recipe={"method": "task_arithmetic"},
        digest="f" * 64,
        block=0,
    )
    attempt = store.record_started(candidate.id, Split.SEARCH, worker="w0", block=0)
    store.record_result(
        candidate.id,
        Split.SEARCH,
        [ItemScore("arithmetic_json", "0" * 16, 0.9, -1.0, None)],
        block=0,
        attempt=attempt,
        fitness=0.9,
        timings_s={"score": 1.0},
        prompt_tokens=100,
        generated_tokens=10,
    )


COPIES = 100
_BETTER = "(1 + copy * 0.4 / :copies)"
_COPIES = "WITH RECURSIVE times(copy) AS (SELECT 1 UNION ALL SELECT copy + 1 FROM times WHERE copy < :copies)"
_OWN = "candidates.experiment_id = :id AND candidates.number < :first"
_HEX = {"sqlite": "printf('%0{1}x', {0})", "postgresql": "lpad(to_hex({0}), {1}, '0')"}
_JSON_WITH = {
    "sqlite": "json_set({0}, '$.{1}', {2})",
    "postgresql": "jsonb_set({0}::jsonb, string_to_array('{1}', '.'), to_jsonb({2}))::json",
}


def _copies(dialect: str) -> tuple[str, ...]:
    """Return what copies the first candidates and all that is recorded of them.

    The store of an experiment of this kind is the only one where rows are written past the store's own methods.
    """
    hexadecimal, json_with = _HEX[dialect].format, _JSON_WITH[dialect].format
    copied, score = "candidates.number + copy * :first", f"evaluations.fitness * {_BETTER}"
    return (
        f"""{_COPIES} INSERT INTO candidates (experiment_id, number, kind, label, vector, recipe, recipe_digest, state,
        reason, fitness, created_at) SELECT experiment_id, {copied}, kind, label, vector, recipe,
        {hexadecimal(copied, 64)}, state, reason, fitness * {_BETTER}, created_at
        FROM candidates CROSS JOIN times WHERE {_OWN}""",
        f"""{_COPIES} INSERT INTO evaluations (candidate_id, split, state, attempt, worker, started_at, finished_at,
        timings_s, prompt_tokens, generated_tokens, fitness, summary, block, num_items) SELECT copied.id, split,
        evaluations.state, attempt, worker, started_at, finished_at, timings_s, prompt_tokens, generated_tokens,
        {score}, {json_with("summary", "arithmetic_json.score", score)}, block, num_items
        FROM candidates CROSS JOIN times
        JOIN evaluations ON evaluations.candidate_id = candidates.id
        JOIN candidates AS copied ON copied.experiment_id = :id AND copied.number = {copied}
        WHERE {_OWN}""",
        f"""INSERT INTO item_scores (evaluation_id, task, item, score, reference_logprob) SELECT evaluations.id,
        'arithmetic_json', {hexadecimal("number % 64", 16)}, evaluations.fitness, -1.0 FROM candidates
        JOIN evaluations ON evaluations.candidate_id = candidates.id
        WHERE candidates.experiment_id = :id AND candidates.number >= :first""",
        f"""{_COPIES} INSERT INTO events (experiment_id, seq, kind, payload, at) SELECT experiment_id,
        seq + copy * 3 * :first, kind,
        {json_with("payload", "number", "CAST(payload ->> 'number' AS INTEGER) + copy * :first")}, at
        FROM events CROSS JOIN times WHERE experiment_id = :id AND kind IN ('ask', 'start', 'tell')""",
        """UPDATE experiments SET num_candidates = num_candidates * (:copies + 1),
        num_scored = num_scored * (:copies + 1), num_done = num_done * (:copies + 1),
        num_search_items = num_search_items * (:copies + 1), prompt_tokens = prompt_tokens * (:copies + 1),
        generated_tokens = generated_tokens * (:copies + 1), last_seq = last_seq + 3 * :first * :copies
        WHERE id = :id""",
    )
