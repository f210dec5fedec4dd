"""When a session was last used, how often a deed was done, and an index by which old deeds are found"""

import time

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    now = f"{time.time():.0f}"  # whoever is logged in stays so
    op.add_column("sessions", sa.Column("seen_at", sa.Double(), nullable=False, server_default=now))
    op.add_column("audit", sa.Column("times", sa.Integer(), nullable=False, server_default="1"))
    op.create_index("audit_at", "audit", ["at"])


def downgrade() -> None:
    op.drop_index("audit_at", "audit")
    op.drop_column("audit", "times")
    op.drop_column("sessions", "seen_at")
