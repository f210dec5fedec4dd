"""When the bot speaks first in a conversation"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

PROMPTED = sa.text("prompt_at > 0")


def upgrade() -> None:
    op.add_column("conversations", sa.Column("prompt_at", sa.Double(), server_default="0", nullable=False))
    op.create_index(
        "conversations_prompt", "conversations", ["prompt_at"], sqlite_where=PROMPTED, postgresql_where=PROMPTED
    )


def downgrade() -> None:
    op.drop_index("conversations_prompt", "conversations")
    op.drop_column("conversations", "prompt_at")
