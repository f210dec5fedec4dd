"""Editions in parts, and vectors that are computed once"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "parts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index(op.f("ix_parts_at"), "parts", ["at"])
    op.create_table(
        "edition_parts",
        sa.Column("edition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.String(length=64), nullable=False),
        sa.Column("learned", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["part"], ["parts.name"]),
        sa.PrimaryKeyConstraint("edition", "part"),
    )
    op.create_index(op.f("ix_edition_parts_part"), "edition_parts", ["part"])
    op.create_table(
        "vectors",
        sa.Column("encoder", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("encoder", "digest"),
    )
    op.create_index(op.f("ix_vectors_at"), "vectors", ["at"])


def downgrade() -> None:
    for table in ("vectors", "edition_parts", "parts"):
        op.drop_table(table)
