"""The account health page for leads: message counts, lag, failures, and what is left of rate limits and budgets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from bot.domain.accounts import AccountHealth, QuotaLeft
from bot.domain.cases import Role, Session
from bot.domain.messages import Instant
from bot.i18n import section
from bot.web.auth import RequireRole, parts_of
from bot.web.dependencies import AccountInfo, SiteParts
from bot.web.pages import page, reader_language

AccountState: TypeAlias = Literal["well", "look", "stopped"]
UNDERSTOOD_WITHIN = 60.0  # seconds until an unprocessed message counts as late
SENT_WITHIN = 300.0  # seconds until an unsent message counts as stuck
ERROR_SHOWN = 900.0  # seconds for which the last error counts unless a later call succeeded
MILLION = 1_000_000
URGENT_FIRST = ("stopped", "look", "well")
router = APIRouter()
Lead = Annotated[Session, Depends(RequireRole(Role.LEAD, Role.ADMIN))]


def account_state(health: AccountHealth, now: Instant) -> AccountState:
    """'stopped': nothing is sent. 'look': messages need a decision, work piles up, or the last call failed."""
    if health.halted:
        return "stopped"
    decide = health.in_doubt or health.failed
    late = health.unhandled and now - health.unhandled_since > UNDERSTOOD_WITHIN
    stuck = health.outgoing and now - health.outgoing_since > SENT_WITHIN
    erred = health.error_at > health.last_poll_at and now - health.error_at < ERROR_SHOWN
    return "look" if decide or late or stuck or erred else "well"


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a card."""

    name: str
    value: str
    tone: str = ""  # '' or 'bad'
    more: str = ""  # shown in small letters below


@dataclass(frozen=True, slots=True)
class Card:
    """One account on the page."""

    name: str
    channel: str
    state: AccountState
    facts: tuple[Fact, ...]
    quotas: tuple[Fact, ...]


@router.get("/accounts", response_class=HTMLResponse)
async def accounts(request: Request, session: Lead) -> HTMLResponse:
    """The page, with the accounts that need attention first."""
    parts = parts_of(request)
    health = await parts.health.accounts({name: one.app for name, one in parts.accounts.items()})
    reader = CardBuilder(parts, reader_language(request), parts.clock.now())
    cards = sorted((reader.card(one) for one in health), key=lambda card: URGENT_FIRST.index(card.state))
    return page(request, "accounts.html", session, {"cards": cards, "at": reader.moment(reader.now)})


class CardBuilder:
    """Builds cards in the reader's language. now: the time that ages are counted to."""

    def __init__(self, parts: SiteParts, language: str, now: Instant) -> None:
        self.now = now
        self._parts = parts
        self._language, self._words = language, section("desk", language)
        self._zone = ZoneInfo(parts.branding.timezone)

    def card(self, one: AccountHealth) -> Card:
        info = self._parts.accounts.get(one.account, AccountInfo("gone"))
        looked = self._text("looked", time=self.moment(one.last_poll_at)) if one.last_poll_at else ""
        heard = self._fact("heard", self.moment(one.last_message_at), more=looked)
        facts = (heard, *self._work(one), *self._errors(one), *self._costs(one, info))
        return Card(
            self._parts.branding.accounts.get(one.account, one.account),
            self._words.get(f"channel.{info.channel}", info.channel),
            account_state(one, self.now),
            facts,
            tuple(self._quota(quota) for quota in one.quotas),
        )

    def moment(self, at: Instant) -> str:
        """'10:32' for today, else with the date; 'never' for 0."""
        if not at:
            return self._words["health.never"]
        then, today = (datetime.fromtimestamp(one, self._zone) for one in (at, self.now))
        return then.strftime("%H:%M" if then.date() == today.date() else "%Y-%m-%d %H:%M")

    def _work(self, one: AccountHealth) -> list[Fact]:
        behind = self._words["health.none"]
        if one.unhandled:
            minutes, seconds = divmod(max(0, int(self.now - one.unhandled_since)), 60)
            behind = self._text("minutes", minutes=minutes) if minutes else self._text("seconds", seconds=seconds)
        outgoing = self._text("since", time=self.moment(one.outgoing_since)) if one.outgoing else ""
        later = self._text("later", count=one.waiting) if one.waiting else ""
        return [
            self._fact("lag", behind, more=self._text("behind", count=one.unhandled) if one.unhandled else ""),
            self._fact("outgoing", str(one.outgoing), more=" · ".join(filter(None, (outgoing, later)))),
            self._fact("in_doubt", str(one.in_doubt), "bad" if one.in_doubt else ""),
            self._fact("failed", str(one.failed), "bad" if one.failed else ""),
        ]

    def _errors(self, one: AccountHealth) -> list[Fact]:
        errors = [(one.halted, one.halted_at, "halted", "bad")] if one.halted else []
        if not one.halted or one.error != one.halted:  # the error that halted the account is not shown twice
            errors.append((one.error, one.error_at, "error", ""))
        return [self._error(*each) for each in errors]

    def _error(self, code: str, at: Instant, name: str, tone: str) -> Fact:
        if not code:
            return self._fact(name, self._words["health.none"])
        said = self._parts.customer.explain(code).text(self._language)
        return self._fact(name, self.moment(at), tone, f"{said} ({code})" if said else code)

    def _costs(self, one: AccountHealth, info: AccountInfo) -> list[Fact]:
        if not info.costs:
            return []
        spent = self._text("spent", amount=_dollars(one.spent))
        if info.budget is None:
            return [self._fact("money", spent, more=self._words["health.no_budget"])]
        left = max(0, info.budget - one.spent)
        of = self._text("of_budget", amount=_dollars(info.budget))
        return [
            self._fact("money", self._text("left", amount=_dollars(left)), "" if left else "bad", f"{of} · {spent}")
        ]

    def _quota(self, quota: QuotaLeft) -> Fact:
        # A window's name ends with its kind: 'POST /2/tweets user-day'; kinds are quarter, user-day and app-day.
        endpoint, _, kind = quota.window.rpartition(" ")
        kind = self._words.get(f"health.window.{kind}", kind)
        until = self._text("until", time=self.moment(quota.until))
        tone = "" if quota.left else "bad"
        return Fact(f"{endpoint} · {kind}", str(quota.left), tone, until)

    def _fact(self, name: str, value: str, tone: str = "", more: str = "") -> Fact:
        return Fact(self._words[f"health.{name}"], value, tone, more)

    def _text(self, name: str, **values: object) -> str:
        return self._words[f"health.{name}"].format_map(values)


def _dollars(millionths: int) -> str:
    return f"${millionths / MILLION:,.2f}"
