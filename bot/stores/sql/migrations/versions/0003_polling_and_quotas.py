"""Polling, quotas and what was said in public"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("identities", sa.Column("silenced_at", sa.Double(), server_default="0", nullable=False))
    op.create_table(
        "cursors",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("account", "name"),
    )
    op.create_table(
        "posted",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("account", "digest"),
    )
    op.create_index(op.f("ix_posted_at"), "posted", ["at"])
    op.create_table(
        "quotas",
        sa.Column("holder", sa.String(length=80), nullable=False),
        sa.Column("window", sa.String(length=80), nullable=False),
        sa.Column("left", sa.Integer(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("guessed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("holder", "window"),
    )
    op.create_table(
        "spending",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "day"),
    )
    op.create_table(
        "standings",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("halted", sa.Text(), server_default="", nullable=False),
        sa.Column("halted_at", sa.Double(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("error_at", sa.Double(), server_default="0", nullable=False),
        sa.Column("heard_at", sa.Double(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )


def downgrade() -> None:
    for table in ("standings", "spending", "quotas", "posted", "cursors"):
        op.drop_table(table)
    op.drop_column("identities", "silenced_at")
