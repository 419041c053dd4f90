"""Evaluations of single blocks of a split, the number of their items, and which items a test was made on.

Evaluations from before scored their split as a whole: block -1.
"""

import hashlib
from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

OLD = "uq_evaluations_candidate_id_split"
NEW = "uq_evaluations_candidate_id_split_block"


def upgrade() -> None:
    with op.batch_alter_table("evaluations") as table:
        table.add_column(sa.Column("block", sa.Integer(), nullable=False, server_default="-1"))
        table.add_column(sa.Column("num_items", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("items_digest", sa.String(16)))
        table.drop_constraint(OLD, type_="unique")
        table.create_unique_constraint(NEW, ["candidate_id", "split", "block"])
    op.create_index("ix_evaluations_items_digest", "evaluations", ["items_digest"])
    connection = op.get_bind()
    connection.execute(
        sa.text(
            "UPDATE evaluations SET num_items = "
            "(SELECT COUNT(*) FROM item_scores WHERE item_scores.evaluation_id = evaluations.id)"
        )
    )
    tested = connection.execute(
        sa.text(
            "SELECT evaluations.id, item_scores.item FROM evaluations "
            "JOIN item_scores ON item_scores.evaluation_id = evaluations.id "
            "WHERE evaluations.split = 'test' ORDER BY evaluations.id"
        )
    ).all()
    for evaluation, rows in groupby(tested, key=lambda row: row[0]):
        items = sorted(row[1] for row in rows)
        # The formula of experiments.recording as it was when this migration was written.
        digest = hashlib.sha256("\n".join(items).encode()).hexdigest()[:16]
        connection.execute(
            sa.text("UPDATE evaluations SET items_digest = :digest WHERE id = :id"),
            {"digest": digest, "id": evaluation},
        )
