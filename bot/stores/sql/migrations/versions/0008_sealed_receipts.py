"""Receipts know a message again without saying whose it was"""

import sqlalchemy as sa
from alembic import context, op

from bot.stores.sql.receipts import SEALED, seal

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

AT_ONCE = 1_000
receipts = sa.table("receipts", sa.column("account", sa.String), sa.column("dedup_key", sa.String))
outbox = sa.table("outbox", sa.column("conversation_id", sa.String), sa.column("platform_id", sa.String))
conversations = sa.table("conversations", sa.column("id", sa.String), sa.column("identity_id", sa.String))
identities = sa.table("identities", sa.column("id", sa.String), sa.column("handle", sa.String))


def upgrade() -> None:
    """A platform that repeats itself within the month is still known, because old keys are sealed too. The sent messages
    of customers who were erased before lose their ids at the platform."""
    _seal(op.get_bind(), context.config.attributes.get("secret", ""))
    gone = sa.select(identities.c.id).where(identities.c.handle.startswith("gone-")).scalar_subquery()
    theirs = sa.select(conversations.c.id).where(conversations.c.identity_id.in_(gone)).scalar_subquery()
    op.execute(outbox.update().where(outbox.c.conversation_id.in_(theirs)).values(platform_id=""))


def _seal(connection: sa.Connection, secret: str) -> None:
    place = sa.tuple_(receipts.c.account, receipts.c.dedup_key)
    raw = sa.select(receipts).where(receipts.c.dedup_key.not_like(f"{SEALED}%")).order_by(*place).limit(AT_ONCE)
    this = receipts.update().where(receipts.c.account == sa.bindparam("a"), receipts.c.dedup_key == sa.bindparam("k"))
    rows = connection.execute(raw).all()
    while rows:
        sealed = [{"a": row.account, "k": row.dedup_key, "s": seal(secret, *row)} for row in rows]
        connection.execute(this.values(dedup_key=sa.bindparam("s")), sealed)
        rows = connection.execute(raw.where(place > sa.tuple_(*rows[-1]))).all()


def downgrade() -> None:
    """A seal cannot be opened: repeats of the last month would be taken for messages."""
