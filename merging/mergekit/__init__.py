"""Merges written for mergekit (arcee-ai/mergekit): our recipes as its configurations, its configurations as merges."""

from merging.mergekit.export import NotExpressible, mergekit_config

__all__ = ["NotExpressible", "mergekit_config"]
