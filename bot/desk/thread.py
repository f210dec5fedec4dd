"""Everything said to and by a customer as one thread, in the order in which it was said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from bot.cases import Outgoing
from bot.messages import OutboxState, Said

_GRAVEST_FIRST = (
    OutboxState.FAILED,
    OutboxState.IN_DOUBT,
    OutboxState.LEFT,
    OutboxState.CANCELLED,
    OutboxState.SENDING,
    OutboxState.PENDING,
    OutboxState.OFFERED,
    OutboxState.WAITING,
    OutboxState.SENT,
)


def merged(said: Iterable[Said]) -> tuple[Said, ...]:
    """Lines of several conversations by time, each conversation in its own order.

    A platform's times are whole seconds and its clock is not ours, so inside a conversation only `seq` is believed:
    a line is never placed before the one it follows.
    """
    latest: dict[str, float] = defaultdict(float)
    places = []
    for line in sorted(said, key=lambda line: (line.conversation_id, line.seq)):
        latest[line.conversation_id] = max(latest[line.conversation_id], line.at)
        places.append((latest[line.conversation_id], line.conversation_id, line.seq, line))
    places.sort(key=lambda place: place[:3])
    return tuple(line for *_, line in places)


def gravest(pieces: Iterable[Outgoing]) -> Outgoing | None:
    """The piece whose state tells most about a line that left in several: one that failed before one that arrived."""
    return min(pieces, key=lambda piece: _GRAVEST_FIRST.index(piece.state), default=None)
