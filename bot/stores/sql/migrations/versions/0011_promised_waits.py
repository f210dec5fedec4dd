"""How long customers were told to wait, and how long they waited for their first answer"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Cases that are open already have no promise to correct, and say nothing about the wait."""
    op.add_column("cases", sa.Column("place", sa.Integer(), server_default="0", nullable=False))
    op.add_column("cases", sa.Column("promised_until", sa.Double(), server_default="0", nullable=False))
    op.add_column("cases", sa.Column("first_answered_at", sa.Double(), server_default="0", nullable=False))
    op.create_index("cases_promised", "cases", ["promised_until"])
    op.create_index("cases_first_answered", "cases", ["first_answered_at"])


def downgrade() -> None:
    op.drop_index("cases_first_answered", "cases")
    op.drop_index("cases_promised", "cases")
    for column in ("first_answered_at", "promised_until", "place"):
        op.drop_column("cases", column)
