"""Calibration tasks, data splits, per-item scores and the statistics that turn them into decisions."""
