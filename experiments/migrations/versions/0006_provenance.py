"""What scores depend on besides the weights, and which weights of parents were scored."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "provenances",
        sa.Column("digest", sa.String(16), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_provenances"),
    )
    op.add_column("evaluations", sa.Column("provenance", sa.String(16)))
    op.add_column("evaluations", sa.Column("weights", sa.String(16)))
    op.add_column("evaluations", sa.Column("copied_from", sa.BigInteger()))
    op.create_index("ix_evaluations_weights_split", "evaluations", ["weights", "split"])
