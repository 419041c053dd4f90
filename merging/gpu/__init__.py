"""Merging on a GPU: everything prepared lies there, candidates are computed where the engine's weights are."""
