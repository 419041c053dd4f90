"""What a server needs: owners, wishes, shares, counts kept with every write, tokens, requests, artifacts."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

STATE = sa.String(16)
MOMENT = sa.DateTime(timezone=True)

# The counts as they follow from the rows; an experiment without candidates has none.
OWN_CANDIDATES = "FROM candidates WHERE candidates.experiment_id = experiments.id"
OWN_EVALUATIONS = (
    "FROM evaluations JOIN candidates ON candidates.id = evaluations.candidate_id "
    "WHERE candidates.experiment_id = experiments.id"
)
OWN_EVENTS = "FROM events WHERE events.experiment_id = experiments.id"
COUNTS = {
    "last_seq": f"SELECT COALESCE(MAX(seq), 0) {OWN_EVENTS}",
    "num_candidates": f"SELECT COUNT(*) {OWN_CANDIDATES}",
    "num_scored": f"SELECT COUNT(*) {OWN_CANDIDATES} AND candidates.state = 'scored'",
    "num_infeasible": f"SELECT COUNT(*) {OWN_CANDIDATES} AND candidates.state = 'infeasible'",
    "num_running": f"SELECT COUNT(*) {OWN_EVALUATIONS} AND evaluations.state = 'running'",
    "num_done": f"SELECT COUNT(*) {OWN_EVALUATIONS} AND evaluations.state = 'done'",
    "num_lost": f"SELECT COUNT(*) {OWN_EVENTS} AND events.kind = 'lost'",
    "num_search_items": f"SELECT COALESCE(SUM(num_items), 0) {OWN_EVALUATIONS} AND evaluations.split = 'search'",
    "prompt_tokens": f"SELECT COALESCE(SUM(evaluations.prompt_tokens), 0) {OWN_EVALUATIONS}",
    "generated_tokens": f"SELECT COALESCE(SUM(evaluations.generated_tokens), 0) {OWN_EVALUATIONS}",
}
BIG = ("num_search_items", "prompt_tokens", "generated_tokens")


def upgrade() -> None:
    columns: list[sa.Column[Any]] = [
        sa.Column("owner", sa.String(64), nullable=False, server_default=""),
        sa.Column("priority", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("wanted", STATE),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("budget", sa.JSON()),
        sa.Column("workers", sa.Integer()),
        sa.Column("launch", sa.JSON()),
        sa.Column("control_seq", sa.Integer(), nullable=False, server_default="0"),
        *(
            sa.Column(name, sa.BigInteger() if name in BIG else sa.Integer(), nullable=False, server_default="0")
            for name in COUNTS
        ),
    ]
    for column in columns:
        op.add_column("experiments", column)
    counted = ", ".join(f"{name} = ({query})" for name, query in COUNTS.items())
    op.execute(sa.text(f"UPDATE experiments SET {counted}"))
    op.create_index("ix_experiments_state_created_at", "experiments", ["state", "created_at"])
    op.create_index("ix_experiments_owner_state", "experiments", ["owner", "state"])
    op.create_index("ix_events_experiment_id_kind_seq", "events", ["experiment_id", "kind", "seq"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(8), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("scope", STATE, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
        sa.Column("last_used_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("digest", name="uq_tokens_digest"),
    )
    op.create_table(
        "requests",
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("owner", "key", name="pk_requests"),
    )
    op.create_index("ix_requests_at", "requests", ["at"])
    op.create_table(
        "artifacts",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("experiment_id", sa.String(8), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_artifacts"),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], name="fk_artifacts_experiment_id"),
    )
    op.create_index("ix_artifacts_experiment_id_created_at", "artifacts", ["experiment_id", "created_at"])
    op.create_index("ix_artifacts_state", "artifacts", ["state"])
