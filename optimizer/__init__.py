"""Genomes, search algorithms and the driver."""
