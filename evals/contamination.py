"""Items of one split that are found in another: word for word, or nearly so.

Splits are disjoint by content already; a question that differs in a comma, or has another answer, still gives away what
is tested. Near duplicates are compared by the Jaccard similarity of their word 3-grams, of every pair, not by sketches.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.sparse import csr_matrix

WORDS = 3
NEAR = 0.8
SHOWN = 10
# Rows that are compared at once: products of sparse matrices are nearly dense where all texts share their wording.
_ROWS = 512
# Scripts without spaces: every sign counts as a word.
_WORD = re.compile(
    r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u0e00-\u0e7f\u3040-\u9fff\uac00-\ud7af]+"
)


@dataclass(frozen=True)
class ItemWords:
    """What one item asks."""

    task: str
    item: str
    text: str


@dataclass(frozen=True)
class Twins:
    """An item of the later split and the most similar one of the earlier; ``similarity`` 1 is the same words."""

    earlier: ItemWords
    later: ItemWords
    similarity: float


@dataclass(frozen=True)
class Overlap:
    """How much of one split is in another.

    Attributes:
        earlier: split that is seen first.
        later: split whose items are looked for there.
        items: items of the later split that have a text.
        exact: of these, those with the same words, whatever their case, spaces and punctuation.
        near: of the others, those with a similarity of at least 0.8.
        examples: up to ten, the most similar first.
    """

    earlier: str
    later: str
    items: int
    exact: int
    near: int
    examples: tuple[Twins, ...]


def overlaps(splits: Mapping[str, Sequence[ItemWords]]) -> tuple[Overlap, ...]:
    """Compare every two splits, of all tasks together.

    Args:
        splits: items of every split, in the order in which a run sees the splits.
    """
    vocabulary: dict[tuple[str, ...], int] = {}
    matrices = {split: _shingles(items, vocabulary) for split, items in splits.items()}
    width = len(vocabulary)
    whole = {
        split: csr_matrix((m.data, m.indices, m.indptr), shape=(m.shape[0], width)) for split, m in matrices.items()
    }
    return tuple(
        _overlap(earlier, later, splits[earlier], splits[later], whole[earlier], whole[later])
        for earlier, later in combinations(splits, 2)
    )


def words(text: str) -> list[str]:
    """Return the words of a text, without case, punctuation and the forms of signs that look the same."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _overlap(
    earlier: str, later: str, old: Sequence[ItemWords], new: Sequence[ItemWords], seen: csr_matrix, tested: csr_matrix
) -> Overlap:
    texts = {" ".join(words(one.text)): one for one in old}
    found = []
    for one, (place, similarity) in zip(new, _nearest(tested, seen), strict=True):
        same = texts.get(" ".join(words(one.text)))
        if same is not None:
            found.append(Twins(same, one, 1.0))
        elif similarity >= NEAR:
            found.append(Twins(old[place], one, similarity))
    exact = sum(" ".join(words(one.later.text)) in texts for one in found)
    found.sort(key=lambda one: (-one.similarity, one.later.task, one.later.item))
    return Overlap(earlier, later, len(new), exact, len(found) - exact, tuple(found[:SHOWN]))


def _shingles(items: Sequence[ItemWords], vocabulary: dict[tuple[str, ...], int]) -> csr_matrix:
    """Return one row for each item, with a 1 for each of its word 3-grams."""
    indices: list[int] = []
    starts = [0]
    for one in items:
        found = words(one.text)
        grams = {tuple(found[place : place + WORDS]) for place in range(max(1, len(found) - WORDS + 1))}
        indices += sorted(vocabulary.setdefault(gram, len(vocabulary)) for gram in grams)
        starts.append(len(indices))
    ones = np.ones(len(indices), dtype=np.int32)
    return csr_matrix(
        (ones, np.array(indices, np.int64), np.array(starts, np.int64)), shape=(len(items), len(vocabulary))
    )


def _nearest(tested: csr_matrix, seen: csr_matrix) -> Iterator[tuple[int, float]]:
    """Yield for each row of one matrix the row of the other with the largest Jaccard similarity, and that."""
    if not seen.shape[0]:
        yield from [(0, 0.0)] * tested.shape[0]
        return
    sizes, others = np.diff(tested.indptr), np.diff(seen.indptr)
    transposed = seen.T.tocsr()
    for start in range(0, tested.shape[0], _ROWS):
        common = (tested[start : start + _ROWS] @ transposed).toarray()
        union = sizes[start : start + _ROWS, None] + others[None, :] - common
        similarity = common / union
        places = similarity.argmax(axis=1)
        yield from ((int(place), float(row[place])) for row, place in zip(similarity, places, strict=True))
