"""Whether an account is well, needs looking at, or has stopped."""

from __future__ import annotations

from typing import Literal, TypeAlias

from bot.health import AccountHealth
from bot.messages import Instant

State: TypeAlias = Literal["well", "look", "stopped"]
UNDERSTOOD_WITHIN, SENT_WITHIN = 60.0, 300.0
FRESH = 900.0  # seconds for which an error that nothing has disproved is worth looking at


def state(health: AccountHealth, now: Instant) -> State:
    """Stopped: nothing is sent. Look: somebody must decide, work piles up, or the last thing heard was an error."""
    if health.halted:
        return "stopped"
    decide = health.in_doubt or health.failed
    late = health.behind and now - health.behind_since > UNDERSTOOD_WITHIN
    stuck = health.outgoing and now - health.outgoing_since > SENT_WITHIN
    erred = health.error_at > health.looked_at and now - health.error_at < FRESH
    return "look" if decide or late or stuck or erred else "well"
