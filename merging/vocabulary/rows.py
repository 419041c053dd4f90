"""Which row of which model stands for each token of the output vocabulary, in embeddings and heads alike.

For a token t of the output vocabulary, in this order:

1. a rule with ``force``: the rule's row, in the base and in every expert
2. a model that has t: its own row
3. a rule: its row, in every model that lacks t
4. an expert that lacks t where the base has it: the base's row
5. a token that the base lacks: in the base the mean of the rows of the experts that have it, and the same row
   in the experts that lack it

A row that no token points to is that row of the model whose ids the output has, in all models; rows beyond its
own, and tokens that nobody has a row for, are the mean of all its rows: unlike a row of zeros, the mean is never
the most likely next token. Task vectors are differences of these rows, so one is zero where a model has no row
of its own: what only one expert has is taken over as it is by every operator that keeps the base where no task
vector differs from zero.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from merging.operators.inputs import Factors
from merging.vocabulary.policy import VocabularyPolicy

BLOCK_ROWS = 4096
Matrix = Callable[[str], Tensor]
"""From a model's name to its own tensor, in its own vocabulary: (rows, ...)."""


@dataclass(frozen=True)
class Member:
    """One model of the merge: its name, how errors call it, where its files are, its rows."""

    name: str
    label: str
    directory: Path
    rows: int


@dataclass(frozen=True)
class Fill:
    """Output rows that come from other rows: the mean of one row of each part, zeros without parts.

    Args:
        out: output rows, shape (k,).
        parts: model -> its rows, shape (k,) each.
    """

    out: Tensor
    parts: Mapping[str, Tensor]

    def values(self, matrix: Matrix, shape: torch.Size) -> Tensor:
        """Return the rows in fp32, shape (k, *shape)."""
        total = torch.zeros((len(self.out), *shape))
        for model, rows in self.parts.items():
            total += matrix(model)[rows]
        return total / max(1, len(self.parts))


@dataclass(frozen=True)
class OutputVocabulary:
    """How the rows of every model become those of the output.

    Args:
        policy: what the user decided.
        base: name of the base.
        reference: name of the model whose ids the output has.
        appended: tokens beyond the reference's -> id.
        size: rows of the output.
        members: the models by name.
        own: for each model its own row of every output row, -1 where it has none; models with the same
            vocabulary share one tensor. Empty where all models have one vocabulary that nothing changes.
        fills: rows that the base lacks, the last one counts.
        rules: rows of rules for tokens that the base has and an expert may lack.
        padding: rows that nobody has.
    """

    policy: VocabularyPolicy
    base: str
    reference: str
    appended: Mapping[str, int]
    size: int
    members: Mapping[str, Member]
    own: Mapping[str, Tensor]
    fills: tuple[Fill, ...]
    rules: tuple[Fill, ...]
    padding: Tensor

    @property
    def remaps(self) -> bool:
        """Whether any model's rows differ from those of the output."""
        return bool(self.own)

    def base_rows(self, matrix: Matrix) -> Tensor:
        """Return a base tensor in the output vocabulary, in its stored dtype."""
        stored, own = matrix(self.base), self.own[self.base]
        merged = torch.empty((self.size, *stored.shape[1:]), dtype=stored.dtype)
        for place, rows in _own_rows(stored, own):
            merged[place] = rows
        if len(self.padding):
            merged[self.padding] = matrix(self.reference).mean(0, dtype=torch.float32).to(stored.dtype)
        for fill in self.fills:
            merged[fill.out] = fill.values(matrix, stored.shape[1:]).to(stored.dtype)
        return merged

    def delta(self, expert: str, matrix: Matrix) -> Tensor | None:
        """Return the fp32 task vector of an expert in the output vocabulary; None where it is zero everywhere."""
        stored, own = matrix(expert), self.own[expert]
        if own is self.own[self.base] and _equal(stored, matrix(self.base)):
            return None
        base = self.base_rows(matrix)
        delta = torch.zeros(base.shape)
        for place, rows in _own_rows(stored, own):
            delta[place] = rows.float() - base[place].float()
        for fill in self.rules:
            lacking = own[fill.out] < 0
            values = fill.values(matrix, base.shape[1:])[lacking]
            delta[fill.out[lacking]] = values.sub_(base[fill.out[lacking]])
        return delta if delta.any() else None

    def factors(self, expert: str, factors: Factors) -> Factors | None:
        """Return the low-rank form of an adapter's change; None where its tokens are not the base's."""
        own = self.own[expert]
        if own is not self.own[self.base]:
            return None
        b = torch.zeros(self.size, factors.b.shape[1])
        held = own >= 0
        b[held] = factors.b[own[held]]
        return Factors(b, factors.a)

    def digest(self) -> str:
        """Return 16 hex digits that differ where any row would come from elsewhere."""
        state = hashlib.sha256(json.dumps([asdict(self.policy), dict(self.appended), self.size]).encode())
        for model in sorted(self.own):
            state.update(model.encode() + self.own[model].numpy().tobytes())
        return state.hexdigest()[:16]


def _own_rows(stored: Tensor, own: Tensor) -> Iterator[tuple[slice | Tensor, Tensor]]:
    """Yield the rows that a model has, block by block, and where in the output they belong."""
    for start in range(0, len(own), BLOCK_ROWS):
        block = own[start : start + BLOCK_ROWS]
        held = torch.nonzero(block >= 0).flatten()
        if len(held) < len(block):
            yield held + start, stored.index_select(0, block[held])
            continue
        first, end = int(block[0]), int(block[0]) + len(block)
        # Ids mostly stay what they are; a slice is ten times faster than looking rows up.
        in_order = torch.equal(block, torch.arange(first, end))
        yield slice(start, start + len(block)), stored[first:end] if in_order else stored.index_select(0, block)


def _equal(first: Tensor, second: Tensor) -> bool:
    return first.dtype == second.dtype and torch.equal(first, second)
