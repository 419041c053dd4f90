"""An index that holds what charts, filters and joins read of a candidate, without its vector and recipe."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    columns = ["experiment_id", "number", "kind", "state", "fitness", "created_at", "id"]
    op.create_index("ix_candidates_overview", "candidates", columns)
