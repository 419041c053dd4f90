"""Scoring checkpoints and adapters without a search: what is scored, how, and what may be compared."""
