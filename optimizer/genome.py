"""The search space under its earlier name, see :mod:`optimizer.space`."""

from optimizer.space import Gene, Genome, build_genome

__all__ = ["Gene", "Genome", "build_genome"]
