"""What was said in public, so that an account never says the same there twice in too short a time.

X refuses the same words for a day or so, and suspends apps that keep trying (reference: grammar-nazi-bot #231).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from bot.messages import Instant
from bot.stores.record.tables import posted
from bot.turns import Posting

_DIALECT = {"sqlite": sqlite, "postgresql": postgresql}


def claim(connection: Connection, account: str, posting: Posting, now: Instant) -> bool:
    """Let these words be said now; False if they were said too short a time ago."""
    new = _DIALECT[connection.dialect.name].insert(posted)
    said = new.on_conflict_do_update(
        index_elements=[posted.c.account, posted.c.digest],
        set_={"at": now},
        where=posted.c.at <= bindparam("b_before"),
    ).returning(posted.c.digest)
    row = {"account": account, "digest": digest(posting.text), "at": now, "b_before": now - posting.same_after}
    return connection.execute(said, row).first() is not None


def already_posted(connection: Connection, account: str, texts: Sequence[str], since: Instant) -> frozenset[str]:
    """Which of `texts` were said after `since`."""
    digests = {digest(text): text for text in texts}
    lately = select(posted.c.digest).where(
        posted.c.account == account, posted.c.digest.in_(list(digests)), posted.c.at > since
    )
    return frozenset(digests[digest] for digest in connection.execute(lately).scalars())


def digest(text: str) -> str:
    """By which words said in public are known again."""
    return hashlib.sha256(" ".join(text.split()).encode(errors="replace")).hexdigest()
