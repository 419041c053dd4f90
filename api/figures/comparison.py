"""Experiments side by side: curves, the best candidates, what came out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from api.schemas.charts import Compared, Comparison
from api.schemas.experiments import Headline, experiment_view, standing_view
from experiments.entities import Experiment, ExperimentSummary
from experiments.store import Store
from optimizer.mixed import mixed_between

POINTS = 200


def comparison(
    store: Store,
    found: Sequence[Experiment],
    headlines: Callable[[Sequence[ExperimentSummary]], dict[str, Headline]],
    points: int = POINTS,
) -> Comparison:
    """Compare experiments; ``headlines`` makes those of all, and curves have as many points at most."""
    summaries = [ExperimentSummary(one, store.progress(one.id)) for one in found]
    lines = headlines(summaries)
    # Few are, and the ledger's index says who: to look for test scores takes all evaluations.
    measured = [one for one in found if store.measured(one.id, limit=1)]
    return Comparison(
        experiments=[_compared(store, one, lines[one.experiment.id], points) for one in summaries],
        warnings=mixed_between(store, measured),
    )


def _compared(store: Store, summary: ExperimentSummary, headline: Headline, points: int) -> Compared:
    key = summary.experiment.id
    return Compared.model_validate(
        {
            "experiment": experiment_view(summary.experiment, summary.progress, headline),
            "series": store.curve(key, points=points),
            "standings": [standing_view(one) for one in store.leaderboard(key, limit=10)],
            "outcome": store.decisions(key).get("outcome"),
        }
    )
