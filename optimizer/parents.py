"""What base and experts are, whatever an experiment calls them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from merging.export import sha256
from merging.models import ModelSet
from optimizer.baselines import Baseline

# What the weights of a merge may depend on besides its models; a checkpoint by itself depends on neither.
ALONE: Mapping[str, Any] = {"vocabulary": None, "depth": None}
_CONFIGS = ("config.json", "adapter_config.json", "delta_pack.json")


def parent_hashes(
    baselines: Sequence[Baseline], models: ModelSet, files: Mapping[str, Sequence[str]], more: Mapping[str, Any]
) -> dict[str, str]:
    """Return a hash of what base and experts are, by the digest of their recipe.

    Args:
        baselines: of the experiment, parents among them.
        models: base and experts.
        files: hashes of the weight files of each.
        more: what else their weights depend on, such as the output vocabulary.
    """
    directories = {ref.name: Path(ref.path) for ref in (models.base, *models.experts)}
    base = models.base.name
    hashes = {}
    for one in baselines:
        if one.role not in ("base", "expert"):
            continue
        names = [base] if one.role == "base" else [base, one.label.removeprefix("expert ")]
        hashes[one.recipe.digest()] = weights_hash([(files[name], directories[name]) for name in names], more)
    return hashes


def weights_hash(models: Sequence[tuple[Sequence[str], Path]], more: Mapping[str, Any] = ALONE) -> str:
    """Return 16 hex digits for a base, or a base and what is added to it: hashes of weight files, and directories."""
    state = json.dumps([[[*files], _configs(directory)] for files, directory in models] + [dict(more)], sort_keys=True)
    return hashlib.sha256(state.encode()).hexdigest()[:16]


def _configs(directory: Path) -> list[str]:
    return [sha256(directory / name) for name in _CONFIGS if (directory / name).is_file()]
