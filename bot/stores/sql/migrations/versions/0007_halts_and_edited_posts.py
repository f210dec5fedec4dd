"""How a halted account is tried again, and which version of an edited post is known"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("standings", sa.Column("halted_way", sa.Text(), server_default="", nullable=False))
    op.add_column("standings", sa.Column("probes", sa.Integer(), server_default="0", nullable=False))
    op.add_column("standings", sa.Column("probe_at", sa.Double(), server_default="0", nullable=False))
    op.add_column("receipts", sa.Column("version", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("receipts", "version")
    for column in ("probe_at", "probes", "halted_way"):
        op.drop_column("standings", column)
