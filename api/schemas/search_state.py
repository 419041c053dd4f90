"""The state of a search, and how the models that it merges are related."""

from __future__ import annotations

from api.schemas.base import Answer


class Trace(Answer):
    """The search's normal distribution over an experiment; every list has one entry per recorded update."""

    genes: list[str]
    """Name of each coordinate."""
    update: list[int]
    """Updates of the distribution by then; where there are many, rows at even distances, the last one included."""
    number: list[int]
    """Candidates of the experiment that were asked by then."""
    items: list[int]
    """Search items that were scored by then, over all candidates."""
    sigma: list[float | None]
    """Step size, in standardized units."""
    axis_ratio: list[float | None]
    """Longest over shortest axis of the distribution, in the basis of the prior."""
    path_length: list[float | None]
    """Length of the step size's evolution path: sigma grows while it is longer than expected."""
    expected_path_length: float | None
    """What that length is under random selection."""
    eigenvalues: list[list[float | None]]
    """Of the covariance without sigma, in the basis of the prior, descending; 16 quantiles where there are more."""
    bound_hits: list[float | None]
    """Share of the coordinates of the update's candidates that lay outside of their range and were reflected."""
    spread: list[float | None]
    """Mean distance of the update's candidates from the mean before it, in standardized units."""
    deviations: list[list[float | None]]
    """Standard deviation of every coordinate, in standardized units; empty where there are more than 64."""
    restarts: list[int]
    """Updates after which the search had started over."""
    reason: str | None
    """Why there is nothing to show."""


class BlockSimilarity(Answer):
    """Cosines of pairs of task vectors, block by block."""

    blocks: list[str]
    """Decoder blocks in order; what lies outside of them is `other`."""
    pairs: list[tuple[int, int]]
    """Positions of the two models of each pair in ``models``."""
    cosine: list[list[float | None]]
    """One row per pair; null where a model does not change the block."""


class Similarity(Answer):
    """How the experts' task vectors, their weights minus the base's, lie to each other."""

    models: list[str]
    cosine: list[list[float | None]]
    """Of each pair of task vectors; null where one of them is zero."""
    norms: list[float | None]
    """L2 norm of each task vector."""
    by_block: BlockSimilarity | None
    """The same by decoder block; null where there are too many pairs."""
    reason: str | None
    """Why there is nothing to show."""
