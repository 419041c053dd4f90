"""Where scores that stand beside each other were made in different ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evals.provenance import Provenance, check_comparable
from experiments.entities import Experiment
from experiments.states import Split
from experiments.store import Store


def mixed_within(store: Store, experiment_id: str, splits: Sequence[Split] = tuple(Split)) -> tuple[str, ...]:
    """Return a sentence for every provenance of an experiment that is unlike the first of its split."""
    known = _known(store, experiment_id)
    found: list[str] = []
    for split, used in store.provenance_uses(experiment_id).items():
        if split in splits:
            named = {f"{split.value} evaluations of provenance {digest}": known[digest] for digest in used}
            found += check_comparable(named, split.value, mixed=True)
    return tuple(map(_sentence, found))


def mixed_between(store: Store, experiments: Sequence[Experiment]) -> tuple[str, ...]:
    """Return a sentence for every experiment whose test scores were made in another way than the first one's.

    Other items are another way too. Experiments without recorded provenance are left out.
    """
    named: dict[str, Provenance] = {}
    for one in experiments:
        used = store.provenance_uses(one.id).get(Split.TEST, {})
        if used:
            named[f"{one.name} {one.id}"] = _known(store, one.id)[next(iter(used))]
    return tuple(map(_sentence, check_comparable(named, Split.TEST.value, mixed=True)))


def _known(store: Store, experiment_id: str) -> Mapping[str, Provenance]:
    return {digest: Provenance.from_dict(data) for digest, data in store.provenances(experiment_id).items()}


def _sentence(found: str) -> str:
    return f"Mixed provenance: {found}."
