"""Base and experts that were scored before: their scores are taken from the store where nothing differs."""

from __future__ import annotations

from collections.abc import Sequence

from evals.provenance import Provenance, differences
from evals.tasks import ItemRef, ItemScore
from experiments.states import Split
from experiments.store import Store


def find_scores(
    store: Store, weights: str, provenance: Provenance, split: Split, refs: Sequence[ItemRef]
) -> tuple[int, tuple[ItemScore, ...]] | None:
    """Find scores of the same weights on the same items, of the same provenance, in any experiment of the store.

    Returns:
        Id of the evaluation that has them, and the scores in the order of ``refs``; None where there is none.
    """
    for one in store.precedents(weights, split, len(refs)):
        if differences(Provenance.from_dict(one.provenance), provenance, split.value):
            continue
        found = {
            ItemRef(item.task, item.item): ItemScore(
                item.task, item.item, item.score, item.reference_logprob, item.output
            )
            for item in store.items_of(one.evaluation)
        }
        if found.keys() == {*refs}:
            return one.evaluation.id, tuple(found[ref] for ref in refs)
    return None
