"""The search space: which coefficients of a merge are searched, on which scale, and how a point becomes a recipe."""

from optimizer.space.build import build_genome
from optimizer.space.genome import Genome
from optimizer.space.segments import Gene

__all__ = ["Gene", "Genome", "build_genome"]
