"""Evaluations in the store: recorded as they are made, found again where nothing differs, read by their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evals.provenance import Provenance
from evals.tasks import ItemRef, ItemScore
from experiments.states import Split
from experiments.store import Store
from optimizer.evaluating.results import Evaluated
from optimizer.evaluating.subjects import Subject
from optimizer.precedents import find_scores


class Keeper:
    """What the store knows of the models of one evaluation."""

    def __init__(self, store: Store, split: str, refs: Sequence[ItemRef], weights: Mapping[str, float]) -> None:
        """Keep scores on the items of a split; ``weights`` are those of the tasks."""
        self._store = store
        self._split = Split(split)
        self._refs = refs
        self._weights = weights

    def find(self, subject: Subject, provenance: Provenance) -> Evaluated | None:
        """Return the scores that the store has of a model, of an evaluation or a parent in an experiment."""
        found = find_scores(self._store, subject.weights, provenance, self._split, self._refs)
        if found is None:
            return None
        source, items = found
        return Evaluated(
            label=subject.label,
            model=subject.named,
            weights=subject.weights,
            split=self._split.value,
            provenance=provenance,
            items=items,
            seconds={},
            prompt_tokens=0,
            generated_tokens=0,
            number=-source if source < 0 else None,
            copied_from=source if source > 0 else None,
        )

    def record(self, model: Evaluated) -> Evaluated:
        """Record a model's scores, unless they are recorded; return it with its number."""
        if model.number is not None:
            return model
        number = self._store.record_checkpoint(
            label=model.label,
            model=model.model,
            weights=model.weights,
            split=self._split,
            provenance=(model.provenance.digest, model.provenance.to_dict()),
            task_weights={task: self._weights[task] for task in model.provenance.tasks},
            items=model.items,
            timings_s=model.seconds,
            prompt_tokens=model.prompt_tokens,
            generated_tokens=model.generated_tokens,
            copied_from=model.copied_from,
        )
        return replace(model, number=number)


def read_kept(store: Store, number: int) -> tuple[Evaluated, Mapping[str, float]]:
    """Read a recorded evaluation, and the weights of its tasks; the label tells it from others of the same model.

    Raises:
        NotFound: there is none of this number.
    """
    kept, provenance = store.checkpoint(number)
    items = store.checkpoint_items(number)
    model = Evaluated(
        label=f"{kept.label} #{number}",
        model=kept.model,
        weights=kept.weights,
        split=kept.split.value,
        provenance=Provenance.from_dict(provenance),
        items=tuple(ItemScore(one.task, one.item, one.score, one.reference_logprob, one.output) for one in items),
        seconds=kept.timings_s,
        prompt_tokens=kept.prompt_tokens,
        generated_tokens=kept.generated_tokens,
        number=number,
        copied_from=kept.copied_from,
    )
    return model, kept.task_weights
