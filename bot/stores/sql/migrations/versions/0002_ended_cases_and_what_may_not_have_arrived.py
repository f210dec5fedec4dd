"""Looking up ended cases, and what may not have arrived"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UNDELIVERED = sa.text("state IN ('in_doubt', 'failed')")


def upgrade() -> None:
    op.create_index("cases_ended", "cases", ["ended_at", "id"])
    op.create_index(
        "outbox_undelivered", "outbox", ["state_at"], sqlite_where=UNDELIVERED, postgresql_where=UNDELIVERED
    )


def downgrade() -> None:
    op.drop_index("outbox_undelivered", "outbox")
    op.drop_index("cases_ended", "cases")
