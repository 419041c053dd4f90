"""Scores of checkpoints that no experiment asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "checkpoint_evaluations",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("weights", sa.String(16), nullable=False),
        sa.Column("split", sa.String(16), nullable=False),
        sa.Column("provenance", sa.String(16), nullable=False),
        sa.Column("task_weights", sa.JSON(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("num_items", sa.Integer(), nullable=False),
        sa.Column("timings_s", sa.JSON(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("generated_tokens", sa.BigInteger(), nullable=False),
        sa.Column("copied_from", sa.BigInteger()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_checkpoint_evaluations"),
    )
    op.create_index("ix_checkpoint_evaluations_weights_split", "checkpoint_evaluations", ["weights", "split"])
    op.create_table(
        "checkpoint_items",
        sa.Column("evaluation_id", _BIG_ID, nullable=False),
        sa.Column("task", sa.String(255), nullable=False),
        sa.Column("item", sa.String(64), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("reference_logprob", sa.Double()),
        sa.Column("output", sa.Text()),
        sa.PrimaryKeyConstraint("evaluation_id", "task", "item", name="pk_checkpoint_items"),
        sa.ForeignKeyConstraint(
            ["evaluation_id"], ["checkpoint_evaluations.id"], name="fk_checkpoint_items_evaluation_id"
        ),
    )
