"""Models that were scored before: their scores are taken from the store where nothing differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evals.provenance import Provenance, differences
from evals.tasks import ItemRef, ItemScore
from experiments.entities import ScoredItem
from experiments.states import Split
from experiments.store import Store


def find_scores(
    store: Store, weights: str, provenance: Provenance, split: Split, refs: Sequence[ItemRef]
) -> tuple[int, tuple[ItemScore, ...]] | None:
    """Find scores of the same weights on the same items, of the same provenance, wherever in the store they are.

    Returns:
        Id of the evaluation that has them, and the scores in the order of ``refs``; None where there is none. Those of
        experiments come first; minus the id is that of a checkpoint that was evaluated by itself.
    """
    for one in store.precedents(weights, split, len(refs)):
        if differences(Provenance.from_dict(one.provenance), provenance, split.value):
            continue
        if (found := _in_order(store.items_of(one.evaluation), refs)) is not None:
            return one.evaluation.id, found
    for checkpoint, data in store.checkpoint_precedents(weights, split, len(refs)):
        if differences(Provenance.from_dict(data), provenance, split.value):
            continue
        if (found := _in_order(store.checkpoint_items(checkpoint.id), refs)) is not None:
            return -checkpoint.id, found
    return None


def _in_order(items: Iterable[ScoredItem], refs: Sequence[ItemRef]) -> tuple[ItemScore, ...] | None:
    """Return recorded items as scores in the order of ``refs``; None where they are others."""
    found = {
        ItemRef(one.task, one.item): ItemScore(one.task, one.item, one.score, one.reference_logprob, one.output)
        for one in items
    }
    return tuple(found[ref] for ref in refs) if found.keys() == {*refs} else None
