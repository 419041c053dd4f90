"""Keep a run as test data: ``python tests/dashboard/make_data.py STORE.db EXPERIMENT [PATH=NAME...]``.

What is there was made by ``evomerge run examples/json-math.yaml`` on its own store: SmolLM2-135M, two experts. Paths of
the machine that it ran on are given other names.
"""

from __future__ import annotations

import gzip
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

TARGET = Path(__file__).parent / "data" / "json-math.sql.gz"
OTHERS = (
    "DELETE FROM candidates WHERE experiment_id != :id",
    "DELETE FROM evaluations WHERE candidate_id NOT IN (SELECT id FROM candidates)",
    "DELETE FROM item_scores WHERE evaluation_id NOT IN (SELECT id FROM evaluations)",
    "DELETE FROM events WHERE experiment_id != :id",
    "DELETE FROM artifacts WHERE experiment_id != :id",
    "DELETE FROM search_traces WHERE experiment_id != :id",
    "DELETE FROM experiments WHERE id != :id",
    "DELETE FROM requests",
    "DELETE FROM tokens",
    "UPDATE experiments SET driver = NULL, launch = NULL",
)


def main(store: str, experiment: str, *renamed: str) -> None:
    with (
        closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(":memory:")) as own,
    ):
        source.backup(own)
        for statement in OTHERS:
            own.execute(statement, {"id": experiment} if ":id" in statement else {})
        own.commit()
        lines = "\n".join(own.iterdump())
    for one in renamed:
        lines = lines.replace(*one.split("=", 1))
    TARGET.write_bytes(gzip.compress(lines.encode(), mtime=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
