"""evomerge finds the best way to merge a set of language models."""

__version__ = "0.1.0"
