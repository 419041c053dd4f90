"""Where a merge comes from: models, weights, the candidate, and what was exported of it."""

from __future__ import annotations

from typing import Literal

from api.schemas.base import Answer
from api.schemas.charts import Plot


class LineageNode(Answer):
    """A thing that others are made of, or that is made of others."""

    id: str
    kind: Literal["model", "merge", "candidate", "artifact"]
    label: str
    detail: str
    """Path and revision and digest of a model, method and granularity of a merge, and so on."""
    href: str | None
    """Address in this API that shows it; null where there is none."""


class LineageEdge(Answer):
    """``source`` went into ``target``."""

    source: str
    """Id of a node."""
    target: str
    label: str
    """Weights in short; empty where there are none."""


class Lineage(Plot):
    """The winner's provenance, or that of the best candidate so far."""

    nodes: list[LineageNode]
    edges: list[LineageEdge]
