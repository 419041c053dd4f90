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
    configs = {ref.name: _configs(Path(ref.path)) for ref in (models.base, *models.experts)}
    base = models.base.name
    hashes = {}
    for one in baselines:
        if one.role not in ("base", "expert"):
            continue
        names = [base] if one.role == "base" else [base, one.label.removeprefix("expert ")]
        state = json.dumps([[[*files[name]], configs[name]] for name in names] + [dict(more)], sort_keys=True)
        hashes[one.recipe.digest()] = hashlib.sha256(state.encode()).hexdigest()[:16]
    return hashes


def _configs(directory: Path) -> list[str]:
    return [sha256(directory / name) for name in _CONFIGS if (directory / name).is_file()]
