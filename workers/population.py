"""What is known of scoring several candidates at once: plain data."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST_RANK = 512
"""Of an adapter that vLLM takes."""


@dataclass(frozen=True)
class Population:
    """What an engine must be able to do to answer as several candidates at once.

    Args:
        width: candidates at most.
        rank: of the adapter that a candidate is: the sum of the experts' ranks in the layer where it is largest.
        layers: last names of the layers that any expert changes, such as ``q_proj``.
        measured: whether it is used where a trial shows it to be quicker, or in any case.
        truncated: rank at most of each expert's task vector in each layer, for screening candidates before they are
            scored with merged weights; None takes adapters as they are, which are scored as they are.
    """

    width: int
    rank: int
    layers: tuple[str, ...]
    measured: bool = False
    truncated: int | None = None


@dataclass(frozen=True)
class Trial:
    """Both ways of scoring, measured on the same items.

    Args:
        width: candidates at once.
        items: on how many items each.
        in_place_s: seconds that a candidate takes where one after the other is written in place.
        population_s: seconds that a candidate takes where ``width`` are scored at once.
    """

    width: int
    items: int
    in_place_s: float
    population_s: float

    @property
    def gain(self) -> float:
        """How many times quicker a population is."""
        return self.in_place_s / self.population_s

    def sentence(self) -> str:
        """Say what was measured."""
        in_place, together = (3600 / seconds for seconds in (self.in_place_s, self.population_s))
        return (
            f"measured on {self.items} items: {in_place:.0f} candidates per hour written in place, {together:.0f} as "
            f"adapters, {self.width} at once"
        )
