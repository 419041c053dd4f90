"""What is known of scoring several candidates at once: plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Population:
    """What an engine must be able to do to answer as several candidates at once.

    Args:
        width: candidates at most.
        rank: of the adapter that a candidate is: the sum of the experts' ranks in the layer where it is largest.
        layers: last names of the layers that any expert changes, such as ``q_proj``.
    """

    width: int
    rank: int
    layers: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """Both ways of scoring, measured on the same candidates and items.

    Args:
        candidates: how many were scored.
        items: on how many items each.
        in_place_s: seconds of one after the other, written in place.
        population_s: seconds of all at once.
    """

    candidates: int
    items: int
    in_place_s: float
    population_s: float

    @property
    def gain(self) -> float:
        """How many times quicker a population is."""
        return self.in_place_s / self.population_s

    def sentence(self) -> str:
        """Say what was measured."""
        ways = [("in place", self.in_place_s), ("as a population", self.population_s)]
        rates = ", ".join(f"{3600 * self.candidates / seconds:.0f} {way}" for way, seconds in ways)
        return f"candidates per hour on {self.items} items each, {self.candidates} at once: {rates}"
