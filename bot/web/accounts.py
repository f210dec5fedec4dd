"""The page on which leads see how every account fares: what came, what waits, what failed, and what is left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from bot.cases import Role, Session
from bot.desk.wellbeing import State, state
from bot.health import AccountHealth, QuotaLeft
from bot.messages import Instant
from bot.web.pages import page, reader_language
from bot.web.parts import AccountPlace, SiteParts
from bot.web.sessions import Only, parts_of
from bot.web.words import WORDS

router = APIRouter()
Lead = Annotated[Session, Depends(Only(Role.LEAD, Role.ADMIN))]
MILLION = 1_000_000
URGENT = ("stopped", "look", "well")


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a card. tone: '' or 'bad'. more: in small letters below."""

    name: str
    value: str
    tone: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One account as it is shown."""

    name: str
    channel: str
    state: State
    facts: tuple[Fact, ...]
    quotas: tuple[Fact, ...]


@router.get("/accounts", response_class=HTMLResponse)
async def accounts(request: Request, session: Lead) -> HTMLResponse:
    """Those that need somebody come first."""
    parts = parts_of(request)
    told = await parts.health.room.accounts({name: one.app for name, one in parts.health.accounts.items()})
    reader = Reader(parts, reader_language(request), parts.clock.now())
    cards = sorted((reader.card(one) for one in told), key=lambda card: URGENT.index(card.state))
    return page(request, "accounts.html", session, {"cards": cards, "at": reader.moment(reader.now)})


class Reader:
    """Facts in one reader's words, at one time."""

    def __init__(self, parts: SiteParts, language: str, now: Instant) -> None:
        self.now = now
        self._place, self._accounts, self._explain = parts.place, parts.health.accounts, parts.health.explain
        self._language, self._words = language, WORDS[language]
        self._zone = ZoneInfo(parts.place.timezone)

    def card(self, one: AccountHealth) -> Card:
        place = self._accounts.get(one.account, AccountPlace("gone"))
        facts = (self._heard(one), *self._work(one), *self._trouble(one), *self._money(one, place))
        return Card(
            self._place.accounts.get(one.account, one.account),
            self._words.get(f"channel.{place.channel}", place.channel),
            state(one, self.now),
            facts,
            tuple(self._quota(quota) for quota in one.quotas),
        )

    def moment(self, at: Instant) -> str:
        """'10:32' today, with the date before; 'never' for 0."""
        if not at:
            return self._words["health.never"]
        then, today = (datetime.fromtimestamp(one, self._zone) for one in (at, self.now))
        return then.strftime("%H:%M" if then.date() == today.date() else "%Y-%m-%d %H:%M")

    def _heard(self, one: AccountHealth) -> Fact:
        looked = self._say("looked", time=self.moment(one.looked_at)) if one.looked_at else ""
        return self._fact("heard", self.moment(one.heard_at), more=looked)

    def _work(self, one: AccountHealth) -> list[Fact]:
        behind = self._lag(one.behind_since) if one.behind else self._words["health.none"]
        outgoing = self._say("since", time=self.moment(one.outgoing_since)) if one.outgoing else ""
        later = self._say("later", count=one.fetched_later) if one.fetched_later else ""
        return [
            self._fact("lag", behind, more=self._say("behind", count=one.behind) if one.behind else ""),
            self._fact("outgoing", str(one.outgoing), more=" · ".join(filter(None, (outgoing, later)))),
            self._fact("in_doubt", str(one.in_doubt), "bad" if one.in_doubt else ""),
            self._fact("failed", str(one.failed), "bad" if one.failed else ""),
        ]

    def _trouble(self, one: AccountHealth) -> list[Fact]:
        told = [(one.halted, one.halted_at, "halted", "bad")] if one.halted else []
        if not one.halted or one.error != one.halted:
            told.append((one.error, one.error_at, "error", ""))
        return [self._error(*each) for each in told]

    def _error(self, code: str, at: Instant, name: str, tone: str) -> Fact:
        if not code:
            return self._fact(name, self._words["health.none"])
        said = self._explain(code, self._language)
        return self._fact(name, self.moment(at), tone, f"{said} ({code})" if said else code)

    def _money(self, one: AccountHealth, place: AccountPlace) -> list[Fact]:
        if not place.costs:
            return []
        spent = self._say("spent", amount=_dollars(one.spent))
        if place.budget is None:
            return [self._fact("money", spent, more=self._words["health.no_budget"])]
        left = max(0, place.budget - one.spent)
        of = self._say("of_budget", amount=_dollars(place.budget))
        return [self._fact("money", self._say("left", amount=_dollars(left)), "" if left else "bad", f"{of} · {spent}")]

    def _quota(self, quota: QuotaLeft) -> Fact:
        """A window is called after its endpoint and its kind: '... quarter', '... user-day', '... app-day'."""
        endpoint, _, kind = quota.window.rpartition(" ")
        kind = self._words.get(f"health.window.{kind}", kind)
        until = self._say("until", time=self.moment(quota.until))
        tone = "" if quota.left else "bad"
        return Fact(f"{endpoint} · {kind}", str(quota.left), tone, until)

    def _lag(self, since: Instant) -> str:
        minutes, seconds = divmod(max(0, int(self.now - since)), 60)
        return self._say("minutes", minutes=minutes) if minutes else self._say("seconds", seconds=seconds)

    def _fact(self, name: str, value: str, tone: str = "", more: str = "") -> Fact:
        return Fact(self._words[f"health.{name}"], value, tone, more)

    def _say(self, name: str, **values: object) -> str:
        return self._words[f"health.{name}"].format_map(values)


def _dollars(millionths: int) -> str:
    return f"${millionths / MILLION:,.2f}"
