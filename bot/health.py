"""How each official account fares, as leads read it. Frozen, without behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from bot.messages import Instant


@dataclass(frozen=True, slots=True)
class QuotaLeft:
    """A window of a platform's limit that is under way. window: the platform's name for it. shared: the app's, which
    other accounts use too."""

    window: str
    left: int
    until: Instant
    shared: bool = False


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """One account; an Instant of 0 means never.

    heard_at: a customer's last message. looked_at: a poll last came through. behind, behind_since: messages that
    nobody has understood yet, and the oldest one's arrival. outgoing, outgoing_since: messages on their way, and since
    when the oldest is there. fetched_later: those that wait until the customer writes. in_doubt, failed: those that
    wait for a person's decision. error: the last one's code. halted: the code for which nothing is sent at all. spent:
    millionths of a dollar today.
    """

    account: str
    heard_at: Instant = 0.0
    looked_at: Instant = 0.0
    behind: int = 0
    behind_since: Instant = 0.0
    outgoing: int = 0
    outgoing_since: Instant = 0.0
    fetched_later: int = 0
    in_doubt: int = 0
    failed: int = 0
    error: str = ""
    error_at: Instant = 0.0
    halted: str = ""
    halted_at: Instant = 0.0
    spent: int = 0
    quotas: tuple[QuotaLeft, ...] = ()
