"""The full report of an experiment, from the store alone: what it says, how it is put together, how it is written."""
