"""The states of searches, update by update, and the texts of items."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "search_traces",
        sa.Column("experiment_id", sa.String(8), nullable=False),
        sa.Column("updates", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("experiment_id", "updates", name="pk_search_traces"),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], name="fk_search_traces_experiment_id"),
    )
    op.create_table(
        "item_texts",
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("item", sa.String(64), nullable=False),
        sa.Column("prompt", sa.Text()),
        sa.Column("reference", sa.Text()),
        sa.Column("choices", sa.JSON()),
        sa.Column("truncated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("source", "item", name="pk_item_texts"),
    )
