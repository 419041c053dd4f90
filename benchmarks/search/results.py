"""The result files: rows below one list of columns, the mean curves, and what every arm's runs were made with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from origin import origin
from runner import grid

CURVE_POINTS = 24
Row = dict[str, Any]


def save_runs(path: Path, runs: Sequence[Row], seconds: float) -> None:
    """Write runs; those of the same task, arm and seed in the file are replaced, the others stay.

    Args:
        path: of the file.
        runs: as ``runner.Run``, with dimension, n and passes of the task.
        seconds: that they took.
    """
    old = json.loads(path.read_text()) if path.exists() else {"made": [], "curves": [], "columns": [], "rows": []}
    fresh = {key_of(run) for run in runs}
    kept = [row for row in rows_of(old) if key_of(row) not in fresh]
    renewed = {(run["task"], run["arm"]) for run in runs}
    curves = [curve for curve in old["curves"] if (curve["task"], curve["arm"]) not in renewed]
    arms = sorted({run["arm"] for run in runs})
    made = [entry for entry in old["made"] if set(entry["arms"]) - set(arms)]
    rows = [*kept, *({key: value for key, value in run.items() if key != "curve"} for run in runs)]
    made.append({**origin(), "arms": arms, "seconds": round(seconds)})
    save(path, made, {"curves": [*curves, *mean_curves(runs)]}, sorted(rows, key=lambda row: row["seed"]))


def save(path: Path, made: Sequence[Row], more: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Write rows that all have the same columns, one a line."""
    head = json.dumps({"made": made, **rounded(dict(more)), "columns": list(rows[0])})
    lines = ",\n".join(json.dumps(rounded(list(row.values())), separators=(",", ":")) for row in rows)
    path.write_text(f'{head[:-1]},\n"rows": [\n{lines}\n]}}\n')


def rows_of(content: Mapping[str, Any]) -> list[Row]:
    """Return the rows of a file's content by name."""
    return [dict(zip(content["columns"], values, strict=True)) for values in content["rows"]]


def key_of(row: Row) -> tuple[str, str, int]:
    """Return what a run is of."""
    return row["task"], row["arm"], row["seed"]


def mean_curves(runs: Sequence[Row]) -> list[Row]:
    """Return the mean progress of every task and arm at some of the grid's places, in passes over the items."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for one in runs:
        groups.setdefault((one["task"], one["arm"]), []).append(one)
    curves = []
    for (task, arm), members in groups.items():
        n = members[0]["n"]
        passes = np.array(grid(members[0]["passes"] * n, n)) / n
        places = np.unique(np.linspace(0, len(passes) - 1, CURVE_POINTS).round().astype(int))
        mean = np.mean([one["curve"] for one in members], axis=0)
        curves.append({"task": task, "arm": arm, "passes": list(passes[places]), "progress": list(mean[places])})
    return curves


def rounded(value: Any) -> Any:
    """Return plain data with four digits behind the point."""
    if isinstance(value, float):
        return round(float(value), 4)
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(entry) for entry in value]
    return value
