"""Experiments, candidates, evaluations, item scores and the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATE = sa.String(16)
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "experiments",
        sa.Column("id", sa.String(8), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("source_dir", sa.Text(), nullable=False),
        sa.Column("resolved", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("seconds_spent", sa.Double(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("driver", sa.JSON()),
        sa.PrimaryKeyConstraint("id", name="pk_experiments"),
    )
    op.create_index("ix_experiments_created_at_id", "experiments", ["created_at", "id"])
    op.create_index("ix_experiments_name", "experiments", ["name"])
    op.create_table(
        "candidates",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("experiment_id", sa.String(8), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", STATE, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("vector", sa.JSON()),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("recipe_digest", sa.String(64), nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("fitness", sa.Double()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_candidates"),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], name="fk_candidates_experiment_id"),
        sa.UniqueConstraint("experiment_id", "number", name="uq_candidates_experiment_id_number"),
    )
    op.create_index("ix_candidates_experiment_id_recipe_digest", "candidates", ["experiment_id", "recipe_digest"])
    op.create_index("ix_candidates_experiment_id_state_fitness", "candidates", ["experiment_id", "state", "fitness"])
    op.create_table(
        "evaluations",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("candidate_id", BIG_ID, nullable=False),
        sa.Column("split", STATE, nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text()),
        sa.Column("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.Column("timings_s", sa.JSON(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("generated_tokens", sa.BigInteger(), nullable=False),
        sa.Column("fitness", sa.Double()),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_evaluations"),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidates.id"], name="fk_evaluations_candidate_id"),
        sa.UniqueConstraint("candidate_id", "split", name="uq_evaluations_candidate_id_split"),
    )
    op.create_table(
        "item_scores",
        sa.Column("evaluation_id", BIG_ID, nullable=False),
        sa.Column("task", sa.String(255), nullable=False),
        sa.Column("item", sa.String(64), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("reference_logprob", sa.Double()),
        sa.Column("output", sa.Text()),
        sa.PrimaryKeyConstraint("evaluation_id", "task", "item", name="pk_item_scores"),
        sa.ForeignKeyConstraint(["evaluation_id"], ["evaluations.id"], name="fk_item_scores_evaluation_id"),
    )
    op.create_table(
        "events",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("experiment_id", sa.String(8), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", STATE, nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], name="fk_events_experiment_id"),
        sa.UniqueConstraint("experiment_id", "seq", name="uq_events_experiment_id_seq"),
    )
